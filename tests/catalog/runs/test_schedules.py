"""Scheduled runs start when there is something to do, and only then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery.schedules import crontab
from django.utils import timezone

from catalog import tasks
from catalog.models import Poster, Run, RunItem, SourceLookup
from catalog.posters import selection
from catalog.posters.primary import store_poster
from postersite.celery import app
from tests.factories import MovieFactory, RunFactory, RunItemFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sources(settings: Any) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    settings.EXTRACTORS = ["pixels"]


def test_new_arrivals_are_fetched_embedded_and_labelled() -> None:
    movie = MovieFactory()
    run = selection.start_new_arrivals()
    assert run is not None
    assert [item.movie for item in run.items.all()] == [movie]
    assert run.followed_by == ["embed", "label"]


def test_nothing_is_started_while_such_a_run_goes_on_or_without_a_source(settings: Any) -> None:
    MovieFactory()
    assert selection.start_new_arrivals() is not None
    MovieFactory()
    assert selection.start_new_arrivals() is None
    Run.objects.update(state=Run.State.DONE)
    settings.POSTER_SOURCES = []
    assert selection.start_new_arrivals() is None


def test_a_movie_without_result_is_looked_up_again_after_a_week() -> None:
    movie = MovieFactory()
    before = RunFactory(kind="scrape", state=Run.State.FAILED)
    now = timezone.now()
    RunItemFactory(run=before, movie=movie, state=RunItem.State.FAILED, finished_at=now)
    assert selection.start_new_arrivals() is None
    RunItem.objects.update(finished_at=now - timedelta(days=8))
    assert selection.start_new_arrivals() is not None


def test_a_refresh_starts_for_stale_posters_only() -> None:
    movie = MovieFactory()
    store_poster(movie, tiny_jpeg(1), source="tmdb_page")
    assert selection.start_refresh() is None
    Poster.objects.update(fetched_at=timezone.now() - timedelta(days=400))
    run = selection.start_refresh()
    assert run is not None and [item.movie for item in run.items.all()] == [movie]
    assert selection.start_refresh() is None
    SourceLookup.objects.create(movie=movie, source="tmdb_page", found=True, checked_at=timezone.now())
    Run.objects.update(state=Run.State.DONE)
    assert selection.start_refresh() is None


def test_every_scheduled_task_exists_and_has_a_queue() -> None:
    for name, entry in app.conf.beat_schedule.items():
        task = entry["task"].rpartition(".")[2]
        assert callable(getattr(tasks, task)), name
        assert getattr(getattr(tasks, task), "queue", app.conf.task_default_queue) in ("io", "ml"), name
    times = {name: entry["schedule"] for name, entry in app.conf.beat_schedule.items()}
    assert isinstance(times["start_refresh"], crontab)
    assert {"start_new_arrivals", "start_refresh", "start_check"} <= set(times)
