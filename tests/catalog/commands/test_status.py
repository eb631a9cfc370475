"""`manage.py status`: facts with their verdict, and an exit status that a monitor can use."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from catalog.embeddings import embedding, extractors, index_files
from catalog.genres import bundled, model_files
from catalog.management.commands import status
from catalog.models import Extractor
from postersite.launcher.broker import private_broker
from tests.catalog.genres.bundled_files import bundled_genres
from tests.factories import MovieFactory, PosterFactory, RunFactory

pytestmark = pytest.mark.django_db


def test_an_absent_broker_is_wrong_and_says_what_to_start(settings: Any, tmp_path: Path) -> None:
    MovieFactory()
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("status", stdout=out, no_color=True)
    assert ended.value.code == 1
    lines = out.getvalue().splitlines()
    assert any(line.startswith("WRONG broker") and "manage.py up" in line for line in lines)
    assert any(line.startswith("ok    database") for line in lines)
    assert any("1 movies" in line for line in lines)


@pytest.mark.process
def test_a_broker_tells_its_version_and_what_waits(settings: Any, tmp_path: Path) -> None:
    with private_broker(tmp_path) as url:
        settings.REDIS_URL = url
        ((is_well, fact),) = status.broker()
    assert is_well
    assert fact.startswith("valkey 9.") and "0 tasks in io, 0 tasks in ml" in fact


def test_passwords_are_not_shown(settings: Any) -> None:
    settings.REDIS_URL = "redis://user:secret@127.0.0.1:1/0"
    ((is_well, fact),) = status.broker()
    assert not is_well
    assert "127.0.0.1:1" in fact and "secret" not in fact


def test_live_runs_are_listed() -> None:
    run = RunFactory(kind="scrape", state="running", total=10, done=4, failed=1)
    assert list(status.live_runs()) == [(True, f"{run}: 5 of 10, 1 failed")]


def test_extractors_report_progress_and_which_one_look_alikes_come_from() -> None:
    made = [PosterFactory(), PosterFactory(), PosterFactory()]
    embedding.embed(made, extractors.load("histograms"))
    embedding.embed(made[:1], extractors.load("postersite"))
    ours, default, *stale = status.embeddings()
    assert [fact.split()[3] for _, fact in stale] == ["histograms", "postersite"]
    index_files.build_stale()
    ours, default = status.embeddings()
    assert ours == (True, f"postersite has embedded 1 of 3 posters ({extractors.fingerprint('postersite')})")
    assert default == (
        True,
        "look-alikes come from histograms until postersite has embedded nearly all posters",
    )


def test_a_named_extractor_without_weights_is_wrong(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2", "pixels"]
    assert [well for well, fact in status.embeddings() if "fetch_weights mobilenet_v2" in fact] == [False]


def test_the_active_genre_model_and_problems_with_it(tmp_path: Path, settings: Any) -> None:
    assert next(fact for _, fact in status.genre_model()).startswith("none")
    model, _ = bundled.install_genre_model(bundled_genres(tmp_path))
    [(is_well, fact)] = status.genre_model()
    assert is_well and "genre model 1 (logistic, bundled, active)" in fact
    Extractor.objects.update(fingerprint="postersite-old")
    _, (_, earlier), (is_well, _) = status.genre_model()
    assert not is_well and earlier.endswith("reads an earlier postersite (postersite-old)")
    settings.EXTRACTORS = ["postersite"]
    assert "nothing replaces it automatically" in list(status.genre_model())[1][1]
    model_files.weights_path(model).unlink()
    ((well, fact),) = status.genre_model()
    assert not well and "is missing" in fact


def test_a_full_disk_is_wrong(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(status, "SPACE_NEEDED", 2**62)
    ((is_well, _),) = status.disk()
    assert not is_well
