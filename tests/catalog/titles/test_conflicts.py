"""Rows whose ids contradict the catalogue: reported, listed, proposed as duplicates or merged."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from catalog.duplicates import decisions, groups, search
from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, MovieGenre, Poster
from catalog.posters.primary import make_primary, store_poster
from catalog.titles import importing
from catalog.titles import report as import_reports
from catalog.titles.formats.records import RejectedRow, TitleRecord
from catalog.titles.importing import dry_run, import_titles
from catalog.titles.report import ImportReport, listing_path
from tests.catalog.posters.pictures import extractor, showing
from tests.factories import MovieFactory, UserFactory, tiny_jpeg
from tests.ml.imaging.drawings import drawing

pytestmark = pytest.mark.django_db

BOTH = TitleRecord("Heat", 1995, imdb_id="tt0113277", movielens_id=6, file="links.csv", line=5)


def imported(*rows: TitleRecord, merge: bool = False) -> ImportReport:
    return import_titles(rows, "test", merge=merge)[1]


def two_rows(**facts: Any) -> tuple[Movie, Movie]:
    """Heat by its IMDb id, and Heat by its MovieLens id."""
    ids: dict[str, Any] = {"imdb_id": None, "tmdb_id": None}
    one = MovieFactory(title="Heat", year=1995, **{**ids, "imdb_id": "tt0113277"})
    return one, MovieFactory(**{"title": "Heat", "year": 1995, "movielens_id": 6, **ids, **facts})


def one_picture(*movies: Movie) -> list[Poster]:
    """The shown posters of movies that look alike."""
    return [showing(drawing(0).resize((200 - n, 300)), movie=movie) for n, movie in enumerate(movies)]


def test_movies_named_by_one_row_are_proposed_as_duplicates() -> None:
    one, other = two_rows()
    report = imported(BOTH)
    assert (report.conflicts, report.proposed, report.rejections) == (1, 1, 0)
    assert "1 conflicting (1 proposed as duplicates)" in str(report)
    assert "Merge them on the Duplicates page" in str(report.conflicting[0])
    group = groups.open_groups().get()
    assert set(group.members.values_list("movie", flat=True)) == {one.pk, other.pk}
    assert group.source_row == "“Heat” in links.csv, line 5"
    assert {member.reason_text for member in group.members.all()} == {"same row of a source"}
    assert imported(BOTH, BOTH).proposed == 2
    assert DuplicateGroup.objects.count() == 1 and DuplicateMember.objects.count() == 2


def test_pairs_with_a_common_movie_are_one_group() -> None:
    two_rows()
    MovieFactory(title="Heat", imdb_id=None, tmdb_id=None, local_id="heat")
    imported(BOTH, TitleRecord("Heat", movielens_id=6, local_id="heat"))
    assert groups.open_groups().get().members.count() == 3


def test_a_row_that_names_a_movie_of_each_group_joins_them() -> None:
    two_rows()
    MovieFactory(imdb_id=None, tmdb_id=None, local_id="x")
    MovieFactory(imdb_id=None, tmdb_id=2)
    imported(BOTH, TitleRecord("X", tmdb_id=2, local_id="x"))
    assert groups.open_groups().count() == 2
    imported(TitleRecord("X", movielens_id=6, local_id="x"))
    assert groups.open_groups().get().members.count() == 4


def test_movies_proposed_for_their_posters_are_not_proposed_twice() -> None:
    search.find(one_picture(*two_rows()), extractor())
    assert imported(BOTH).proposed == 1
    assert DuplicateGroup.objects.count() == 1


def test_the_row_is_imported_after_a_person_merged_the_movies() -> None:
    one, _ = two_rows()
    imported(BOTH)
    decisions.merge(groups.open_groups().get(), one, UserFactory())
    report = imported(BOTH)
    assert (report.conflicts, report.unchanged) == (0, 1)
    assert Movie.objects.get().movielens_id == 6


def test_movies_kept_apart_are_neither_proposed_again_nor_merged() -> None:
    two_rows()
    imported(BOTH)
    decision = decisions.keep_apart(groups.open_groups().get(), UserFactory())
    assert decision.details["said"] == "“Heat” in links.csv, line 5"
    for merge in (False, True):
        report = imported(BOTH, merge=merge)
        assert (report.conflicts, report.proposed, report.merged) == (1, 0, 0)
        assert "which a person has kept apart" in str(report.conflicting[0])
    assert not groups.open_groups().exists() and Movie.objects.count() == 2


def test_movies_kept_apart_are_not_proposed_for_their_posters() -> None:
    posters = one_picture(*two_rows())
    imported(BOTH)
    decisions.keep_apart(groups.open_groups().get(), UserFactory())
    assert search.find(posters, extractor()) == {}


@pytest.mark.parametrize("merge", [False, True])
def test_a_decision_closes_all_groups_of_the_same_movies(merge: bool) -> None:
    movies = two_rows()
    imported(BOTH)
    search.find(one_picture(*movies), extractor())
    assert groups.open_groups().count() == 2
    group = groups.open_groups()[1]
    if merge:
        decisions.merge(group, movies[0], UserFactory())
    else:
        decisions.keep_apart(group, UserFactory())
    assert not groups.open_groups().exists()
    assert imported(BOTH).proposed == 0


def test_a_search_for_duplicates_keeps_what_an_import_proposed() -> None:
    two_rows()
    imported(BOTH)
    search.delete_outdated()
    assert groups.open_groups().count() == 1


def test_an_invalid_row_proposes_no_duplicates() -> None:
    two_rows()
    report = imported(TitleRecord("He\0at", imdb_id="tt0113277", movielens_id=6), merge=True)
    assert (report.rejections, report.conflicts, report.merged) == (1, 0, 0)
    assert not DuplicateGroup.objects.exists()


def test_movies_with_different_ids_are_never_proposed() -> None:
    one, other = two_rows(imdb_id="tt0000001")
    report = imported(BOTH, merge=True)
    assert (report.conflicts, report.proposed, report.merged) == (1, 0, 0)
    why = str(report.conflicting[0])
    assert why.startswith("links.csv, line 5: Heat: its ids belong to different movies: ")
    assert f"(no. {one.pk})" in why and f"(no. {other.pk})" in why
    assert "cannot be one film: their IMDb ids differ" in why
    assert not DuplicateGroup.objects.exists()


def test_merge_merges_the_movies_and_imports_the_row() -> None:
    one, other = two_rows(overview="Two men.", genres=["Crime"])
    report = imported(TitleRecord("HEAT", 1995, ("Drama",), imdb_id="tt0113277", movielens_id=6), merge=True)
    assert (report.merged, report.changed, report.conflicts) == (1, 1, 0)
    movie = Movie.objects.get()
    facts = (movie.title, movie.imdb_id, movie.movielens_id, movie.overview)
    assert facts == ("HEAT", "tt0113277", 6, "Two men.")
    assert list(movie.genres.values_list("name", flat=True)) == ["Drama"]
    decision = DuplicateDecision.objects.get()
    assert decision.decided_by is None and decision.details["kept"] == movie.pk
    assert {row["movie"] for row in decision.details["merged"]} == {one.pk, other.pk} - {movie.pk}


def test_merge_includes_movies_created_by_the_same_batch() -> None:
    rows = [
        TitleRecord("Heat", 1995, ("Crime",), imdb_id="tt0113277"),
        TitleRecord("Heat", 1996, movielens_id=6, franchise="Mann"),
        BOTH,
        TitleRecord("Heat", movielens_id=6, overview="Two men."),
    ]
    report = imported(*rows, merge=True)
    assert (report.created, report.merged, report.unchanged, report.changed) == (2, 1, 1, 1)
    movie = Movie.objects.get()
    assert (movie.year, movie.franchise, movie.overview) == (1995, "Mann", "Two men.")


@pytest.mark.parametrize(
    "differing",
    [
        *({"title": "Cold"}, {"year": 1999}, {"year": None}, {"genres_locked": True}, {"local_id": "mine"}),
        {"genres": ["Drama"]},  # set by a person
    ],
)
def test_contradicting_movies_are_proposed_and_not_merged(differing: dict[str, Any]) -> None:
    one, _ = two_rows(**differing)
    Movie.objects.filter(pk=one.pk).update(local_id="theirs")
    MovieGenre.objects.update(origin="manual")
    report = imported(BOTH, merge=True)
    assert (report.merged, report.proposed) == (0, 1)
    assert Movie.objects.count() == 2


def test_a_movie_with_a_chosen_poster_is_not_merged() -> None:
    make_primary(store_poster(two_rows()[0], tiny_jpeg(), source="upload"))
    assert dry_run([BOTH], merge=True).merged == imported(BOTH, merge=True).merged == 0


def test_rejected_rows_are_listed_in_a_file_and_the_first_in_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_reports, "MAX_ROWS_IN_REPORT", 5)
    two_rows()
    bad = [RejectedRow("a.csv", n, "the title is empty", "=HYPERLINK(…)") for n in range(20)]
    run, report = import_titles([BOTH, *bad], "test")
    assert (report.rejections, report.conflicts, run.failed) == (20, 1, 21)
    assert len(report.rejected) == len(run.params["rejected"]) == 5 and len(run.params["conflicting"]) == 1
    with listing_path(run).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == ["rejected"] * 20 + ["conflicting"]
    assert rows[3]["line"] == "3" and rows[3]["row"] == "'=HYPERLINK(…)"


def test_a_listing_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_reports, "MAX_ROWS_LISTED", 3)
    run, _ = import_titles((RejectedRow("a.csv", n, "bad", "") for n in range(10)), "test")
    lines = listing_path(run).read_text().splitlines()
    assert len(lines) == 5 and "7 more are not listed" in lines[-1]


def test_a_conflict_with_another_process_rejects_only_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = MovieFactory(title="Heat", imdb_id=None, tmdb_id=949)
    known = importing.DatabaseStore.movies_for

    def read_before_it_was_created(self: Any, records: Any) -> Any:
        return {key: movie for key, movie in known(self, records).items() if movie.pk != taken.pk}

    monkeypatch.setattr(importing.DatabaseStore, "movies_for", read_before_it_was_created)
    report = imported(*(TitleRecord(f"Film {n}", tmdb_id=n) for n in (947, 948, 949, 950)))
    assert (report.created, report.rejections) == (3, 1)
    assert "the database does not accept it" in str(report.rejected[0])
    assert set(Movie.objects.values_list("tmdb_id", flat=True)) == {947, 948, 949, 950}
