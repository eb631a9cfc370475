"""Importing a folder of images stores each image once, for imported rows only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db.models.signals import post_save

from catalog.models import Movie, Poster, Run
from catalog.posters.primary import store_poster
from catalog.runs.recovery import sweep
from catalog.titles.formats import folder
from catalog.titles.importing import import_titles
from catalog.titles.report import ImportReport
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(tiny_jpeg(number))
    (tmp_path / "labels.csv").write_text("file,category\n0.jpg,Boots\n1.jpg,Sandals\n2.jpg,\n")
    return tmp_path


def imported(pictures: Path) -> tuple[Run, ImportReport]:
    return import_titles(folder.read(pictures, pictures / "labels.csv"), "folder")


def test_each_image_becomes_the_poster_of_its_title(pictures: Path) -> None:
    _, report = imported(pictures)
    assert (report.created, report.posters, report.rejections) == (3, 3, 0)
    for movie in Movie.objects.all():
        poster = movie.posters.get()
        assert (poster.source, poster.is_primary, poster.width, poster.height) == ("folder", True, 40, 60)
        assert poster.file.size > 0
    run = Run.objects.get(kind="embed")
    assert (run.total, run.followed_by) == (3, ["label"])


def test_the_same_folder_again_changes_nothing(pictures: Path) -> None:
    imported(pictures)
    shown = store_poster(Movie.objects.get(local_id="0.jpg"), tiny_jpeg(9), source="tmdb_page")
    before = list(Poster.objects.order_by("pk").values())
    _, report = imported(pictures)
    assert (report.created, report.changed, report.unchanged, report.posters) == (0, 0, 3, 0)
    assert list(Poster.objects.order_by("pk").values()) == before and shown.is_primary
    assert Run.objects.filter(kind="embed").count() == 1


def test_a_damaged_image_is_reported_and_the_title_imported(pictures: Path) -> None:
    (pictures / "1.jpg").write_bytes(b"<html>not found</html>")
    run, report = imported(pictures)
    assert (report.created, report.posters, run.failed) == (3, 2, 1)
    [row] = report.rejected
    assert str(row) == (
        "labels.csv, line 3: 1: its image 1.jpg was not stored: This is a web page, not an image."
    )


def test_a_rejected_row_stores_no_poster(pictures: Path) -> None:
    one, other = MovieFactory(imdb_id="tt0000001"), MovieFactory(tmdb_id=5)
    (pictures / "labels.csv").write_text("file,imdb_id,tmdb_id,title\n0.jpg,tt0000001,5,Both\n")
    _, report = imported(pictures)
    assert (report.conflicts, report.posters) == (1, 0)
    assert not one.posters.exists() and not other.posters.exists()


def test_every_poster_renews_the_lease_of_the_import(pictures: Path, settings: Any) -> None:
    lease = timedelta(seconds=settings.CLAIM_LEASE_S)
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:

        def sweep_after_most_of_a_lease(**_: Any) -> None:
            clock.shift(lease * 0.6)
            sweep()

        post_save.connect(sweep_after_most_of_a_lease, sender=Poster)
        try:
            run, report = imported(pictures)
        finally:
            post_save.disconnect(sweep_after_most_of_a_lease, sender=Poster)
    assert (run.state, report.posters) == (Run.State.DONE, 3)
