"""Suggestions: what is over its threshold, what a person has settled, what gives way to a later answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalog.genres import review, suggestions
from catalog.models import GenreModel, Movie, Poster, Run, Suggestion
from catalog.posters.primary import make_primary
from catalog.runs import leases, lifecycle
from ml.genres.thresholds import NEVER
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory, UserFactory

from .genre_heads import GENRES, saved_model, vector_for

pytestmark = pytest.mark.django_db

State = Suggestion.State


def seen(model: GenreModel, *scores: float, **movie: Any) -> Movie:
    """A movie whose poster the model gives these scores for Comedy, Drama and Horror."""
    made = MovieFactory(**movie)
    look(model, PosterFactory(movie=made), *scores)
    return made


def look(model: GenreModel, poster: Poster, *scores: float) -> None:
    EmbeddingFactory(poster=poster, extractor=model.extractor, values=vector_for(*scores))


def ask(model: GenreModel, *movies: Movie) -> dict[int, int]:
    return suggestions.suggest(movies, model, suggestions.load(model))


def pending(movie: Movie) -> dict[str, float]:
    rows = movie.suggestions.filter(state=State.PENDING).select_related("genre")
    return {row.genre.name: round(row.score, 2) for row in rows}


def worked_off(run: Run) -> Run:
    while leases.process_batch(run.pk, suggestions.label_items):
        pass
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    return run


def test_scores_over_the_threshold_become_pending_suggestions() -> None:
    model = saved_model(thresholds=(0.6, 0.3, 0.9))
    movie = seen(model, 0.7, 0.35, 0.8)
    assert ask(model, movie) == {movie.pk: 2}
    assert pending(movie) == pytest.approx({"Comedy": 0.7, "Drama": 0.35}, abs=0.011)
    row = movie.suggestions.get(genre__name="Drama")
    assert (row.model, row.threshold, row.poster) == (model, 0.3, movie.primary_poster)
    assert row.poster_sha256 == movie.primary_poster.sha256


def test_a_score_equal_to_its_threshold_is_not_suggested() -> None:
    model = saved_model(thresholds=(0.5, 0.5, 0.5))
    movie = seen(model, 0.5, 0.51, 0.49)
    ask(model, movie)
    assert list(pending(movie)) == ["Drama"]


def test_below_every_threshold_the_model_abstains() -> None:
    model = saved_model()
    movie = seen(model, 0.1, 0.2, 0.3)
    run = worked_off(lifecycle.start("label", queue=False))
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.items.get().note == "abstained"
    assert not movie.suggestions.exists()


def test_a_run_counts_what_it_suggested() -> None:
    model = saved_model()
    seen(model, 0.9, 0.9, 0.1)
    seen(model, 0.1, 0.1, 0.9)
    tagged = seen(model, 0.9, 0.1, 0.1, genres=["War"])
    run = worked_off(lifecycle.start("label", queue=False))
    assert (run.total, run.done, run.failed) == (2, 2, 0)
    assert [item.note for item in run.items.order_by("pk")] == ["2 suggested", "1 suggested"]
    assert not tagged.suggestions.exists()


def test_asking_again_changes_nothing() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.8, 0.1)
    ask(model, movie)
    before = list(Suggestion.objects.order_by("pk").values())
    assert ask(model, movie) == {movie.pk: 2}
    assert list(Suggestion.objects.order_by("pk").values()) == before


def test_a_genre_the_movie_has_is_not_suggested() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.8, 0.1, genres=["Drama"])
    ask(model, movie)
    assert list(pending(movie)) == ["Comedy"]


def test_a_movie_whose_genres_a_person_set_is_left_alone() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.9, 0.9)
    review.set_genres(movie, [], UserFactory())
    assert ask(model, movie) == {movie.pk: 0}
    assert not movie.suggestions.exists()


def test_a_later_model_supersedes_what_is_pending_even_when_it_abstains() -> None:
    first = saved_model()
    movie, other = seen(first, 0.9, 0.9, 0.1), seen(first, 0.9, 0.1, 0.1)
    ask(first, movie, other)
    later = saved_model(first.extractor, thresholds=(0.95, 0.3, 0.3), state=GenreModel.State.CANDIDATE)
    ask(later, movie, other)
    assert list(pending(movie)) == ["Drama"]
    assert movie.suggestions.get(state=State.PENDING).model == later
    assert pending(other) == {}
    assert other.suggestions.get().state == State.SUPERSEDED


def test_a_rejected_pair_stays_rejected_for_later_models() -> None:
    first = saved_model()
    movie = seen(first, 0.9, 0.9, 0.1)
    ask(first, movie)
    review.reject(movie.suggestions.filter(genre__name="Comedy"), UserFactory())
    ask(first, movie)
    later = saved_model(first.extractor, state=GenreModel.State.CANDIDATE)
    ask(later, movie)
    assert list(pending(movie)) == ["Drama"]
    assert (
        movie.suggestions.filter(genre__name="Comedy").values_list("state", flat=True).get() == State.REJECTED
    )


@pytest.mark.parametrize("by_a_later_model", [True, False])
def test_a_rejected_pair_is_asked_again_once_the_poster_changed(by_a_later_model: bool) -> None:
    first = saved_model()
    movie = seen(first, 0.9, 0.1, 0.1)
    ask(first, movie)
    review.reject(movie.suggestions.all(), UserFactory())
    poster = PosterFactory(movie=movie, is_primary=False)
    look(first, poster, 0.9, 0.1, 0.1)
    make_primary(poster)
    asked = saved_model(first.extractor, state=GenreModel.State.CANDIDATE) if by_a_later_model else first
    ask(asked, movie)
    assert list(pending(movie)) == ["Comedy"]
    assert movie.suggestions.get(state=State.PENDING).poster == poster
    assert movie.suggestions.filter(state=State.REJECTED).count() == 1


def test_a_rejection_concerns_its_own_movie_only() -> None:
    model = saved_model()
    one, other = seen(model, 0.9, 0.1, 0.1), seen(model, 0.9, 0.1, 0.1)
    ask(model, one, other)
    review.reject(one.suggestions.all(), UserFactory())
    ask(model, one, other)
    assert pending(one) == {}
    assert list(pending(other)) == ["Comedy"]


def test_an_accepted_suggestion_is_not_made_again() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.1, 0.1)
    ask(model, movie)
    review.accept(movie.suggestions.all(), UserFactory())
    assert ask(model, movie) == {movie.pk: 0}
    assert movie.suggestions.get().state == State.ACCEPTED


def test_a_new_poster_is_scored_anew_by_the_same_model() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.1, 0.1)
    ask(model, movie)
    poster = PosterFactory(movie=movie, is_primary=False)
    look(model, poster, 0.7, 0.1, 0.99)
    make_primary(poster)
    ask(model, movie)
    # its logits and those of the poster before it, on average
    assert pending(movie) == pytest.approx({"Comedy": 0.82, "Horror": 0.77}, abs=0.011)
    assert {row.poster for row in movie.suggestions.filter(state=State.PENDING)} == {poster}


def test_a_movie_is_scored_by_all_its_embedded_posters_together() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.55, 0.1)
    other = PosterFactory(movie=movie, is_primary=False)
    look(model, other, 0.8, 0.9, 0.1)
    alone = seen(model, 0.9, 0.55, 0.1)
    assert ask(model, movie, alone) == {movie.pk: 2, alone.pk: 1}
    assert pending(movie) == pytest.approx({"Comedy": 0.86, "Drama": 0.77}, abs=0.011)
    assert pending(alone) == pytest.approx({"Comedy": 0.9}, abs=0.011)
    assert {row.poster for row in movie.suggestions.all()} == {movie.primary_poster}


def test_a_movie_whose_primary_poster_is_not_embedded_is_left_out_whatever_its_others_say() -> None:
    model = saved_model()
    movie = MovieFactory()
    PosterFactory(movie=movie)
    look(model, PosterFactory(movie=movie, is_primary=False), 0.9, 0.9, 0.9)
    assert ask(model, movie) == {}


def test_what_is_above_its_sure_threshold_is_marked_sure_at_its_time() -> None:
    model = saved_model(thresholds=(0.3, 0.3, 0.95), sure_thresholds=[0.8, 1.0, 0.5])
    movie = seen(model, 0.9, 0.9, 0.9)
    ask(model, movie)
    assert sure(movie) == {"Comedy": True, "Drama": False}
    GenreModel.objects.filter(pk=model.pk).update(sure_thresholds=[1.0, 1.0, 1.0])
    assert sure(movie) == {"Comedy": True, "Drama": False}


def test_a_model_without_sure_thresholds_is_never_sure() -> None:
    model = saved_model()
    movie = seen(model, 0.99, 0.99, 0.99)
    ask(model, movie)
    assert set(sure(movie).values()) == {False}


def test_a_genre_without_evidence_is_never_suggested() -> None:
    model = saved_model(thresholds=(0.3, NEVER, 0.3), no_evidence=["Drama"])
    movie = seen(model, 0.9, 0.99, 0.1)
    ask(model, movie)
    assert list(pending(movie)) == ["Comedy"]


def sure(movie: Movie) -> dict[str, bool]:
    return dict(movie.suggestions.values_list("genre__name", "sure"))


def test_a_poster_without_an_embedding_fails_its_item_only() -> None:
    model = saved_model()
    kept, lost = seen(model, 0.9, 0.1, 0.1), seen(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    lost.primary_poster.embeddings.all().delete()
    run = worked_off(run)
    assert (run.done, run.failed) == (1, 1)
    assert "embed its poster first" in run.items.get(state="failed").error
    assert list(pending(kept)) == ["Comedy"]


def test_genres_of_another_script_keep_their_own_scores() -> None:
    model = saved_model(genres=("Драма", "Комедия", "War"))
    movie = seen(model, 0.1, 0.9, 0.8)
    ask(model, movie)
    assert pending(movie) == pytest.approx({"Комедия": 0.9, "War": 0.8}, abs=0.011)


def test_a_damaged_model_fails_the_items_with_a_sentence() -> None:
    model = saved_model()
    seen(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    (Path(settings.MODELS_DIR) / model.weights_file).write_bytes(b"PK")
    run = worked_off(run)
    assert run.state == Run.State.FAILED
    error = run.items.get().error
    assert error.startswith("The genre model cannot be used: ")
    assert "Train the genres again" in error


def test_without_a_model_in_use_the_items_fail() -> None:
    model = saved_model()
    seen(model, 0.9, 0.1, 0.1)
    run = lifecycle.start("label", queue=False)
    model.delete()
    assert worked_off(run).state == Run.State.FAILED


def test_models_are_told_apart_by_what_their_files_hold() -> None:
    assert suggestions.load(saved_model()).genres == GENRES


def test_movies_are_asked_about_unasked_while_untagged_or_when_they_show_another_poster() -> None:
    model = saved_model()
    untagged, reviewed = (seen(model, 0.9, 0.9, 0.1) for _ in range(2))
    seen(model, 0.9, 0.9, 0.1, genres=["Western"])
    ask(model, untagged, reviewed)
    review.accept(reviewed.suggestions.filter(genre__name="Drama"), UserFactory())
    assert set(suggestions.candidates(model.pk)) == {untagged}
    poster = PosterFactory(movie=reviewed, is_primary=False)
    look(model, poster, 0.9, 0.1, 0.1)
    make_primary(poster)
    assert set(suggestions.candidates(model.pk)) == {untagged, reviewed}
    ask(model, *suggestions.candidates(model.pk))
    assert set(suggestions.candidates(model.pk)) == {untagged}


def test_a_poster_that_its_source_replaced_has_no_say_any_more() -> None:
    model = saved_model()
    movie = seen(model, 0.9, 0.9, 0.1)
    Poster.objects.filter(movie=movie).update(superseded=True)
    poster = PosterFactory(movie=movie, is_primary=False)
    look(model, poster, 0.1, 0.9, 0.1)
    make_primary(poster)
    ask(model, movie)
    assert pending(movie) == pytest.approx({"Drama": 0.9}, abs=0.011)
