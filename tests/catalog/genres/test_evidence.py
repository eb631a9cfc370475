"""Suggestions from poster, title, year and overview, and what happens when one of these changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catalog.genres import review, suggestions
from catalog.genres.evidence import Evidence, shares
from catalog.models import Embedding, GenreModel, Movie, Poster, Run, Suggestion
from catalog.posters import primary
from catalog.posters.primary import evidence_now, process_changed
from catalog.runs import lifecycle
from catalog.runs.local_worker import process_run
from ml.genres.evidence.films import PARTS, Films
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory, UserFactory

from .genre_heads import evidence_model, film, saved_model, scored_movie

pytestmark = pytest.mark.django_db

State = Suggestion.State
SPACE: dict[str, Any] = {
    "title": "Space Raiders",
    "year": 1978,
    "overview": "Raiders of the future steal a ship full of gold and flee into space.",
}


def suggest(model: GenreModel, *movies: Movie) -> dict[int, int]:
    return suggestions.suggest(movies, model, suggestions.load(model))


def films(movie: Movie, vectors: list[np.ndarray]) -> Films:
    return Films(
        np.array(vectors, dtype=np.float32).reshape(len(vectors), 6),
        np.zeros(len(vectors), dtype=np.int64),
        [movie.title],
        np.array([movie.year or 0]),
        [movie.overview],
    )


def scored(model: GenreModel, movie: Movie) -> Suggestion:
    suggest(model, movie)
    found = movie.suggestions.filter(state=State.PENDING).order_by("genre__name").first()
    assert found is not None
    return found


def due() -> set[Movie]:
    model = GenreModel.objects.get(state=GenreModel.State.ACTIVE)
    return set(suggestions.scorable(suggestions.candidates(model), model))


def test_a_film_is_scored_by_everything_that_is_known_of_it() -> None:
    model, made = evidence_model()
    movie = film(model, **SPACE)
    vector = Embedding.objects.get().as_array()
    expected = made.score(films(movie, [vector]))
    assert suggest(model, movie) == {movie.pk: 3}
    for column, genre in enumerate(made.genres):
        row = movie.suggestions.get(genre__name=genre)
        assert row.score == pytest.approx(float(expected.scores[0, column]))
        assert row.sure == (expected.scores[0, column] > expected.sure[0, column])
        assert row.tick == (expected.scores[0, column] > 0.5)
        contributions = dict(zip(PARTS, expected.contributions[0, column].tolist(), strict=True))
        assert row.explanation["parts"] == pytest.approx(contributions, abs=1e-3)
        assert row.explanation["words"] == made.words(films(movie, [vector]), 0, column)
        assert (row.evidence, row.text_version) == ("poster,title,year,overview", 0)
        assert row.poster == movie.primary_poster
        assert len(row.evidence_digest) == 64 and row.evidence_digest != row.poster_sha256


def test_a_film_without_a_poster_is_scored_by_its_other_parts() -> None:
    _, made = evidence_model()
    movie = MovieFactory(**SPACE)
    expected = made.score(films(movie, []))
    run = process_run(lifecycle.start("label", queue=False))
    assert (run.state, run.items.get().note) == (Run.State.DONE, "3 suggested, scored without a poster")
    row = movie.suggestions.get(genre__name=made.genres[0])
    assert row.score == pytest.approx(float(expected.scores[0, 0]))
    assert (row.poster, row.poster_sha256) == (None, "")
    assert "poster" not in row.explanation["parts"]


def test_a_film_waits_until_its_poster_is_embedded() -> None:
    model, _ = evidence_model()
    movie = film(model, embedded=False, **SPACE)
    assert due() == set()
    assert suggest(model, movie) == {}
    EmbeddingFactory(poster=movie.primary_poster, extractor=model.extractor)
    assert due() == {movie}
    assert suggest(model, movie) == {movie.pk: 3}


def test_a_model_of_posters_alone_scores_no_film_without_one() -> None:
    model = saved_model()
    movie = MovieFactory()
    assert due() == set()
    assert suggest(model, movie) == {}


def test_the_setting_restricts_the_parts(settings: Any) -> None:
    model, made = evidence_model()
    settings.GENRE_EVIDENCE = "title, poster"
    row = scored(model, film(model, **SPACE))
    assert row.evidence == "poster,title"
    assert row.explanation["parts"].keys() == {"poster", "title"}
    settings.GENRE_EVIDENCE = "poster"
    poster_only = scored(model, row.movie)
    assert (poster_only.evidence, poster_only.evidence_digest) == ("poster", poster_only.poster_sha256)
    movie, vector = row.movie, Embedding.objects.get().as_array()
    only = made.score(films(movie, [vector]).only(["poster"]))
    column = made.genres.index(poster_only.genre.name)
    assert poster_only.score == pytest.approx(float(only.scores[0, column]))


def test_without_the_poster_posters_are_not_waited_for(settings: Any) -> None:
    model, _ = evidence_model()
    settings.GENRE_EVIDENCE = "title,year"
    row = scored(model, film(model, embedded=False, **SPACE))
    assert (row.evidence, row.poster) == ("title,year", None)
    assert due() == {row.movie}  # as it is untagged
    row.movie.movie_genres.create(genre=row.genre, origin="imported")
    assert due() == set()


def test_a_model_with_none_of_the_parts_suggests_nothing_and_says_so(settings: Any) -> None:
    model = saved_model()
    scored_movie(model, 0.9, 0.9, 0.9)
    settings.GENRE_EVIDENCE = "title"
    with pytest.raises(lifecycle.RunError, match="POSTERSITE_GENRE_EVIDENCE"):
        lifecycle.start("label", queue=False)
    assert lifecycle.outstanding()["label"] == 0


@pytest.mark.parametrize(
    ("field", "value"), [("title", "Another"), ("year", 1999), ("overview", "Nothing."), ("year", None)]
)
def test_a_film_is_due_again_when_a_text_changes(field: str, value: object) -> None:
    model, _ = evidence_model()
    movie = film(model, genres=["War"], **SPACE)
    assert due() == set()
    suggest(model, movie)
    assert due() == set()
    setattr(movie, field, value)
    movie.save()
    assert due() == {movie}
    suggest(model, movie)
    assert due() == set()
    assert set(movie.suggestions.values_list("text_version", flat=True)) == {1}
    assert movie.suggestions.filter(state=State.PENDING).count() == 3
    assert movie.suggestions.filter(state=State.SUPERSEDED).count() == 3


def test_other_facts_and_models_of_posters_alone_make_nothing_due() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.9, 0.9, genres=["War"])
    suggest(model, movie)
    movie.franchise, movie.title = "A series", "Another title"
    movie.save()
    assert due() == set()


def test_a_film_is_due_again_when_the_setting_changes(settings: Any) -> None:
    model, _ = evidence_model()
    movie = film(model, genres=["War"], **SPACE)
    suggest(model, movie)
    settings.GENRE_EVIDENCE = "poster"
    assert due() == {movie}
    suggest(model, movie)
    assert due() == set()


def test_a_film_is_due_again_when_it_gets_or_loses_its_poster() -> None:
    model, _ = evidence_model()
    movie = MovieFactory(genres=["War"], **SPACE)
    suggest(model, movie)
    assert due() == set()
    poster = PosterFactory(movie=movie)
    EmbeddingFactory(poster=poster, extractor=model.extractor)
    assert due() == {movie}
    suggest(model, movie)
    assert due() == set()
    poster.delete()
    assert due() == {movie}


def test_a_rejected_genre_stays_rejected_until_the_evidence_changes() -> None:
    model, _ = evidence_model()
    movie = film(model, **SPACE)
    genre = scored(model, movie).genre
    review.reject(movie.suggestions.filter(genre=genre), UserFactory())
    assert suggest(model, movie) == {movie.pk: 2}
    later, _ = evidence_model(extractor=model.extractor, state=GenreModel.State.CANDIDATE)
    assert suggest(later, movie) == {movie.pk: 2}
    movie.overview = "Pirates."
    movie.save()
    assert suggest(later, movie) == {movie.pk: 3}
    assert movie.suggestions.get(genre=genre, state=State.PENDING).model == later


def test_a_genre_that_was_rejected_for_the_poster_stays_rejected_whatever_the_texts() -> None:
    model, made = evidence_model(state=GenreModel.State.CANDIDATE)
    first = saved_model(genres=made.genres)
    movie = scored_movie(first, 0.9, 0.1, 0.1)
    EmbeddingFactory(poster=movie.primary_poster, extractor=model.extractor)
    suggest(first, movie)
    review.reject(movie.suggestions.all(), UserFactory())
    movie.title = "Another"
    movie.save()
    # The poster is all that the rejection was about.
    assert suggest(model, movie) == {movie.pk: 2}
    assert movie.suggestions.get(genre__name=made.genres[0]).state == State.REJECTED


def test_rejections_without_a_poster_end_with_the_first_poster() -> None:
    model, _ = evidence_model()
    movie = MovieFactory(**SPACE)
    suggest(model, movie)
    review.reject(movie.suggestions.all(), UserFactory())
    assert suggest(model, movie) == {movie.pk: 0}
    EmbeddingFactory(poster=PosterFactory(movie=movie), extractor=model.extractor)
    assert suggest(model, movie) == {movie.pk: 3}


def test_a_text_that_changes_while_the_film_is_scored_leaves_it_due(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = evidence_model()
    movie = film(model, genres=["War"], **SPACE)
    genre_rows = suggestions.genre_rows

    def changed_meanwhile(names: Any) -> Any:
        same = Movie.objects.get(pk=movie.pk)
        same.title = "Changed"
        same.save()
        return genre_rows(names)

    monkeypatch.setattr(suggestions, "genre_rows", changed_meanwhile)
    suggest(model, movie)
    assert due() == {movie}


def test_digests_tell_missing_parts_from_known_ones() -> None:
    poster = Poster(sha256="a" * 64)
    known = Evidence("Alien", 1979, "", 0, poster)
    assert known.digest(["poster"]) == "a" * 64
    different = [
        known.digest(PARTS),
        known.digest(["poster", "title"]),
        known.digest(["title"]),
        Evidence("Alien", 1979, "", 0).digest(PARTS),
        Evidence("Alien", None, "", 0, poster).digest(PARTS),
        Evidence("Alien", 1979, "x", 0, poster).digest(PARTS),
        Evidence("", 1979, "Alien", 0, poster).digest(PARTS),
    ]
    assert len(set(different)) == len(different)
    assert Evidence("Alien", 1979, "", 7, poster).digest(PARTS) == known.digest(PARTS)


def test_shares_are_of_the_parts_that_speak_for_a_genre() -> None:
    found = shares({"parts": {"poster": 0.6, "title": 0.9, "year": -2.0, "overview": 0.0}})
    assert found == [("title", pytest.approx(0.6)), ("poster", pytest.approx(0.4))]
    assert shares({}) == shares({"parts": {"poster": -1.0}}) == shares({"parts": None}) == []


def test_changed_texts_are_labelled_at_once_where_they_matter() -> None:
    model, _ = evidence_model()
    suggested, tagged, untagged, same = (
        film(model, genres=genres, **SPACE) for genres in (["War"], ["War"], [], [])
    )
    suggest(model, suggested)
    before = evidence_now([suggested.pk, tagged.pk, untagged.pk, same.pk])
    for movie in (suggested, tagged, untagged):
        movie.title = "Another"
        movie.save()
    run = process_changed(before)
    assert run is not None and (run.kind, run.chosen) == ("label", True)
    process_run(run)
    assert {item.movie for item in run.items.all()} == {suggested, untagged}
    assert process_changed(evidence_now([suggested.pk])) is None


def test_very_many_changed_texts_are_labelled_by_a_run_over_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(primary, "IDS_PER_QUERY", 2)
    model, _ = evidence_model()
    movies = [film(model, **SPACE) for _ in range(3)]
    before = evidence_now([movie.pk for movie in movies])
    for movie in movies:
        movie.year = 1950
        movie.save()
    run = process_changed(before)
    assert run is not None and (run.kind, run.chosen, run.total) == ("label", False, 3)


def test_changed_texts_start_no_run_for_a_model_of_posters_alone() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.9, 0.9)
    before = evidence_now([movie.pk])
    movie.title = "Another"
    movie.save()
    assert process_changed(before) is None


def test_a_film_that_loses_its_poster_is_scored_without() -> None:
    model, _ = evidence_model()
    movie = film(model, **SPACE)
    suggest(model, movie)
    before = evidence_now([movie.pk])
    movie.posters.all().delete()
    run = process_changed(before)
    assert run is not None and run.kind == "label"
    process_run(run)
    assert set(movie.suggestions.filter(state=State.PENDING).values_list("poster_sha256", flat=True)) == {""}
