"""SIGKILL while a chunk becomes items stores nothing of it. Later, concurrent processes do all of it once."""

from __future__ import annotations

import pytest

from tests.faults.sites import SCRAPE, Site

pytestmark = pytest.mark.process

MOVIES = 60
CHUNK = 20
# `die` is killed when the items are written and the chunk is not deleted yet. `work` does what the task of a
# worker does, without fetching.
WORK = """
import signal
from django.db import connection
from catalog.models import Run, RunChunk, RunItem
from catalog.runs import leases
def show():
    print(RunItem.objects.count(), *RunChunk.objects.values_list("pk", "keys"))
def die():
    def kill(execute, sql, *rest):
        if sql.startswith("DELETE") and "runchunk" in sql:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, *rest)
    with connection.execute_wrapper(kill):
        chunks.materialise_next(Run.objects.get().pk)
def work():
    run = Run.objects.get(kind="scrape").pk
    meet(3)
    while leases.process_batch(run, lambda items: [leases.finish(item) for item in items]):
        chunks.materialise_due(run)
        lifecycle.settle(run)
    lifecycle.settle(run)
assert in_processes(scrape) == [0]
in_processes(show)
assert in_processes(die) == [-signal.SIGKILL]
in_processes(show)
assert in_processes(work, work, work) == [0] * 3
assert in_processes(work) == [0]  # all three may have waited for each other's last items
"""


def test_later_processes_materialise_the_chunk_and_each_movie_once(site: Site) -> None:
    run, before, after = site.run_python(SCRAPE + WORK, MOVIES, CHUNK, "train").splitlines()
    assert before.startswith(f"{CHUNK} (") and after == before
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", MOVIES, MOVIES, 0)
    ]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_runitem WHERE run_id = ?", run) == MOVIES
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]
