"""One run after another: a follower starts once, when the run before it is done, or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Movie, Run
from catalog.runs import leases, lifecycle
from tests.factories import PosterFactory, UserFactory

from .scrapes import counts, scrape_of

pytestmark = pytest.mark.django_db


def work_off(run: Run, *, failing: int = 0) -> None:
    """Process all items, the first ones without success, and settle twice, as two workers may."""
    while items := leases.acquire_batch(run.pk):
        for item in items:
            leases.fail(item, "It broke.") if failing > 0 else leases.finish(item)
            failing -= 1
    lifecycle.settle(run.pk)
    lifecycle.settle(run.pk)
    run.refresh_from_db()


def test_one_follower_starts_when_the_run_is_done() -> None:
    user = UserFactory()
    PosterFactory()
    run = scrape_of(5, followed_by=["embed", "train"], asked_by=user)
    first, *others = leases.acquire_batch(run.pk)
    leases.finish(first)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live and Run.objects.count() == 1
    leases.finish_all(others)
    work_off(run)
    follower = Run.objects.get(previous=run)
    assert (follower.kind, follower.followed_by, follower.asked_by) == ("embed", ["train"], user)
    assert follower.total == 1


def test_a_run_with_nothing_to_do_is_followed_at_once() -> None:
    run = scrape_of(0, followed_by=["train"])
    assert Run.objects.get(previous=run).kind == "train"


def test_a_follower_that_cannot_start_is_a_failed_run_with_its_sentence() -> None:
    user = UserFactory()
    run = scrape_of(0, followed_by=["label", "embed"], asked_by=user)
    follower = Run.objects.get(previous=run)
    assert (follower.kind, follower.state, follower.asked_by) == ("label", Run.State.FAILED, user)
    assert "No genre model is active" in follower.message
    assert follower.finished_at is not None
    assert not Run.objects.filter(previous=follower).exists()


def test_a_follower_without_its_weights_does_not_keep_the_run_from_ending(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2"]
    run = scrape_of(1, followed_by=["embed"])
    work_off(run)
    assert run.state == Run.State.DONE
    assert "fetch_weights" in Run.objects.get(previous=run).message


@pytest.mark.parametrize(("failing", "state"), [(1, Run.State.DONE), (2, Run.State.FAILED)])
def test_a_run_that_failed_in_part_is_followed_and_one_that_failed_is_not(failing: int, state: str) -> None:
    run = scrape_of(2, followed_by=["train"])
    work_off(run, failing=failing)
    assert (run.state, run.done, run.failed, run.total) == (state, 2 - failing, failing, 2)
    assert Run.objects.filter(previous=run).exists() == (state == Run.State.DONE)


def test_settling_a_run_that_was_deleted_is_harmless() -> None:
    run = lifecycle.start("train", queue=False)
    key = run.pk
    run.delete()
    lifecycle.settle(key)
    assert not Run.objects.exists()


def test_a_run_whose_movies_are_deleted_ends_when_its_last_leased_item_does() -> None:
    run = scrape_of(6, followed_by=["train"])
    held = leases.acquire_batch(run.pk)
    Movie.objects.exclude(pk__in=[item.movie_id for item in held[1:3]]).delete()
    leases.finish(held[1])
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live
    leases.fail(held[2], "It broke.")
    lifecycle.settle(run.pk)
    assert (*counts(run), run.state, run.total, run.percent) == (1, 1, Run.State.DONE, 2, 100)
    assert Run.objects.filter(previous=run).exists()
