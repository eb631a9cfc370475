"""The first start: the admin account and its password, and when the sample catalogue is wanted."""

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
from tests.catalog.genres.bundled_files import shipped_genres
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_password_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTERSITE_ADMIN_PASSWORD", "POSTERSITE_ADMIN_PASSWORD_FILE", "DJANGO_SUPERUSER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def create(show_password: bool = True) -> list[str]:
    said: list[str] = []
    site_setup.create_admin(said.append, "http://localhost:8000/admin/", show_password=show_password)
    return said


def test_the_password_is_said_once_and_works(rf: Any) -> None:
    said = "\n".join(create())
    found = re.search(r"password +(\S{16,})", said)
    assert found and "http://localhost:8000/admin/" in said
    user = authenticate(rf.post("/"), username="admin", password=found[1])
    assert user is not None and user.is_superuser
    assert found[1] not in user.password
    assert create() == []


def test_without_a_terminal_no_password_is_made(rf: Any) -> None:
    [sentence] = create(show_password=False)
    assert "make setup" in sentence and "POSTERSITE_ADMIN_PASSWORD" in sentence
    assert not get_user_model().objects.exists()
    assert any("password  " in line for line in create())


@pytest.mark.parametrize("name", ["POSTERSITE_ADMIN_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"])
@pytest.mark.parametrize("show_password", [True, False])
def test_a_given_password_is_taken_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, rf: Any, name: str, show_password: bool
) -> None:
    monkeypatch.setenv(name, "$correct horse battery")
    assert "correct horse" not in "\n".join(create(show_password))
    assert authenticate(rf.post("/"), username="admin", password="$correct horse battery")


def test_a_password_is_taken_from_a_file(monkeypatch: pytest.MonkeyPatch, rf: Any, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("POSTERSITE_ADMIN_PASSWORD_FILE", str(file))
    with pytest.raises(StartError, match="POSTERSITE_ADMIN_PASSWORD_FILE"):
        create()
    file.write_text("correct horse battery\n")
    create()
    assert authenticate(rf.post("/"), username="admin", password="correct horse battery")


@pytest.mark.parametrize("password", ["tr0ub4dor&3", "postersite2026"])
def test_a_weak_password_makes_no_account(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("POSTERSITE_ADMIN_PASSWORD", password)
    with pytest.raises(StartError) as raised:
        create()
    assert password not in str(raised.value) and not get_user_model().objects.exists()


def test_another_administrator_is_enough() -> None:
    UserFactory(admin=True)
    assert create() == []
    assert get_user_model().objects.count() == 1


def test_an_account_of_that_name_is_not_taken_over() -> None:
    UserFactory(username="admin")
    assert "createsuperuser" in create()[0]
    assert not get_user_model().objects.get().is_superuser


def test_the_sample_fills_an_empty_catalogue_and_stays(settings: Any) -> None:
    assert site_setup.sample_wanted()
    MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    assert site_setup.sample_wanted()
    settings.SAMPLE = False
    assert not site_setup.sample_wanted()


@pytest.mark.parametrize("tmdb_id", [None, 603])
def test_the_sample_leaves_a_catalogue_of_ones_own_alone(tmdb_id: int | None) -> None:
    MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    MovieFactory(tmdb_id=tmdb_id)
    assert not site_setup.sample_wanted()


def test_a_site_works_without_the_sample_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_setup, "find_spec", lambda name: None)
    assert not site_setup.sample_wanted()


def test_the_sample_run_is_over_once_it_came_to_its_end() -> None:
    assert site_setup.sample_unfinished()
    MovieFactory(tmdb_id=site_setup.FIRST_SAMPLE_TMDB_ID)
    assert site_setup.sample_unfinished()
    site_setup.sample_is_complete()
    assert not site_setup.sample_unfinished()


def test_an_emptied_catalogue_is_filled_again() -> None:
    site_setup.sample_is_complete()
    assert site_setup.sample_unfinished()


def test_a_shipped_model_is_taken_up_once_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights = shipped_genres(tmp_path)
    said: list[str] = []
    take_up = bundled.take_up_genre_model
    monkeypatch.setattr(bundled, "take_up_genre_model", lambda: take_up(weights))
    site_setup.take_up_shipped(said.append)
    site_setup.take_up_shipped(said.append)
    assert said == ["Genre model 1 came with Postersite and suggests genres from the start."]


def test_a_shipped_model_that_is_damaged_is_told_and_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = shipped_genres(tmp_path)
    weights.write_bytes(b"damaged")
    said: list[str] = []
    take_up = bundled.take_up_genre_model
    monkeypatch.setattr(bundled, "take_up_genre_model", lambda: take_up(weights))
    site_setup.prepare(said.append, "http://localhost:8000/admin/", show_password=True)
    assert said[0].startswith("The genre model that comes with Postersite is left out: ")
    assert not GenreModel.objects.exists()
    assert get_user_model().objects.get().is_superuser


def test_a_catalogue_of_an_earlier_version_is_told_that_it_is_looked_at_anew() -> None:
    EmbeddingFactory(extractor=ExtractorFactory(spec="histograms", dims=4))
    said: list[str] = []
    site_setup.take_up_shipped(said.append)
    assert "1 poster is looked at with Postersite's own eyes now" in said[-1]


def test_a_broken_database_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("database or disk is full\nLINE 1")

    monkeypatch.setattr(site_setup, "call_command", fail)
    with pytest.raises(StartError, match=r"database or disk is full\. Check DATABASE_URL") as raised:
        site_setup.prepare(lambda _: None, "", show_password=False)
    assert "LINE 1" not in str(raised.value)
