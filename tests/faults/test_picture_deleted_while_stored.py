"""A picture's last poster is deleted while another process stores the same picture: the files stay."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

START = """
from catalog.models import Movie
from catalog.posters.primary import store_poster
from tests.factories import tiny_jpeg
movies = [Movie.objects.create(title=title) for title in ("Old", "New")]
store_poster(movies[0], tiny_jpeg(1), source="upload")
"""
# Waits in its transaction, when the row is written and not yet committed.
STORE = """
import pathlib, time
from catalog.models import Movie
from catalog.posters import primary
from tests.factories import tiny_jpeg
here, choose = pathlib.Path(argv[0]), primary._choose
def slow(movie):
    choose(movie)
    (here / "row-written").touch()
    while not (here / "deleting").exists():
        time.sleep(0.01)
    time.sleep(1)  # without a lock the files are deleted within it
primary._choose = slow
primary.store_poster(Movie.objects.get(title="New"), tiny_jpeg(1), source="upload")
"""
# Deletes the row before that, and the files while the other waits.
DELETE = """
import pathlib, time
from catalog.models import Poster
from catalog.posters import storage
here, delete = pathlib.Path(argv[0]), storage.delete_unless_used
def late(sha256, names):
    (here / "row-deleted").touch()
    while not (here / "row-written").exists():
        time.sleep(0.01)
    (here / "deleting").touch()
    delete(sha256, names)
from catalog import signal_handlers
signal_handlers.delete_unless_used = late
Poster.objects.get(movie__title="Old").delete()
"""


def test_the_new_row_has_its_files(site: Site) -> None:
    site.run_python(START)
    delete = site.start_python(DELETE, site.var)
    wait_until(lambda: (site.var / "row-deleted").exists(), "the deletion of the row")
    store = site.start_python(STORE, site.var)
    assert (store.wait(60), delete.wait(60)) == (0, 0)
    [names] = site.rows("SELECT file, medium, thumbnail FROM catalog_poster")
    assert [(site.var / "media" / name).is_file() for name in names] == [True, True, True]
