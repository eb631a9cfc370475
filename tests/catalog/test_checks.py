"""System checks: each problem has its id and a hint; a correct site has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks

from catalog.checks import TAG, site_messages

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def correct_settings(settings: Any) -> None:
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    settings.POSTER_SOURCES = ["tmdb_page"]
    settings.CONTACT = "films@example.org"
    settings.DEBUG = False
    # Servers may lack extensions; the check is tested with the index of vectors.
    settings.SILENCED_SYSTEM_CHECKS = ["catalog.W010"]


def found() -> dict[str | None, CheckMessage]:
    return {message.id: message for message in site_messages()}


def test_a_correct_site_has_no_messages() -> None:
    assert found() == {}


def test_a_folder_that_cannot_be_written_or_does_not_exist_yet(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "new" / "var"
    settings.WEIGHTS_DIR = settings.VAR_DIR / "weights"
    assert found() == {}
    (tmp_path / "new").write_text("a file in its place")
    assert "POSTERSITE_VAR" in str(found()["catalog.E001"].hint)


@pytest.mark.parametrize(
    ("setting", "value", "code", "unknown", "known"),
    [
        ("POSTER_SOURCES", ["tmdb_page", "tmbd_page"], "E002", "tmbd_page", "imdb_page"),
        ("EXTRACTORS", ["pixels", "resnet_9000"], "E003", "resnet_9000", "mobilenet_v2"),
        (
            *("REQUESTS_PER_SECOND_OF", {"imdb_page": 0.5, "www.imdb.org": 0.5}),
            *("E005", "www.imdb.org", "www.imdb.com"),
        ),
        ("GENRE_EVIDENCE", "poster, plot", "E006", "poster, plot", "overview"),
    ],
)
def test_an_unknown_name(
    settings: Any, setting: str, value: object, code: str, unknown: str, known: str
) -> None:
    setattr(settings, setting, value)
    message = found()[f"catalog.{code}"]
    assert f"'{unknown}'" in message.msg and known in str(message.hint)


def test_no_poster_source(settings: Any) -> None:
    settings.POSTER_SOURCES = []
    assert "POSTERSITE_POSTER_SOURCES" in str(found()["catalog.W001"].hint)
    # Most commands need no poster source.
    assert run_checks(tags=[TAG]) == []


def test_real_sites_without_a_contact(settings: Any) -> None:
    settings.CONTACT = ""
    assert "POSTERSITE_CONTACT" in str(found()["catalog.W002"].hint)
    settings.REPLICA_URL = "http://127.0.0.1:8900"
    assert found() == {}


def test_a_missing_weights_folder(settings: Any, tmp_path: Path) -> None:
    settings.WEIGHTS_DIR = tmp_path / "misspelt"
    assert "fetch_weights" in str(found()["catalog.W003"].hint)


def test_debug_on_a_public_site(settings: Any) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", "films.example.org"]
    assert "films.example.org" in found()["catalog.W004"].msg
    settings.ALLOWED_HOSTS = ["localhost"]
    assert found() == {}
