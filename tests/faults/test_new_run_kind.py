"""A kind of run added in one module is processed by a real worker, over a real broker."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

START = """
from catalog.models import Movie
from catalog.runs import lifecycle
import tests.catalog.runs.extra_kind
Movie.objects.bulk_create(Movie(title=f"film {n}", tmdb_id=7_000_000 + n) for n in range(5))
print(lifecycle.start("shout").pk)
"""


def test_a_worker_processes_a_kind_that_one_module_added(site: Site) -> None:
    with site.worker("io", 1, app="tests.catalog.runs.extra_kind"):
        run = int(site.run_python(START))
        wait_until(lambda: site.value("SELECT state FROM catalog_run WHERE id = ?", run) == "done", "the run")
    assert site.value("SELECT COUNT(*) FROM catalog_movie WHERE title LIKE 'FILM %' COLLATE BINARY") == 5
    assert site.rows("SELECT done, failed, total FROM catalog_run WHERE id = ?", run) == [(5, 0, 5)]
