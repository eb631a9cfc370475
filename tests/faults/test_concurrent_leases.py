"""Several processes lease items at the same time, on one SQLite file: each item is leased to one of them."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

ITEMS = 120
START = """
from catalog.models import Movie, RunItem
from catalog.runs import lifecycle
Movie.objects.bulk_create(Movie(title=f"Film {n}", tmdb_id=n + 1) for n in range(int(argv[0])))
print(lifecycle.start("scrape", queue=False, followed_by=["train"]).pk)
"""
# All start at the same moment.
LEASE = """
import time
from catalog.runs import leases
from catalog.runs import lifecycle
time.sleep(max(0.0, float(argv[1]) - time.time()))
taken = []
while items := leases.acquire_batch(int(argv[0])):
    taken += [item.pk for item in items]
    for item in items:
        assert leases.finish(item)
    lifecycle.settle(int(argv[0]))
lifecycle.settle(int(argv[0]))
print(*taken)
"""


def test_no_item_is_leased_twice_and_one_follower_starts(site: Site) -> None:
    run = int(site.run_python(START, ITEMS))
    processes = [site.start_python(LEASE, run, time.time() + 2.5) for _ in range(3)]
    taken: list[list[str]] = []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        taken.append(out.split())
    counts = Counter(pk for each in taken for pk in each)
    assert len(counts) == ITEMS
    assert set(counts.values()) == {1}
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", ITEMS, ITEMS, 0)
    ]
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]
