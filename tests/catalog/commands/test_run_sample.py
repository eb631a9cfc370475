"""`manage.py run_sample` imports the sample and starts its runs once; it fails if no worker is running."""

from __future__ import annotations

import io
import os

import pytest
from django.core.management import CommandError, call_command

from catalog.management.commands import run_sample, up
from catalog.models import Movie, Run
from catalog.runs import lifecycle
from catalog.sample.films import sample_films
from postersite.launcher import site_setup
from tests.catalog.genres.genre_heads import evidence_model
from tests.factories import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_sample, "START_TIMEOUT_S", 0.0)
    monkeypatch.setattr(run_sample, "POLL_INTERVAL_S", 0.01)


def run_without_workers() -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match="No worker has started"):
        call_command("run_sample", stdout=out)
    return out.getvalue()


@pytest.mark.slow
def test_every_film_is_imported_and_its_poster_requested() -> None:
    films = len(sample_films())
    assert (
        f"Sample catalogue: {films} created, 0 changed, 0 unchanged, 0 conflicting, 0 rejected."
        in run_without_workers()
    )
    run = lifecycle.live_runs().get()
    assert (run.kind, run.total, run.followed_by) == ("scrape", films, ["embed", "train", "label"])
    assert Movie.objects.exclude(franchise="").exists()
    assert 0.2 < Movie.objects.untagged().count() / films < 0.3
    assert not Movie.objects.filter(overview="").exists()


@pytest.mark.slow
def test_films_that_are_labelled_for_their_overviews_do_not_replace_the_runs_of_the_sample() -> None:
    evidence_model()
    run_without_workers()
    # The second file brings overviews, which the model reads.
    assert sorted(run.kind for run in lifecycle.live_runs()) == ["label", "scrape"]


@pytest.mark.slow
def test_starting_again_continues_the_unfinished_run() -> None:
    run_without_workers()
    RunFactory(kind="import", state=Run.State.RUNNING)
    before = set(lifecycle.live_runs().exclude(kind="import"))
    assert " 0 created" in run_without_workers()
    assert set(lifecycle.live_runs().exclude(kind="import")) == before


@pytest.mark.slow
def test_the_error_of_a_failed_run_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    RunFactory(kind="scrape", state=Run.State.QUEUED, total=1)
    monkeypatch.setattr(run_sample, "START_TIMEOUT_S", 60.0)
    monkeypatch.setattr(run_sample.time, "sleep", lambda _: fail_all())
    with pytest.raises(CommandError, match="The site is down"):
        call_command("run_sample", stdout=io.StringIO())


def fail_all() -> None:
    live = Run.objects.filter(state=Run.State.QUEUED)
    live.update(state=Run.State.FAILED, failed=1, message="The site is down.")


@pytest.mark.slow
def test_a_sample_whose_runs_have_finished_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    RunFactory(kind="scrape", state=Run.State.QUEUED, total=1)
    monkeypatch.setattr(run_sample, "START_TIMEOUT_S", 60.0)
    monkeypatch.setattr(run_sample.time, "sleep", lambda _: Run.objects.update(state=Run.State.DONE))
    call_command("run_sample", stdout=io.StringIO())
    assert site_setup.sample_is_complete()


@pytest.mark.parametrize(("named", "used"), [(None, "postersite,pixels"), ("histograms", "histograms")])
def test_the_sample_is_embedded_with_raw_pixels_too_by_default(
    monkeypatch: pytest.MonkeyPatch, named: str | None, used: str
) -> None:
    monkeypatch.setattr(site_setup, "sample_is_complete", lambda: True)
    # Removes after the test what the launcher sets for its processes.
    monkeypatch.setattr(os, "environ", {} if named is None else {"POSTERSITE_EXTRACTORS": named})
    up.Command()._with_sample([])
    assert os.environ["POSTERSITE_EXTRACTORS"] == used
