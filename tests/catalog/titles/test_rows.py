"""Importing titles: created, changed, unchanged and rejected rows, and their genres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from catalog.models import Movie, MovieGenre, Run
from catalog.titles import importing
from catalog.titles.formats.records import RejectedRow, SourceError, TitleRecord
from catalog.titles.importing import ImportReport, import_titles
from tests.factories import GenreFactory, MovieFactory, UserFactory

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
    report = imported(TitleRecord("Heat (restored)", imdb_id="tt0113277", franchise="Heat"))
    assert counts(report) == (0, 1, 0, 0)
    movie = Movie.objects.get()
    facts = (movie.title, movie.year, movie.overview, movie.franchise)
    assert facts == ("Heat (restored)", 1995, "Two men.", "Heat")


def test_any_of_its_ids_finds_the_movie_and_new_ids_are_added() -> None:
    MovieFactory(imdb_id="tt0113277", tmdb_id=None)
    imported(HEAT)
    movie = Movie.objects.get()
    assert (movie.tmdb_id, movie.movielens_id) == (949, 6)


def test_a_movie_twice_in_one_batch_has_the_genres_of_its_last_row() -> None:
    report = imported(HEAT, *(TitleRecord("Heat", genres=(name,), tmdb_id=949) for name in ("War", "Crime")))
    assert counts(report) == (1, 2, 0, 0)
    assert [genre.name for genre in Movie.objects.get().genres.all()] == ["Crime"]


def test_a_row_that_contradicts_an_id_of_its_movie_is_conflicting() -> None:
    movie = MovieFactory(title="Heat", year=None, imdb_id="tt0113277", tmdb_id=1)
    report = imported(HEAT)
    assert why(report) == (
        f"a.csv, line 7: Heat: its tmdb_id is 949, but Heat (no. {movie.pk}) has the tmdb_id 1 already"
    )
    movie.refresh_from_db()
    assert (movie.tmdb_id, movie.year) == (1, None)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (TitleRecord("Ran"), "no id"),
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


def test_rows_are_imported_in_batches_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 20)

    def rows() -> Iterator[TitleRecord]:
        for number in range(50):
            # Earlier batches are in the catalogue already, not in memory.
            assert Movie.objects.count() == number // 20 * 20
            yield TitleRecord(f"Film {number}", tmdb_id=number + 1)

    _, report = import_titles(rows(), "test")
    assert report.created == Movie.objects.count() == 50


@pytest.mark.parametrize("error", [SourceError("a.csv has no column 'title'"), KeyboardInterrupt()])
def test_an_import_that_stops_has_failed_and_keeps_earlier_batches(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 20)

    def rows() -> Iterator[TitleRecord]:
        for number in range(1, 22):
            yield TitleRecord(f"Film {number}", tmdb_id=number)
        raise error

    with pytest.raises(type(error)):
        import_titles(rows(), "test")
    run = Run.objects.get()
    assert run.state == Run.State.FAILED
    assert f"Stopped by an error: {str(error) or 'KeyboardInterrupt'}" in run.message
    assert run.done == Movie.objects.count() == 20


def test_a_cancelled_import_stops_after_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 20)

    def rows() -> Iterator[TitleRecord]:
        for number in range(1, 60):
            if number == 5:
                Run.objects.update(state=Run.State.CANCELLED)
            yield TitleRecord(f"Film {number}", tmdb_id=number)

    run, report = import_titles(rows(), "test")
    assert run.state == Run.State.CANCELLED
    assert report.created == Movie.objects.count() == 20
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


IMPORTED, MANUAL, ACCEPTED = "imported", "manual", "accepted"


@pytest.mark.parametrize(
    ("before", "row", "after"),
    [
        ({"Drama": IMPORTED, "War": IMPORTED}, ("Drama", "Crime"), {"Drama": IMPORTED, "Crime": IMPORTED}),
        ({"Drama": MANUAL, "War": IMPORTED}, ("Drama", "Crime"), {"Drama": MANUAL, "Crime": IMPORTED}),
        ({"Drama": ACCEPTED, "War": ACCEPTED}, ("Drama",), {"Drama": IMPORTED, "War": ACCEPTED}),
        ({"Drama": IMPORTED}, (), {"Drama": IMPORTED}),
        ({"Drama": MANUAL, "locked": ""}, ("War", "Crime"), {"Drama": MANUAL}),
    ],
)
def test_genres_replace_imported_ones_and_human_decisions_stay(
    before: dict[str, str], row: tuple[str, ...], after: dict[str, str]
) -> None:
    movie = MovieFactory(title="Film", tmdb_id=7, genres_locked="locked" in before)
    for name, origin in before.items():
        if origin:
            MovieGenre.objects.create(movie=movie, genre=GenreFactory(name=name), origin=origin)
    imported(TitleRecord("Film", genres=row, tmdb_id=7))
    assert dict(MovieGenre.objects.values_list("genre__name", "origin")) == after


def test_only_a_change_of_genres_counts_as_a_change() -> None:
    for genres, expected in (
        (("Drama", "War"), (1, 0, 0, 0)),
        (("Drama", "War"), (0, 0, 1, 0)),
        (("War",), (0, 1, 0, 0)),
    ):
        assert counts(imported(TitleRecord("Film", genres=genres, tmdb_id=7))) == expected
