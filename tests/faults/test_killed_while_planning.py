"""SIGKILL in the middle of planning a chunk: nothing of it is in, and whoever comes next plans all of it."""

from __future__ import annotations

import signal

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

MOVIES = 60
CHUNK = 40
START = """
from catalog.models import Movie
from catalog.runs import chunks
from catalog.runs import lifecycle
chunks.KEYS_PER_CHUNK = int(argv[1])
Movie.objects.bulk_create(Movie(title=f"Film {n}", tmdb_id=n + 1) for n in range(int(argv[0])))
print(lifecycle.start("scrape", queue=False, followed_by=["train"]).pk)
"""
# Dies when the items are written and the chunk is not yet gone.
DIE = """
import os, signal
from django.db import connection
from catalog.runs import chunks
def die(execute, sql, *rest):
    if sql.startswith("DELETE") and "runchunk" in sql:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, *rest)
with connection.execute_wrapper(die):
    chunks.materialise_next(int(argv[0]))
"""
# What a worker's task does, but for fetching.
WORK = """
from catalog.runs import leases
from catalog.runs import chunks
from catalog.runs import lifecycle
run = int(argv[0])
while leases.process_batch(run, lambda items: [leases.finish(item) for item in items]):
    chunks.materialise_due(run)
    lifecycle.settle(run)
lifecycle.settle(run)
"""


def test_the_chunk_is_planned_once_by_whoever_comes_next(site: Site) -> None:
    run = int(site.said(START, MOVIES, CHUNK))
    before = site.rows("SELECT count(*) FROM catalog_runitem") + site.rows("SELECT * FROM catalog_runchunk")
    killed = site.python(DIE, run)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert before == (
        site.rows("SELECT count(*) FROM catalog_runitem") + site.rows("SELECT * FROM catalog_runchunk")
    )

    site.said(WORK, run)
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES, 0)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]


def test_several_that_plan_at_the_same_time_plan_each_movie_once(site: Site) -> None:
    run = int(site.said(START, MOVIES, 10))
    workers = [site.python(WORK, run) for _ in range(3)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    site.said(WORK, run)  # all three may have been waiting for each other's last items
    assert site.rows("SELECT state, total, done FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
