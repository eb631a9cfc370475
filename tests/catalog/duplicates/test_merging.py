"""Merging movies: what moves, which genres and poster stay, and what is recorded as set aside."""

from __future__ import annotations

import pytest

from catalog.duplicates import merging
from catalog.genres import review
from catalog.models import Movie, MovieGenre, ReviewDecision, Suggestion
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from tests.factories import (
    GenreFactory,
    GenreModelFactory,
    MovieFactory,
    PosterFactory,
    SuggestionFactory,
    UserFactory,
    tiny_jpeg,
)

pytestmark = pytest.mark.django_db

MANUAL, IMPORTED, ACCEPTED = (
    MovieGenre.Origin.MANUAL,
    MovieGenre.Origin.IMPORTED,
    MovieGenre.Origin.ACCEPTED,
)


def bare(**facts) -> Movie:
    return MovieFactory(**{"imdb_id": None, "tmdb_id": None, "title": "Ember", "year": None, **facts})


def origins(movie: Movie) -> dict[str, str]:
    return dict(movie.movie_genres.values_list("genre__name", "origin"))


def merged(kept: Movie, *others: Movie) -> list[dict]:
    found = merging.merge_movies(kept, others)
    kept.refresh_from_db()
    return found


def test_ids_and_facts_fill_what_the_kept_movie_lacks():
    kept = bare(imdb_id="tt0000001", year=1999)
    facts = {"overview": "A fire.", "franchise": "Fires", "poster_url": "https://a.example"}
    other = bare(tmdb_id=77, local_id="mine", year=1999, **facts)
    [details] = merged(kept, other)
    assert (kept.imdb_id, kept.tmdb_id, kept.local_id) == ("tt0000001", 77, "mine")
    assert {name: getattr(kept, name) for name in facts} == facts
    assert details["set_aside"] == [] and details["tmdb_id"] == 77 and details["overview"] == "A fire."


def test_different_facts_are_set_aside():
    kept = bare(overview="One fire.", year=1999)
    [details] = merged(kept, bare(title="The Ember", overview="Two fires.", year=2000))
    assert (kept.title, kept.overview, kept.year) == ("Ember", "One fire.", 1999)
    assert details["set_aside"] == ["year: 2000", "overview: Two fires.", "title: The Ember"]


@pytest.mark.parametrize(
    ("one", "other", "label"),
    [({"imdb_id": "tt1"}, {"imdb_id": "tt2"}, "IMDb id"), ({"tmdb_id": 1}, {"tmdb_id": 2}, "TMDB id")],
)
def test_different_films_are_refused_and_nothing_changes(one, other, label):
    kept, another = bare(**one), bare(**other, local_id="x")
    with pytest.raises(merging.CannotMerge, match=f"different {label}s.*Keep them apart"):
        merging.merge_movies(kept, [another])
    assert Movie.objects.count() == 2
    another.refresh_from_db()
    assert another.local_id == "x" and another.merged_into is None


def test_a_conflict_between_two_of_three_is_refused():
    with pytest.raises(merging.CannotMerge):
        merging.merge_movies(bare(), [bare(tmdb_id=1), bare(tmdb_id=2)])


def test_a_movie_is_not_merged_with_itself_or_twice():
    kept, other = bare(), bare()
    with pytest.raises(merging.CannotMerge, match="at least two"):
        merging.merge_movies(kept, [kept])
    merging.merge_movies(kept, [other])
    with pytest.raises(merging.CannotMerge, match="merged meanwhile"):
        merging.merge_movies(kept, [other])


def test_the_other_is_in_no_list_and_its_page_redirects(client):
    kept, other = bare(), bare()
    third = bare()
    merged(kept, other)
    merged(third, kept)
    assert list(Movie.objects.all()) == [third]
    assert set(Movie.everything.filter(merged_into=third)) == {kept, other}
    response = client.get(other.get_absolute_url())
    assert (response.status_code, response.url) == (301, third.get_absolute_url())


def test_genres_are_joined_the_stronger_origin_wins():
    kept = bare(genres=["Drama", "War"], genres__origin=ACCEPTED)
    other = bare(genres=["Drama", "Crime"], genres__origin=IMPORTED)
    merged(kept, other)
    assert origins(kept) == {"Drama": IMPORTED, "War": ACCEPTED, "Crime": IMPORTED}
    assert not other.movie_genres.exists() and not kept.genres_locked


