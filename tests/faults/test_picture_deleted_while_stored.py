"""A picture's last poster is deleted while another process stores the same picture: the files stay."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

# One process deletes the row, and then the files while the other waits in its transaction: the new row is
# written by then, and not yet committed.
DELETE_AND_STORE = """
from catalog import signal_handlers
from catalog.models import Movie, Poster
from catalog.posters import primary, storage
from tests.factories import tiny_jpeg
here = pathlib.Path(os.environ["POSTERSITE_VAR"])
def await_file(name):
    while not (here / name).exists():
        time.sleep(0.01)
def start():
    movies = [Movie.objects.create(title=title) for title in ("Old", "New")]
    primary.store_poster(movies[0], tiny_jpeg(1), source="upload")
def store():
    choose = primary._choose
    def slow(movie):
        choose(movie)
        (here / "row-written").touch()
        await_file("deleting")
        time.sleep(1)  # without a lock the files are deleted within it
    primary._choose = slow
    await_file("row-deleted")
    primary.store_poster(Movie.objects.get(title="New"), tiny_jpeg(1), source="upload")
def delete():
    delete = storage.delete_unless_used
    def late(sha256, names):
        (here / "row-deleted").touch()
        await_file("row-written")
        (here / "deleting").touch()
        delete(sha256, names)
    signal_handlers.delete_unless_used = late
    Poster.objects.get(movie__title="Old").delete()
assert in_processes(start) == [0]
assert in_processes(delete, store) == [0, 0]
"""


def test_the_new_row_has_its_files(site: Site) -> None:
    site.run_python(DELETE_AND_STORE)
    [names] = site.rows("SELECT file, medium, thumbnail FROM catalog_poster")
    assert [(site.var / "media" / name).is_file() for name in names] == [True, True, True]
