"""SIGKILL to a whole worker in the middle of a batch of decisions, and of its undo: each is made once."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.faults.sites import Site, kill_group
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

# Enough to be killed in the middle; two reviewers start batches that overlap by half.
SUGGESTIONS = 3200
# Takes one step for each line of input.
STEPS = """
from catalog.genres import decision_batches, review
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, Genre, Movie, Suggestion
from tests.factories import GenreModelFactory, UserFactory
def start():
    number, model = int(argv[0]), GenreModelFactory(state="active")
    genres = [Genre.objects.create(name=name, slug=name.lower()) for name in ("Drama", "Crime")]
    Movie.objects.bulk_create(Movie(title=f"Film {n}", tmdb_id=n + 1) for n in range(number // 2))
    Suggestion.objects.bulk_create(
        Suggestion(
            movie=movie, genre=genre, model=model, poster_sha256="", score=0.9, threshold=0.5, sure=True
        )
        for movie in Movie.objects.all() for genre in genres
    )
    decision_batches.start(Selection(sure=True), UserFactory(username="ana"))
    decision_batches.start(Selection(genre=genres[0].pk), UserFactory(username="bo"))
def reject_the_last():
    assert review.reject(Suggestion.objects.order_by("-pk")[:3], UserFactory(username="cy")) == 3
def undo():
    for batch in DecisionBatch.objects.all():
        if decision_batches.not_undone(batch).exists():
            decision_batches.start_undo(batch, batch.reviewer)
for step in (start, reject_the_last, undo):
    input()
    assert in_processes(step) == [0]
    print(step.__name__, flush=True)
"""
DECIDED = "SELECT count(*) FROM catalog_reviewdecision WHERE verdict = 'accepted'"
UNDONE = "SELECT count(*) FROM catalog_reviewdecision WHERE verdict = 'undone'"
LIVE = "SELECT count(*) FROM catalog_run WHERE state IN ('queued', 'running')"


def states(site: Site) -> dict[str, Any]:
    return dict(site.rows("SELECT state, count(*) FROM catalog_suggestion GROUP BY state"))


def kill_in_the_middle(site: Site, worker: subprocess.Popen[bytes], count: str) -> None:
    wait_until(lambda: site.value(count) >= SUGGESTIONS // 10, "a tenth")
    kill_group(worker)
    assert site.value(count) < SUGGESTIONS - 3


def test_each_suggestion_is_decided_once_and_undone_once(site: Site) -> None:
    accepted = SUGGESTIONS - 3
    with site.start_python(STEPS, SUGGESTIONS) as person:
        assert take_step(person) == "start"
        with site.worker("io", 2) as first:
            kill_in_the_middle(site, first, DECIDED)
        assert take_step(person) == "reject_the_last"
        with site.worker("io", 2, beat=True) as second:
            wait_until(lambda: site.value(LIVE) == 0, "the end of the runs")
            check_decisions(site, accepted)
            assert take_step(person) == "undo"
            kill_in_the_middle(site, second, UNDONE)
    with site.worker("io", 2, beat=True):
        wait_until(lambda: site.value(LIVE) == 0, "the end of the runs")
    assert states(site) == {"pending": accepted, "rejected": 3}
    assert site.value("SELECT count(*) FROM catalog_moviegenre") == 0
    assert site.rows(
        "SELECT count(*), count(DISTINCT reverses_id) FROM catalog_reviewdecision WHERE reverses_id"
    ) == [(accepted, accepted)]
    assert set(site.rows("SELECT state, failed, total = done FROM catalog_run")) == {("done", 0, 1)}


def take_step(person: subprocess.Popen[str]) -> str:
    assert person.stdin is not None and person.stdout is not None
    person.stdin.write("\n")
    person.stdin.flush()
    return person.stdout.readline().strip()


def check_decisions(site: Site, accepted: int) -> None:
    assert states(site) == {"accepted": accepted, "rejected": 3}
    assert site.rows("SELECT count(*), count(DISTINCT suggestion_id) FROM catalog_reviewdecision") == [
        (SUGGESTIONS, SUGGESTIONS)
    ]
    assert site.value("SELECT count(*) FROM catalog_moviegenre WHERE origin = 'accepted'") == accepted
    # Every decision belongs to one batch and its reviewer, and the runs counted what they took.
    assert (
        site.value(
            "SELECT count(*) FROM catalog_reviewdecision d JOIN catalog_decisionbatch b ON b.id = d.batch_id"
            " AND b.reviewer_id = d.reviewer_id"
        )
        == accepted
    )
    assert site.rows("SELECT state, failed, total = done FROM catalog_run") == [("done", 0, 1)] * 2
