"""SIGKILL to a whole worker in the middle of embedding: every poster has each vector exactly once."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site, kill_group
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

POSTERS = 66
START = """
from catalog.models import Movie
from catalog.runs import lifecycle
from catalog.posters.primary import store_poster
from tests.factories import tiny_jpeg
for n in range(int(argv[0])):
    movie = Movie.objects.create(title=f"Film {n}", tmdb_id=n + 1)
    store_poster(movie, tiny_jpeg(n, (100, 150)), source="upload")
print(lifecycle.start("embed").pk)
"""
LARGE = "pixels:256x384"  # decoding and writing take long enough to be interrupted


def test_every_poster_has_each_vector_once_and_every_item_is_done_once(site: Site) -> None:
    site.settings["POSTERSITE_EXTRACTORS"] = f"{LARGE},histograms"
    run = int(site.run_python(START, POSTERS))
    vectors = "SELECT count(*) FROM catalog_embedding"
    with site.worker("ml", 1) as first:
        wait_until(lambda: site.value(vectors) >= 33, "the second batch")
        kill_group(first)
    done_before = site.value(vectors)
    assert done_before < 2 * POSTERS
    with site.worker("ml,io", 1, beat=True):
        wait_until(lambda: site.value("SELECT state FROM catalog_run") == "done", "the end of the run")

    assert site.rows("SELECT id, total, done, failed FROM catalog_run") == [(run, POSTERS, POSTERS, 0)]
    assert site.rows("SELECT state, count(*) FROM catalog_runitem GROUP BY state") == [("done", POSTERS)]
    assert site.rows(
        "SELECT e.dims, count(*), count(DISTINCT v.poster_id), min(length(v.vector)), max(length(v.vector))"
        " FROM catalog_embedding v JOIN catalog_extractor e ON e.id = v.extractor_id GROUP BY e.id ORDER BY 1"
    ) == [(dims, POSTERS, POSTERS, 2 * dims, 2 * dims) for dims in (site_dims(), 256 * 384 * 3)]


def site_dims() -> int:
    from ml.extractors.histograms import DIMS

    return DIMS
