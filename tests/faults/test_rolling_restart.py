"""Workers are replaced with SIGTERM, as in a rolling restart: no task is lost or repeated."""

from __future__ import annotations

import signal

import pytest

from tests.catalog.posters.films import film
from tests.faults.sites import SCRAPE, Site
from tests.processes.site import TIMEOUT_S, wait_until
from tests.replica.faults import FaultySite, slow

pytestmark = pytest.mark.process

FILMS = 40
CHUNK = 10


def test_a_run_goes_on_while_its_workers_are_replaced(site: Site) -> None:
    with FaultySite([film(n) for n in range(FILMS)]) as replica:
        replica.spoil("/movie/", slow(0.05))
        site.fetch_from(replica.url)
        # No beat: without the sweep, a lost task would stop the run.
        run = int(site.run_python(f"{SCRAPE}scrape()", FILMS, CHUNK))
        done = "SELECT done FROM catalog_run"
        with site.worker("io", 2) as first:
            wait_until(lambda: site.value(done) >= 3, "three posters")
            first.send_signal(signal.SIGTERM)
            with site.worker("io", 2):
                assert first.wait(TIMEOUT_S) == 0
                assert site.value(done) < FILMS
                wait_until(lambda: site.value("SELECT state FROM catalog_run") == "done", "the end")

    assert site.rows("SELECT id, total, done, failed FROM catalog_run") == [(run, FILMS, FILMS, 0)]
    assert site.value("SELECT count(*) FROM catalog_poster") == FILMS
    # Nobody was interrupted.
    assert site.rows("SELECT DISTINCT attempts, error FROM catalog_runitem") == [(1, "")]
