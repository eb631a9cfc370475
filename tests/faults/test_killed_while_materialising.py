"""SIGKILL while a chunk of a run becomes items: none of it is stored, and the next process does all of it."""

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
# Killed when the items are written and the chunk is not deleted yet.
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
# The same as a worker's task, without fetching.
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


def test_the_next_process_materialises_the_chunk_once(site: Site) -> None:
    run = int(site.run_python(START, MOVIES, CHUNK))
    before = site.rows("SELECT count(*) FROM catalog_runitem") + site.rows("SELECT * FROM catalog_runchunk")
    killed = site.start_python(DIE, run)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert before == (
        site.rows("SELECT count(*) FROM catalog_runitem") + site.rows("SELECT * FROM catalog_runchunk")
    )

    site.run_python(WORK, run)
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES, 0)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]


def test_concurrent_processes_materialise_each_movie_once(site: Site) -> None:
    run = int(site.run_python(START, MOVIES, 10))
    workers = [site.start_python(WORK, run) for _ in range(3)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    site.run_python(WORK, run)  # all three may have been waiting for each other's last items
    assert site.rows("SELECT state, total, done FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
