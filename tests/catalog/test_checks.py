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


def found() -> dict[str | None, CheckMessage]:
    return {message.id: message for message in site_messages()}


def test_a_correct_site_has_no_messages() -> None:
    assert found() == {}


def test_a_folder_that_cannot_be_written(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.VAR_DIR = tmp_path / "file" / "var"
    settings.WEIGHTS_DIR = settings.VAR_DIR / "weights"
    assert "POSTERSITE_VAR" in str(found()["catalog.E001"].hint)


def test_a_folder_that_does_not_exist_yet(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "new" / "var"
    settings.WEIGHTS_DIR = settings.VAR_DIR / "weights"
    assert found() == {}


def test_an_unknown_poster_source(settings: Any) -> None:
    settings.POSTER_SOURCES = ["tmdb_page", "tmbd_page"]
    message = found()["catalog.E002"]
    assert "'tmbd_page'" in message.msg and "imdb_page" in str(message.hint)


def test_a_rate_limit_for_an_unknown_host(settings: Any) -> None:
    settings.REQUESTS_PER_SECOND_OF = {"imdb_page": 0.5, "www.imdb.org": 0.5}
    message = found()["catalog.E005"]
    assert "'www.imdb.org'" in message.msg and "www.imdb.com" in str(message.hint)


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


def test_an_unknown_extractor(settings: Any) -> None:
    settings.EXTRACTORS = ["pixels", "resnet_9000"]
    message = found()["catalog.E003"]
    assert "'resnet_9000'" in message.msg and "mobilenet_v2" in str(message.hint)


def test_a_missing_weights_folder(settings: Any, tmp_path: Path) -> None:
    settings.WEIGHTS_DIR = tmp_path / "misspelt"
    assert "fetch_weights" in str(found()["catalog.W003"].hint)


def test_debug_on_a_public_site(settings: Any) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", "films.example.org"]
    assert "films.example.org" in found()["catalog.W004"].msg
    settings.ALLOWED_HOSTS = ["localhost"]
    assert found() == {}