@pytest.mark.parametrize("locked_is_kept", [True, False])
def test_genres_that_a_person_set_replace_the_others(locked_is_kept):
    locked = bare(genres=["Drama"], genres__origin=MANUAL, genres_locked=True)
    other = bare(genres=["War"])
    kept, gone = (locked, other) if locked_is_kept else (other, locked)
    [details] = merged(kept, gone)
    assert origins(kept) == {"Drama": MANUAL} and kept.genres_locked
    assert details["set_aside"] == ["genre War: a person set the genres of the other movie without it"]


def test_genres_that_two_people_set_are_joined():
    one = bare(genres=["Drama"], genres__origin=MANUAL, genres_locked=True)
    merged(one, bare(genres=["War"], genres__origin=MANUAL, genres_locked=True))
    assert origins(one) == {"Drama": MANUAL, "War": MANUAL}


def test_posters_move_and_the_shown_one_stays():
    kept, other = bare(), bare()
    mine, theirs = PosterFactory(movie=kept), PosterFactory(movie=other)
    merged(kept, other)
    assert kept.primary_poster == mine
    assert set(kept.posters.all()) == {mine, theirs} and not other.posters.exists()


def test_a_poster_that_a_person_chose_is_shown():
    kept, other = bare(), bare()
    PosterFactory(movie=kept)
    chosen = PosterFactory(movie=other, locked=True)
    merged(kept, other)
    chosen.refresh_from_db()
    assert kept.primary_poster == chosen and chosen.locked
    assert kept.posters.filter(is_primary=True).count() == 1


def test_of_the_same_file_one_row_stays(django_capture_on_commit_callbacks):
    kept, other = bare(), bare()
    mine = PosterFactory(movie=kept, image=tiny_jpeg(3))
    PosterFactory(movie=other, image=tiny_jpeg(3), locked=True)
    with django_capture_on_commit_callbacks(execute=True):
        [details] = merged(kept, other)
    [poster] = kept.posters.all()
    assert poster == mine and poster.is_primary and poster.locked
    assert poster.file.storage.exists(poster.file.name)
    assert details["posters"][0]["sha256"] == mine.sha256
    assert details["set_aside"][0].startswith("second row of the poster from https://")


def test_the_posters_of_one_without_any_are_shown():
    kept, other = bare(), bare()
    poster = PosterFactory(movie=other)
    merged(kept, other)
    assert kept.primary_poster == poster


def test_suggestions_move_unless_one_like_it_is_there():
    kept, other = bare(genres=["War"]), bare()
    GenreModelFactory(state="active")
    SuggestionFactory(movie=kept, genre=GenreFactory(name="Drama"))
    for name in ("Drama", "War", "Crime"):
        SuggestionFactory(movie=other, genre=GenreFactory(name=name))
    [details] = merged(kept, other)
    pending = Suggestion.objects.filter(state=Suggestion.State.PENDING)
    assert {(each.movie, each.genre.name) for each in pending} == {(kept, "Drama"), (kept, "Crime")}
    assert details["set_aside"] == ["suggestion Drama 0.75", "suggestion War 0.75"]


def test_decisions_stay_and_are_shown_with_the_kept_movie(reviewer_client):
    kept, other = bare(poster=True), bare(poster=True)
    suggestion = SuggestionFactory(movie=other, genre=GenreFactory(name="Noir"))
    review.reject([suggestion], UserFactory())
    SuggestionFactory(movie=kept)
    merged(kept, other)
    assert ReviewDecision.objects.get().movie_id == other.pk
    suggestion.refresh_from_db()
    assert (suggestion.movie, suggestion.state) == (kept, Suggestion.State.REJECTED)
    page = reviewer_client.get(f"/admin/catalog/reviewqueue/{kept.pk}/change/").text
    assert "Noir" in page


def test_an_import_finds_the_kept_movie_by_an_id_that_was_set_aside():
    kept, other = bare(local_id="a"), bare(local_id="b")
    [details] = merged(kept, other)
    assert details["set_aside"] == ["local id b (imports still find the movie by it)"]
    rows = [TitleRecord(title="Ember", genres=("Drama",), local_id="b", file="x.csv", line=2)]
    _, report = import_titles(rows, "x.csv")
    kept.refresh_from_db()
    assert (report.created, report.changed, report.rejections) == (0, 1, 0)
    assert kept.local_id == "a" and set(origins(kept)) == {"Drama"}
    assert Movie.objects.count() == 1
    assert import_titles(rows, "x.csv")[1].unchanged == 1
