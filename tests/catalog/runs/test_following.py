"""One run after another: a follower starts once, when the run before it is done, or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Movie, Run
from catalog.runs import leases, lifecycle
from tests.factories import MovieFactory, PosterFactory, UserFactory

pytestmark = pytest.mark.django_db


def work_off(run: Run, *, failing: bool = False) -> None:
    while items := leases.acquire_batch(run.pk):
        for item in items:
            leases.fail(item, "It broke.") if failing else leases.finish(item)
    run.refresh_from_db()


def test_a_follower_starts_when_the_run_is_done() -> None:
    user = UserFactory()
    MovieFactory()
    PosterFactory()
    run = lifecycle.start("scrape", followed_by=["embed", "train"], asked_by=user)
    work_off(run)
    lifecycle.settle(run.pk)
    follower = Run.objects.get(previous=run)
    assert (follower.kind, follower.followed_by, follower.asked_by) == ("embed", ["train"], user)
    assert follower.total == 1


def test_a_run_that_is_not_over_has_no_follower_yet() -> None:
    MovieFactory.create_batch(5)
    run = lifecycle.start("scrape", followed_by=["train"])
    leases.finish(leases.acquire_batch(run.pk)[0])
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live
    assert Run.objects.count() == 1


def test_settling_twice_starts_one_follower() -> None:
    MovieFactory()
    run = lifecycle.start("scrape", followed_by=["train"])
    work_off(run)
    lifecycle.settle(run.pk)
    lifecycle.settle(run.pk)
    assert Run.objects.filter(previous=run).count() == 1


def test_a_run_with_nothing_to_do_is_followed_at_once() -> None:
    run = lifecycle.start("scrape", followed_by=["train"])
    assert Run.objects.get(previous=run).kind == "train"


def test_a_follower_that_cannot_start_is_a_failed_run_with_its_sentence() -> None:
    user = UserFactory()
    run = lifecycle.start("scrape", followed_by=["label", "embed"], asked_by=user)
    follower = Run.objects.get(previous=run)
    assert (follower.kind, follower.state, follower.asked_by) == ("label", Run.State.FAILED, user)
    assert "No genre model is active" in follower.message
    assert follower.finished_at is not None
    assert not Run.objects.filter(previous=follower).exists()


def test_a_follower_without_its_weights_does_not_keep_the_run_from_ending(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2"]
    MovieFactory()
    run = lifecycle.start("scrape", followed_by=["embed"])
    work_off(run)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert "fetch_weights" in Run.objects.get(previous=run).message


def test_nothing_follows_a_run_that_failed_as_a_whole() -> None:
    MovieFactory.create_batch(2)
    run = lifecycle.start("scrape", followed_by=["embed"])
    work_off(run, failing=True)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert Run.objects.count() == 1


def test_a_run_that_failed_in_part_is_followed() -> None:
    MovieFactory.create_batch(2)
    run = lifecycle.start("scrape", followed_by=["train"])
    one, other = leases.acquire_batch(run.pk)
    leases.finish(one)
    leases.fail(other, "No poster.")
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done, run.failed, run.total) == (Run.State.DONE, 1, 1, 2)
    assert Run.objects.filter(previous=run).exists()


def test_settling_a_run_that_was_deleted_is_harmless() -> None:
    run = lifecycle.start("train", queue=False)
    run.delete()
    lifecycle.settle(run.pk or 4711)
    assert not Run.objects.exists()


def test_a_run_whose_movies_are_deleted_meanwhile_comes_to_its_end() -> None:
    MovieFactory.create_batch(6)
    run = lifecycle.start("scrape", followed_by=["train"])
    for item in leases.acquire_batch(run.pk)[:2]:
        leases.finish(item)
    Movie.objects.filter(run_items__state__in=["pending", "running"]).delete()
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert (run.state, run.total, run.done, run.percent) == (Run.State.DONE, 2, 2, 100)
    assert Run.objects.filter(previous=run).exists()


def test_a_run_is_not_over_while_what_is_left_of_it_is_held() -> None:
    MovieFactory.create_batch(3)
    run = lifecycle.start("scrape")
    held = leases.acquire_batch(run.pk)
    Movie.objects.filter(run_items=held[0]).delete()
    leases.finish(held[1])
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live
    leases.fail(held[2], "It broke.")
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert (run.state, run.total, run.failed) == (Run.State.DONE, 2, 1)
