"""The first start: the admin account and its password, the bundled models, and the sample catalogue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import OperationalError

from catalog.genres import bundled
from catalog.models import GenreModel
from postersite.launcher import site_setup
from postersite.launcher.errors import StartError
from tests.catalog.genres.bundled_files import bundled_genres
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "$correct horse battery"
URL = "http://localhost:8000/admin/"


@pytest.fixture(autouse=True)
def no_password_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTERSITE_ADMIN_PASSWORD", "POSTERSITE_ADMIN_PASSWORD_FILE", "DJANGO_SUPERUSER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def create(show_password: bool = True) -> str:
    lines: list[str] = []
    site_setup.create_admin(lines.append, URL, show_password=show_password)
    return "\n".join(lines)


def test_the_password_is_shown_once_and_works(rf: Any) -> None:
    shown = create()
    found = re.search(r"password +(\S{16,})", shown)
    assert found and URL in shown
    user = authenticate(rf.post("/"), username="admin", password=found[1])
    assert user is not None and user.is_superuser
    assert found[1] not in user.password
    assert create() == ""


def test_no_password_is_made_when_it_would_be_logged() -> None:
    shown = create(show_password=False)
    assert "make setup" in shown and "POSTERSITE_ADMIN_PASSWORD" in shown
    assert not get_user_model().objects.exists()
    assert "password  " in create()


@pytest.mark.parametrize("name", ["POSTERSITE_ADMIN_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"])
@pytest.mark.parametrize("show_password", [True, False])
def test_a_given_password_is_used_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, rf: Any, name: str, show_password: bool
) -> None:
    monkeypatch.setenv(name, PASSWORD)
    assert PASSWORD not in create(show_password)
    assert authenticate(rf.post("/"), username="admin", password=PASSWORD)


def test_a_password_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, rf: Any, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("POSTERSITE_ADMIN_PASSWORD_FILE", str(file))
    with pytest.raises(StartError, match="POSTERSITE_ADMIN_PASSWORD_FILE"):
        create()
    file.write_text(f"{PASSWORD}\n")
    create()
    assert authenticate(rf.post("/"), username="admin", password=PASSWORD)


@pytest.mark.parametrize("password", ["tr0ub4dor&3", "postersite2026"])
def test_a_weak_password_makes_no_account(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("POSTERSITE_ADMIN_PASSWORD", password)
    with pytest.raises(StartError) as raised:
        create()
    assert password not in str(raised.value) and not get_user_model().objects.exists()


def test_existing_accounts_are_not_changed() -> None:
    UserFactory(username="admin")
    assert "createsuperuser" in create()
    assert not get_user_model().objects.get().is_superuser
    UserFactory(admin=True)
    assert create() == ""


def test_the_sample_fills_an_empty_catalogue_and_stays(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site_setup.has_sample()
    MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    MovieFactory(tmdb_id=None, movielens_id=site_setup.FIRST_SAMPLE_MOVIELENS_ID)
    assert site_setup.has_sample()
    with monkeypatch.context() as patch:
        patch.setattr(site_setup, "find_spec", lambda name: None)
        assert not site_setup.has_sample()
    settings.SAMPLE = False
    assert not site_setup.has_sample()


@pytest.mark.parametrize("tmdb_id", [None, 603])
def test_other_movies_switch_the_sample_off(tmdb_id: int | None) -> None:
    MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    MovieFactory(tmdb_id=tmdb_id)
    assert not site_setup.has_sample()


def test_the_sample_is_complete_until_the_catalogue_is_emptied() -> None:
    movie = MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    assert not site_setup.sample_is_complete()
    site_setup.mark_sample_complete()
    assert site_setup.sample_is_complete()
    movie.delete()
    assert not site_setup.sample_is_complete()


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of the bundled genre model."""
    file = bundled_genres(tmp_path)
    install = bundled.install_genre_model
    monkeypatch.setattr(bundled, "install_genre_model", lambda: install(file))
    return file


def test_the_bundled_genre_model_is_installed_once(weights: Path) -> None:
    lines: list[str] = []
    site_setup.install_bundled(lines.append)
    site_setup.install_bundled(lines.append)
    assert GenreModel.objects.get().state == GenreModel.State.ACTIVE
    assert len(lines) == 1


def test_a_site_starts_without_a_damaged_genre_model(weights: Path) -> None:
    weights.write_bytes(b"damaged")
    lines: list[str] = []
    site_setup.prepare(lines.append, URL, show_password=True)
    assert str(weights) in lines[0]
    assert not GenreModel.objects.exists()
    assert get_user_model().objects.get().is_superuser


def test_a_catalogue_of_an_earlier_version_is_embedded_again() -> None:
    EmbeddingFactory(extractor=ExtractorFactory(spec="histograms", dims=4))
    lines: list[str] = []
    site_setup.install_bundled(lines.append)
    assert "1 poster is embedded again" in lines[-1]


def test_a_database_error_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("database or disk is full\nLINE 1")

    monkeypatch.setattr(site_setup, "call_command", fail)
    with pytest.raises(StartError, match="database or disk is full") as raised:
        site_setup.prepare(lambda _: None, "", show_password=False)
    assert "LINE 1" not in str(raised.value)
