"""Suggestions: scores above thresholds, decided genres, and superseded suggestions."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from catalog.genres import review, suggestions
from catalog.models import GenreModel, Movie, Poster, Run, Suggestion
from catalog.posters.primary import make_primary
from catalog.runs import lifecycle
from catalog.runs.local_worker import process_run
from ml.genres.thresholds import NEVER
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory, UserFactory

from .genre_heads import evidence_model, film, saved_model, scored_movie, vector_for

pytestmark = pytest.mark.django_db

State = Suggestion.State


def embed(model: GenreModel, poster: Poster, *scores: float) -> None:
    EmbeddingFactory(poster=poster, extractor=model.extractor, values=vector_for(*scores))


def suggest(model: GenreModel, *movies: Movie) -> dict[int, int]:
    return suggestions.suggest(movies, model, suggestions.load(model))


def pending(movie: Movie) -> dict[str, float]:
    rows = movie.suggestions.filter(state=State.PENDING).select_related("genre")
    return {row.genre.name: round(row.score, 2) for row in rows}


def test_scores_over_the_threshold_become_pending_suggestions() -> None:
    model = saved_model(thresholds=(0.6, 0.3, 0.9))
    movie = scored_movie(model, 0.7, 0.35, 0.8)
    assert suggest(model, movie) == {movie.pk: 2}
    assert pending(movie) == pytest.approx({"Comedy": 0.7, "Drama": 0.35}, abs=0.011)
    row = movie.suggestions.get(genre__name="Drama")
    assert (row.model, row.threshold, row.poster) == (model, 0.3, movie.primary_poster)
    assert row.poster_sha256 == movie.primary_poster.sha256


def test_a_score_equal_to_its_threshold_is_not_suggested() -> None:
    model = saved_model(thresholds=(0.5, 0.5, 0.5))
    movie = scored_movie(model, 0.5, 0.51, 0.49)
    suggest(model, movie)
    assert list(pending(movie)) == ["Drama"]


def test_below_every_threshold_the_model_abstains() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.1, 0.2, 0.3)
    run = process_run(lifecycle.start("label", queue=False))
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.items.get().note == "abstained"
    assert not movie.suggestions.exists()


def test_a_run_counts_what_it_suggested() -> None:
    model = saved_model()
    scored_movie(model, 0.9, 0.9, 0.1)
    scored_movie(model, 0.1, 0.1, 0.9)
    tagged = scored_movie(model, 0.9, 0.1, 0.1, genres=["War"])
    run = process_run(lifecycle.start("label", queue=False))
    assert (run.total, run.done, run.failed) == (2, 2, 0)
    assert [item.note for item in run.items.order_by("pk")] == ["2 suggested", "1 suggested"]
    assert not tagged.suggestions.exists()


def test_suggesting_again_changes_nothing() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.8, 0.1)
    suggest(model, movie)
    before = list(Suggestion.objects.order_by("pk").values())
    assert suggest(model, movie) == {movie.pk: 2}
    assert list(Suggestion.objects.order_by("pk").values()) == before


def test_a_genre_the_movie_has_is_not_suggested() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.8, 0.1, genres=["Drama"])
    suggest(model, movie)
    assert list(pending(movie)) == ["Comedy"]


def test_a_movie_whose_genres_a_person_set_gets_no_suggestions() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.9, 0.9)
    review.set_genres(movie, [], UserFactory())
    assert suggest(model, movie) == {movie.pk: 0}
    assert not movie.suggestions.exists()


def test_a_later_model_supersedes_what_is_pending_even_when_it_abstains() -> None:
    first = saved_model()
    movie, other = scored_movie(first, 0.9, 0.9, 0.1), scored_movie(first, 0.9, 0.1, 0.1)
    suggest(first, movie, other)
    later = saved_model(first.extractor, thresholds=(0.95, 0.3, 0.3), state=GenreModel.State.CANDIDATE)
    suggest(later, movie, other)
    assert list(pending(movie)) == ["Drama"]
    assert movie.suggestions.get(state=State.PENDING).model == later
    assert pending(other) == {}
    assert other.suggestions.get().state == State.SUPERSEDED


def test_a_rejected_genre_stays_rejected_for_later_models() -> None:
    first = saved_model()
    movie = scored_movie(first, 0.9, 0.9, 0.1)
    suggest(first, movie)
    review.reject(movie.suggestions.filter(genre__name="Comedy"), UserFactory())
    suggest(first, movie)
    later = saved_model(first.extractor, state=GenreModel.State.CANDIDATE)
    suggest(later, movie)
    assert list(pending(movie)) == ["Drama"]
    assert (
        movie.suggestions.filter(genre__name="Comedy").values_list("state", flat=True).get() == State.REJECTED
    )


@pytest.mark.parametrize("by_a_later_model", [True, False])
def test_a_rejected_genre_is_suggested_again_for_another_poster(by_a_later_model: bool) -> None:
    first = saved_model()
    movie = scored_movie(first, 0.9, 0.1, 0.1)
    suggest(first, movie)
    review.reject(movie.suggestions.all(), UserFactory())
    poster = PosterFactory(movie=movie, is_primary=False)
    embed(first, poster, 0.9, 0.1, 0.1)
    make_primary(poster)
    model = saved_model(first.extractor, state=GenreModel.State.CANDIDATE) if by_a_later_model else first
    suggest(model, movie)
    assert list(pending(movie)) == ["Comedy"]
    assert movie.suggestions.get(state=State.PENDING).poster == poster
    assert movie.suggestions.filter(state=State.REJECTED).count() == 1


def test_a_rejection_concerns_its_own_movie_only() -> None:
    model = saved_model()
    one, other = scored_movie(model, 0.9, 0.1, 0.1), scored_movie(model, 0.9, 0.1, 0.1)
    suggest(model, one, other)
    review.reject(one.suggestions.all(), UserFactory())
    suggest(model, one, other)
    assert pending(one) == {}
    assert list(pending(other)) == ["Comedy"]


def test_an_accepted_suggestion_is_not_made_again() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.1, 0.1)
    suggest(model, movie)
    review.accept(movie.suggestions.all(), UserFactory())
    assert suggest(model, movie) == {movie.pk: 0}
    assert movie.suggestions.get().state == State.ACCEPTED


def test_a_new_poster_is_scored_anew_by_the_same_model() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.1, 0.1)
    suggest(model, movie)
    poster = PosterFactory(movie=movie, is_primary=False)
    embed(model, poster, 0.7, 0.1, 0.99)
    make_primary(poster)
    suggest(model, movie)
    # its logits and those of the poster before it, on average
    assert pending(movie) == pytest.approx({"Comedy": 0.82, "Horror": 0.77}, abs=0.011)
    assert {row.poster for row in movie.suggestions.filter(state=State.PENDING)} == {poster}


def test_a_movie_is_scored_by_all_its_embedded_posters_together() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.55, 0.1)
    other = PosterFactory(movie=movie, is_primary=False)
    embed(model, other, 0.8, 0.9, 0.1)
    alone = scored_movie(model, 0.9, 0.55, 0.1)
    assert suggest(model, movie, alone) == {movie.pk: 2, alone.pk: 1}
    assert pending(movie) == pytest.approx({"Comedy": 0.86, "Drama": 0.77}, abs=0.011)
    assert pending(alone) == pytest.approx({"Comedy": 0.9}, abs=0.011)
    assert {row.poster for row in movie.suggestions.all()} == {movie.primary_poster}


def test_a_movie_whose_primary_poster_is_not_embedded_is_left_out() -> None:
    model = saved_model()
    movie = MovieFactory()
    PosterFactory(movie=movie)
    embed(model, PosterFactory(movie=movie, is_primary=False), 0.9, 0.9, 0.9)
    assert suggest(model, movie) == {}


def test_scores_above_the_sure_threshold_are_marked_sure() -> None:
    model = saved_model(thresholds=(0.3, 0.3, 0.95), sure_thresholds=[0.8, 1.0, 0.5])
    movie = scored_movie(model, 0.9, 0.9, 0.9)
    suggest(model, movie)
    assert sure(movie) == {"Comedy": True, "Drama": False}


def test_a_model_without_sure_thresholds_is_never_sure() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.99, 0.99, 0.99)
    suggest(model, movie)
    assert set(sure(movie).values()) == {False}


def test_a_genre_without_evidence_is_never_suggested() -> None:
    model = saved_model(thresholds=(0.3, NEVER, 0.3), no_evidence=["Drama"])
    movie = scored_movie(model, 0.9, 0.99, 0.1)
    suggest(model, movie)
    assert list(pending(movie)) == ["Comedy"]


def sure(movie: Movie) -> dict[str, bool]:
    return dict(movie.suggestions.values_list("genre__name", "sure"))


def test_a_poster_without_an_embedding_fails_its_item_only() -> None:
    model = saved_model()
    kept, lost = scored_movie(model, 0.9, 0.1, 0.1), scored_movie(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    lost.primary_poster.embeddings.all().delete()
    run = process_run(run)
    assert (run.done, run.failed) == (1, 1)
    assert "embed its poster first" in run.items.get(state="failed").error
    assert list(pending(kept)) == ["Comedy"]


def test_genres_of_another_script_keep_their_own_scores() -> None:
    model = saved_model(genres=("Драма", "Комедия", "War"))
    movie = scored_movie(model, 0.1, 0.9, 0.8)
    suggest(model, movie)
    assert pending(movie) == pytest.approx({"Комедия": 0.9, "War": 0.8}, abs=0.011)


def test_a_damaged_model_fails_the_items_with_a_sentence() -> None:
    model = saved_model()
    scored_movie(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    (Path(settings.MODELS_DIR) / model.weights_file).write_bytes(b"PK")
    run = process_run(run)
    assert run.state == Run.State.FAILED
    error = run.items.get().error
    assert error.startswith("The genre model cannot be used: ")
    assert "Train the genres again" in error


def test_without_an_active_model_the_items_fail() -> None:
    model = saved_model()
    scored_movie(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    model.delete()
    assert process_run(run).state == Run.State.FAILED


def test_candidates_are_untagged_or_show_another_poster() -> None:
    model = saved_model()
    untagged, reviewed = (scored_movie(model, 0.9, 0.9, 0.1) for _ in range(2))
    scored_movie(model, 0.9, 0.9, 0.1, genres=["Western"])
    suggest(model, untagged, reviewed)
    review.accept(reviewed.suggestions.filter(genre__name="Drama"), UserFactory())
    assert set(suggestions.candidates(model)) == {untagged}
    poster = PosterFactory(movie=reviewed, is_primary=False)
    embed(model, poster, 0.9, 0.1, 0.1)
    make_primary(poster)
    assert set(suggestions.candidates(model)) == {untagged, reviewed}
    suggest(model, *suggestions.candidates(model))
    assert set(suggestions.candidates(model)) == {untagged}


def test_a_poster_that_its_source_replaced_does_not_count() -> None:
    model = saved_model()
    movie = scored_movie(model, 0.9, 0.9, 0.1)
    Poster.objects.filter(movie=movie).update(superseded=True)
    poster = PosterFactory(movie=movie, is_primary=False)
    embed(model, poster, 0.1, 0.9, 0.1)
    make_primary(poster)
    suggest(model, movie)
    assert pending(movie) == pytest.approx({"Drama": 0.9}, abs=0.011)


@pytest.mark.parametrize("parts", [("poster",), ("title", "year"), ("poster", "title", "year", "overview")])
def test_scores_are_those_of_suggestions_and_missing_where_a_movie_cannot_be_scored(
    parts: tuple[str, ...],
) -> None:
    row, _ = evidence_model(parts)
    model = suggestions.load(row)
    movies: list[Movie] = [film(row, title="Ember"), film(row, title="Salt", embedded=False), MovieFactory()]
    suggestions.suggest(movies, row, model)
    for movie in movies:
        stored = {each.genre_id: each.score for each in movie.suggestions.all()}
        found = suggestions.scores_of(movie, row, model)
        assert {genre: found[genre] for genre in stored} == pytest.approx(stored)
        assert bool(found) == bool(stored)
