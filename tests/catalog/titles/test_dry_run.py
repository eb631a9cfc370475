"""A dry run reports what the import would do, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from catalog.duplicates import merging
from catalog.models import DuplicateMember, Genre, ImportChange, Movie, MovieGenre, Poster, Run
from catalog.posters.primary import store_poster
from catalog.titles import importing
from catalog.titles.formats import folder
from catalog.titles.formats.records import RejectedRow, TitleRecord
from catalog.titles.importing import dry_run, import_titles
from catalog.titles.report import ImportReport
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

TABLES = (Movie, Genre, MovieGenre, Poster, Run, ImportChange, DuplicateMember)
small = st.none() | st.integers(1, 4)
records = st.builds(
    TitleRecord,
    title=st.sampled_from(["Heat", "HEAT!", "Ran", "x" * 501]),
    year=st.sampled_from([None, 1995, 1996, 1492]),
    genres=st.lists(st.sampled_from(["Sci-Fi", "Science Fiction", "Drama"]), max_size=2).map(tuple),
    imdb_id=small.map(lambda n: n and f"tt000000{n}"),
    tmdb_id=small,
    movielens_id=small,
    local_id=st.none() | st.just("a"),
    franchise=st.sampled_from(["", "Heat"]),
    line=st.integers(2, 9),
)
files = st.lists(records | st.just(RejectedRow("a.csv", 1, "bad", "")), max_size=8)


def everything() -> list[Any]:
    return [list(table._default_manager.order_by("pk").values()) for table in TABLES]


def counts(report: ImportReport) -> dict[str, Any]:
    """The report without sentences, which contain keys that a dry run cannot know."""
    numbers = {name: value for name, value in vars(report).items() if isinstance(value, int)}
    rows = {name: [row.line for row in getattr(report, name)] for name in ("conflicting", "rejected")}
    return numbers | rows


@pytest.mark.slow
@given(before=files, decided=st.sampled_from(["", "locked", "merged"]), rows=files, merge=st.booleans())
@property_settings(max_examples=20)
def test_it_reports_the_result_of_the_import(
    before: Sequence[TitleRecord], decided: str, rows: Sequence[TitleRecord], merge: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        # Later batches find the movies of earlier ones.
        patch.setattr(importing, "ROWS_PER_TRANSACTION", 3)
        import_titles(before, "test")
        movies = list(Movie.objects.all())
        if decided == "locked":
            Movie.objects.filter(pk__in=[movie.pk for movie in movies[:1]]).update(genres_locked=True)
        elif decided == "merged" and len(movies) > 1 and not merging.conflict(movies[:2]):
            merging.merge_movies(movies[0], movies[1:2])
        as_it_was = everything()
        expected = dry_run(iter(rows), merge=merge)
        assert everything() == as_it_was
        _, report = import_titles(iter(rows), "test", merge=merge)
        assert counts(expected) == counts(report)
        again = import_titles(iter(rows), "test", merge=merge)[1]
        assert (again.created, again.merged) == (0, 0)
        transaction.set_rollback(True)


def test_posters_are_checked_and_not_stored(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(tiny_jpeg(number))
    (tmp_path / "3.jpg").write_bytes(b"<html>not found</html>")
    (tmp_path / "labels.csv").write_text("file,category\n0.jpg,Boots\n1.jpg,Boots\n2.jpg,\n3.jpg,\n")
    store_poster(MovieFactory(local_id="0.jpg", title="0"), tiny_jpeg(0), source="folder")
    expected = dry_run(folder.read(tmp_path, tmp_path / "labels.csv"))
    assert (expected.created, expected.posters, expected.rejections) == (3, 2, 1)
    assert "3.jpg was not stored" in str(expected.rejected[0])
    assert Poster.objects.count() == 1 and Movie.objects.count() == 1
    _, report = import_titles(folder.read(tmp_path, tmp_path / "labels.csv"), "folder")
    assert counts(expected) == counts(report)


def test_a_repeated_poster_is_counted_once(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(tiny_jpeg(1))
    rows = [
        TitleRecord("Heat", tmdb_id=949, poster_path=tmp_path / name, file="a.csv", line=2)
        for name in ("a.jpg", "b.jpg")
    ]
    assert dry_run(rows).posters == import_titles(rows, "test")[1].posters == 1


def test_it_only_reads_and_takes_no_locks() -> None:
    MovieFactory(imdb_id="tt0113277")
    with CaptureQueriesContext(connection) as queries:
        dry_run([TitleRecord("Heat", 1995, ("Crime",), imdb_id="tt0113277")])
    assert queries.captured_queries
    assert all(query["sql"].startswith("SELECT") for query in queries.captured_queries)
    assert not any("FOR UPDATE" in query["sql"] for query in queries.captured_queries)
