"""Several processes lease items at the same time, on one SQLite file: each item is leased to one of them."""

from __future__ import annotations

import pytest

from tests.faults.sites import SCRAPE, Site

pytestmark = pytest.mark.process

ITEMS = 120
LEASE = """
from catalog.models import Run
from catalog.runs import leases
def lease():
    run = Run.objects.get().pk
    meet(3)
    taken = []
    while items := leases.acquire_batch(run):
        taken += [item.pk for item in items]
        for item in items:
            assert leases.finish(item)
        lifecycle.settle(run)
    lifecycle.settle(run)
    here = pathlib.Path(os.environ["POSTERSITE_VAR"])
    (here / f"leased-{os.getpid()}").write_text(" ".join(map(str, taken)))
assert in_processes(scrape) == [0]
assert in_processes(lease, lease, lease) == [0] * 3
"""


def test_no_item_is_leased_twice_and_one_follower_starts(site: Site) -> None:
    run = int(site.run_python(SCRAPE + LEASE, ITEMS, ITEMS, "train"))
    files = list(site.var.glob("leased-*"))
    assert len(files) == 3
    leased = [pk for file in files for pk in file.read_text().split()]
    assert len(set(leased)) == len(leased) == ITEMS
    assert site.rows("SELECT state, total, done, failed FROM catalog_run WHERE id = ?", run) == [
        ("done", ITEMS, ITEMS, 0)
    ]
    assert site.rows("SELECT kind FROM catalog_run WHERE previous_id = ?", run) == [("train",)]
