"""Importing titles: created, changed, unchanged and rejected rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalog.models import Movie, Run
from catalog.titles import importing
from catalog.titles.formats.records import RejectedRow, SourceError, TitleRecord
from catalog.titles.importing import ImportReport, import_titles
from tests.factories import MovieFactory, UserFactory

pytestmark = pytest.mark.django_db


def imported(*rows: TitleRecord | RejectedRow) -> ImportReport:
    return import_titles(rows, "test")[1]


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.changed, report.unchanged, report.not_imported


def why(report: ImportReport) -> str:
    [row] = [*report.conflicting, *report.rejected]
    return str(row)


HEAT = TitleRecord(
    "Heat", 1995, imdb_id="tt0113277", tmdb_id=949, movielens_id=6, overview="Two men.", file="a.csv", line=7
)


def test_facts_in_the_row_replace_stored_ones_and_others_stay() -> None:
    imported(HEAT)
    assert counts(imported(TitleRecord("Heat (restored)", imdb_id="tt0113277", franchise="Heat"))) == (
        0,
        1,
        0,
        0,
    )
    movie = Movie.objects.get()
    assert (movie.title, movie.year, movie.overview, movie.franchise) == (
        "Heat (restored)",
        1995,
        "Two men.",
        "Heat",
    )


def test_any_of_its_ids_finds_the_movie_and_new_ids_are_added() -> None:
    MovieFactory(imdb_id="tt0113277", tmdb_id=None)
    imported(HEAT)
    movie = Movie.objects.get()
    assert (movie.tmdb_id, movie.movielens_id) == (949, 6)


def test_two_rows_of_one_batch_update_one_movie() -> None:
    report = imported(HEAT, TitleRecord("Heat", genres=("Crime",), tmdb_id=949))
    assert counts(report) == (1, 1, 0, 0)
    assert [genre.name for genre in Movie.objects.get().genres.all()] == ["Crime"]


def test_a_row_whose_ids_belong_to_two_movies_is_conflicting() -> None:
    one, other = MovieFactory(imdb_id="tt0113277", tmdb_id=1), MovieFactory(imdb_id="tt1", tmdb_id=949)
    report = imported(HEAT, TitleRecord("Ran", tmdb_id=11645))
    assert counts(report) == (1, 0, 0, 1)
    assert why(report).startswith("a.csv, line 7: Heat: its ids belong to different movies: ")
    assert f"(no. {one.pk})" in why(report) and f"(no. {other.pk})" in why(report)


def test_a_row_that_contradicts_an_id_of_its_movie_is_conflicting() -> None:
    movie = MovieFactory(title="Heat", year=None, imdb_id="tt0113277", tmdb_id=1)
    report = imported(HEAT)
    assert why(report) == (
        f"a.csv, line 7: Heat: its tmdb_id is 949, but Heat (no. {movie.pk}) has the tmdb_id 1 already"
    )
    movie.refresh_from_db()
    assert (movie.tmdb_id, movie.year) == (1, None)


def test_a_row_without_an_id_is_rejected() -> None:
    assert "no id" in why(imported(TitleRecord("Heat")))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (TitleRecord("x" * 501, tmdb_id=1), "title: Ensure this value has at most 500"),
        (TitleRecord("Heat", 1492, tmdb_id=1), "year: 1492 is outside 1870 to 2100"),
        (TitleRecord("Heat", imdb_id="tt" + "1" * 20), "imdb_id: Ensure"),
        (TitleRecord("Heat", tmdb_id=2**31), "tmdb_id: 2147483648 is outside"),
        (TitleRecord("He\0at", tmdb_id=1), "title: it contains characters"),
        (TitleRecord("Heat", tmdb_id=1, overview="\ud800"), "overview: it contains characters"),
        (TitleRecord("", tmdb_id=1), "title: it is missing"),
        (TitleRecord("Heat", tmdb_id=1, genres=("x" * 61,)), "genre: "),
    ],
)
def test_invalid_rows_are_rejected_and_the_rest_imported(record: TitleRecord, expected: str) -> None:
    report = imported(record, HEAT)
    assert counts(report) == (1, 0, 0, 1)
    assert expected in why(report)


def test_a_rejected_row_changes_nothing() -> None:
    imported(HEAT)
    report = imported(
        TitleRecord("Heat", 1492, imdb_id="tt0113277"), TitleRecord("Heat", tmdb_id=949, franchise="Heat")
    )
    assert counts(report) == (0, 1, 0, 1)
    assert Movie.objects.get().year == 1995


def test_an_import_is_a_run_with_its_counts() -> None:
    user = UserFactory()
    bad = RejectedRow("a.csv", 3, "the title is empty", "…")
    run, report = import_titles([HEAT, bad], "test", asked_by=user)
    assert (run.kind, run.state, run.asked_by) == ("import", Run.State.DONE, user)
    assert (run.total, run.done, run.failed) == (2, 1, 1)
    assert run.message == str(report) == "1 created, 0 changed, 0 unchanged, 0 conflicting, 1 rejected."
    assert run.params == {
        "source": "test",
        "ids": "",
        "counts": report.counts,
        "conflicting": [],
        "rejected": ["a.csv, line 3: the title is empty"],
    }


def test_rows_are_imported_in_batches_as_they_are_read() -> None:
    taken = 0

    def rows() -> Iterator[TitleRecord]:
        nonlocal taken
        for number in range(1, importing.ROWS_PER_TRANSACTION * 2 + 2):
            # Whatever came two batches ago is in the catalogue already, not in memory.
            assert Movie.objects.count() >= (taken // importing.ROWS_PER_TRANSACTION) * (
                importing.ROWS_PER_TRANSACTION
            )
            taken += 1
            yield TitleRecord(f"Film {number}", tmdb_id=number)

    _, report = import_titles(rows(), "test")
    assert report.created == taken == Movie.objects.count()


def test_a_damaged_file_fails_the_run_and_keeps_earlier_batches() -> None:
    def rows() -> Iterator[TitleRecord]:
        for number in range(1, importing.ROWS_PER_TRANSACTION + 2):
            yield TitleRecord(f"Film {number}", tmdb_id=number)
        raise SourceError("a.csv has no column 'title'")

    with pytest.raises(SourceError):
        import_titles(rows(), "test")
    run = Run.objects.get()
    assert run.state == Run.State.FAILED
    assert "Stopped by an error: a.csv has no column" in run.message
    assert run.done == Movie.objects.count() == importing.ROWS_PER_TRANSACTION


def test_an_interrupted_import_has_failed() -> None:
    def rows() -> Iterator[TitleRecord]:
        yield HEAT
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_titles(rows(), "test")
    assert Run.objects.get().state == Run.State.FAILED
    assert "KeyboardInterrupt" in Run.objects.get().message


def test_a_cancelled_import_stops_after_its_batch() -> None:
    def rows() -> Iterator[TitleRecord]:
        for number in range(1, importing.ROWS_PER_TRANSACTION * 3):
            if number == 5:
                Run.objects.update(state=Run.State.CANCELLED)
            yield TitleRecord(f"Film {number}", tmdb_id=number)

    run, report = import_titles(rows(), "test")
    assert run.state == Run.State.CANCELLED
    assert report.created == Movie.objects.count() == importing.ROWS_PER_TRANSACTION
    assert run.message.startswith("Cancelled.")


def test_a_tentative_title_names_only_new_movies() -> None:
    Movie.objects.create(title="Spirited Away", original_title="千と千尋の神隠し", tmdb_id=129)
    rows = [
        TitleRecord("千と千尋の神隠し", tmdb_id=129, tentative_title=True),
        TitleRecord("Ariel", tmdb_id=2, tentative_title=True),
    ]
    _, report = import_titles(rows, "tmdb_ids")
    assert (report.created, report.changed, report.unchanged) == (1, 0, 1)
    assert dict(Movie.objects.values_list("tmdb_id", "title")) == {129: "Spirited Away", 2: "Ariel"}
    import_titles([TitleRecord("The Mermaid", tmdb_id=2)], "tmdb")
    assert Movie.objects.get(tmdb_id=2).title == "The Mermaid"
