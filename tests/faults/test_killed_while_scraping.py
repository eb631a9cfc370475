"""SIGKILL to a whole worker while posters are fetched: nothing is lost, nothing is done twice."""

from __future__ import annotations

import pytest

from tests.catalog.posters.films import film
from tests.faults.sites import SCRAPE, Site, kill_group
from tests.processes.site import wait_until
from tests.replica.faults import FaultySite, slow

pytestmark = pytest.mark.process

FILMS = 50
CHUNK = 10  # the worker is killed while most chunks are left


def test_every_film_has_its_one_poster_and_every_item_is_done_once(site: Site) -> None:
    with FaultySite([film(n) for n in range(FILMS)]) as replica:
        # Slow enough to be in the middle of something when it is killed.
        replica.spoil("/movie/", slow(0.03))
        site.fetch_from(replica.url)
        run = int(site.run_python(f"{SCRAPE}scrape()", FILMS, CHUNK))
        done = "SELECT done FROM catalog_run"
        running = "SELECT count(*) FROM catalog_runitem WHERE state = 'running'"
        with site.worker("io", 2) as first:
            wait_until(lambda: site.value(done) >= 8 and site.value(running) > 0, "eight posters")
            kill_group(first)
        done_before = site.value(done)
        leased = site.value(running)
        assert done_before < FILMS
        assert leased > 0
        with site.worker("io", 2, beat=True):
            wait_until(lambda: site.value("SELECT state FROM catalog_run") == "done", "the end of the run")

    assert site.rows("SELECT id, total, done, failed FROM catalog_run") == [(run, FILMS, FILMS, 0)]
    assert site.rows("SELECT state, count(*) FROM catalog_runitem GROUP BY state") == [("done", FILMS)]
    assert site.value("SELECT count(*) FROM catalog_poster") == FILMS
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_poster WHERE is_primary") == FILMS
    assert site.value("SELECT max(attempts) FROM catalog_runitem") <= 2
    for name, width in site.rows("SELECT file, width FROM catalog_poster"):
        assert (site.var / "media" / name).stat().st_size > 0
        assert width == 60
    # Only the films that were leased when it was killed were fetched again.
    assert len(replica.paths("/movie/")) <= FILMS + leased
