"""When a movie shows another poster: its poster is embedded, and its suggestions are replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.embeddings import embedding, extractors
from catalog.genres import suggestions
from catalog.models import Embedding, Extractor, GenreModel, Movie, Poster, Run, Suggestion
from catalog.posters.primary import evidence_now, make_primary, process_changed, remove, store_poster, unlock
from catalog.runs import lifecycle
from tests.catalog.genres.genre_heads import saved_model
from tests.catalog.genres.test_promotion import process_all
from tests.factories import ExtractorFactory, MovieFactory, SuggestionFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

State = Suggestion.State
SMALL = "pixels:8x8"
NUMBERS = 8 * 8 * 3


@pytest.fixture
def reader(settings: Any) -> GenreModel:
    """A model in use that reads the site's only extractor, and suggests the first three of its genres."""
    settings.EXTRACTORS = [SMALL]
    extractor = ExtractorFactory(spec=SMALL, fingerprint=extractors.fingerprint(SMALL), dims=NUMBERS)
    genres = [f"Genre {number}" for number in range(NUMBERS)]
    return saved_model(extractor, genres=genres, thresholds=[1e-9] * 3 + [0.9] * (NUMBERS - 3))


def stored(movie: Movie, number: int, **fields: Any) -> Poster:
    return store_poster(movie, tiny_jpeg(number), source="upload", **fields)


CHANGES: dict[str, Callable[[Movie], object]] = {
    "upload": lambda movie: stored(movie, 7, locked=True),
    "choose": lambda movie: make_primary(movie.posters.get(is_primary=False), locked=True),
    "unlock": lambda movie: unlock(movie),
    "remove": lambda movie: remove([movie.posters.get(is_primary=True)]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_movie_that_shows_another_poster_is_embedded_and_labelled_alone(
    reader: GenreModel, change: str
) -> None:
    movie, other = MovieFactory(), MovieFactory()
    for number in range(2):
        stored(other, 10 + number)
        stored(movie, number, locked=number == 0)
    first = movie.primary_poster
    assert first is not None
    embedding.embed([first], extractors.load(SMALL))
    suggestions.suggest([movie], reader, suggestions.load(reader))
    before = evidence_now([movie.pk, other.pk])
    CHANGES[change](movie)
    run = process_changed(before)
    assert run is not None and run.kind == "embed"
    assert list(run.items.values_list("poster__movie", flat=True)) == [movie.pk]
    assert process_all() == ["embed", "label"]
    shown = Poster.objects.get(movie=movie, is_primary=True)
    assert shown != first and shown.embeddings.exists()
    assert [item.movie for item in Run.objects.get(kind="label").items.all()] == [movie]
    about = Suggestion.objects.filter(state=State.PENDING).values_list("poster_sha256", flat=True)
    assert set(about) <= {shown.sha256}
    assert not Embedding.objects.filter(poster__movie=other).exists()
    assert process_changed(evidence_now([movie.pk])) is None


def test_a_poster_with_vectors_needs_suggestions_only(reader: GenreModel) -> None:
    movie = MovieFactory()
    posters = [stored(movie, number) for number in range(2)]
    embedding.embed(posters, extractors.load(SMALL))
    suggestions.suggest([movie], reader, suggestions.load(reader))
    before = evidence_now([movie.pk])
    make_primary(movie.posters.get(is_primary=False))
    run = process_changed(before)
    assert run is not None and run.kind == "label"


def test_many_movies_at_once_keep_no_suggestions_about_what_they_do_not_show(
    reader: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.posters.primary.IDS_PER_QUERY", 2)
    movies = [MovieFactory(poster=True) for _ in range(3)]
    for movie in movies:
        SuggestionFactory(movie=movie)
    before = evidence_now([movie.pk for movie in movies])
    for movie in movies:
        remove(movie.posters.all())
    assert process_changed(before) is None
    assert set(Suggestion.objects.values_list("state", flat=True)) == {State.SUPERSEDED}


def test_a_tagged_movie_is_embedded_and_gets_no_suggestions(reader: GenreModel) -> None:
    movie = MovieFactory(genres=["War"])
    before = evidence_now([movie.pk])
    stored(movie, 1)
    assert process_changed(before) is not None
    assert process_all() == ["embed"]
    assert not movie.suggestions.exists()


def test_a_fetch_for_chosen_movies_is_followed_for_those_movies(reader: GenreModel) -> None:
    movie, other = MovieFactory(), MovieFactory()
    stored(other, 1)
    run = lifecycle.start(
        "scrape",
        movies=Movie.objects.filter(pk=movie.pk),
        params={lifecycle.SAME_MOVIES: True},
        followed_by=("embed", "label"),
        queue=False,
    )
    stored(movie, 2)
    run.items.update(state="done")
    Run.objects.filter(pk=run.pk).update(done=1)
    lifecycle.settle(run.pk)
    assert process_all() == ["embed", "label"]
    assert not Embedding.objects.filter(poster__movie=other).exists()
    assert {item.movie for item in Run.objects.get(kind="label").items.all()} == {movie}


def test_what_follows_starts_only_if_something_was_fetched() -> None:
    run = lifecycle.start("scrape", params={lifecycle.SAME_MOVIES: True}, followed_by=("embed", "label"))
    assert [run] == list(Run.objects.all()) and run.state == Run.State.DONE
    assert not Extractor.objects.exists()
