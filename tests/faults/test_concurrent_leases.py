"""Several processes lease items at the same time, on one SQLite file: each item is leased to one of them."""

from __future__ import annotations

import pytest

from tests.faults.sites import SCRAPE, Site, output_of

pytestmark = pytest.mark.process

ITEMS = 120
LEASE = """
from catalog.runs import leases, lifecycle
meet(3)
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
    run = int(site.run_python(SCRAPE, ITEMS, ITEMS, "train"))
    processes = [site.start_python(LEASE, run) for _ in range(3)]
    leased = [pk for process in processes for pk in output_of(process).split()]
    assert len(set(leased)) == len(leased) == ITEMS
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", ITEMS, ITEMS, 0)
    ]
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]
