"""SIGKILL while a chunk becomes items stores nothing of it. Later, concurrent processes do all of it once."""

from __future__ import annotations

import signal

import pytest

from tests.faults.sites import SCRAPE, Site, output_of

pytestmark = pytest.mark.process

MOVIES = 60
CHUNK = 20
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
from catalog.runs import chunks, leases, lifecycle
run = int(argv[0])
meet(3)
while leases.process_batch(run, lambda items: [leases.finish(item) for item in items]):
    chunks.materialise_due(run)
    lifecycle.settle(run)
lifecycle.settle(run)
"""


def test_later_processes_materialise_the_chunk_and_each_movie_once(site: Site) -> None:
    def stored() -> list[tuple[object, ...]]:
        return site.rows("SELECT count(*) FROM catalog_runitem") + site.rows("SELECT * FROM catalog_runchunk")

    run = int(site.run_python(SCRAPE, MOVIES, CHUNK, "train"))
    before = stored()
    killed = site.start_python(DIE, run)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert stored() == before

    workers = [site.start_python(WORK, run) for _ in range(3)]
    for worker in workers:
        output_of(worker)
    site.run_python(WORK, run)  # all three may have waited for each other's last items
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES, 0)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]
