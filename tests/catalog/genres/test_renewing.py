"""What follows by itself when a genre model is promoted, and when a movie shows another poster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.embeddings import embedding, extractors
from catalog.genres import bundled, decision_batches, promotion, review, suggestions
from catalog.genres.review import Selection
from catalog.models import Embedding, Extractor, GenreModel, Movie, Poster, Run, Suggestion
from catalog.posters.primary import make_primary, process_changed, remove, shown_posters, store_poster, unlock
from catalog.runs import leases, lifecycle, local_worker
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    MovieFactory,
    PosterFactory,
    RunFactory,
    SuggestionFactory,
    UserFactory,
    tiny_jpeg,
)

from .genre_heads import saved_model, vector_for
from .test_bundled import bundled_genres

pytestmark = pytest.mark.django_db

State = Suggestion.State
LIVE = ("queued", "running")


def seen(model: GenreModel, *scores: float, **movie: Any) -> Movie:
    made = MovieFactory(**movie)
    poster = PosterFactory(movie=made)
    EmbeddingFactory(poster=poster, extractor=model.extractor, values=vector_for(*scores))
    return made


def two_models(**fields: Any) -> tuple[GenreModel, GenreModel]:
    """The one in use suggests above 0.6; the candidate, on the same vectors, above 0.3."""
    first = saved_model()
    later = saved_model(first.extractor, thresholds=(0.3,) * 3, state=GenreModel.State.CANDIDATE, **fields)
    return first, later


def pending(movie: Movie) -> set[tuple[str, int]]:
    rows = movie.suggestions.filter(state=State.PENDING)
    return set(rows.values_list("genre__name", "model__version"))


def all_worked_off() -> list[str]:
    """Works off what is live and what follows it; the kinds, in the order of their starts."""
    kinds = []
    while run := lifecycle.live_runs().order_by("pk").first():
        kinds.append(run.kind)
        assert local_worker.process_run(run).state == Run.State.DONE
    return kinds


def test_a_promotion_replaces_what_is_pending_and_leaves_what_is_decided() -> None:
    first, later = two_models()
    movie, tagged, locked = (seen(first, 0.9, 0.4, 0.7) for _ in range(3))
    suggestions.suggest([movie, tagged], first, suggestions.load(first))
    review.accept(tagged.suggestions.filter(genre__name="Comedy"), UserFactory())
    review.reject(movie.suggestions.filter(genre__name="Horror"), UserFactory())
    review.set_genres(locked, [], UserFactory())
    run = promotion.promote(later, by=(person := UserFactory()))
    assert run is not None and (run.kind, run.asked_by) == ("label", person)
    assert all_worked_off() == ["label"]
    assert pending(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert pending(tagged) == {("Drama", later.version), ("Horror", later.version)}
    assert tagged.suggestions.get(state=State.ACCEPTED).model == first
    assert movie.suggestions.get(state=State.REJECTED).model == first
    assert not locked.suggestions.exists()


def test_undoing_a_promotion_brings_the_earlier_suggestions_back() -> None:
    first, later = two_models()
    movie = seen(first, 0.9, 0.4, 0.1)
    for change in (lambda: promotion.promote(first), lambda: promotion.promote(later)):
        change()
    GenreModel.objects.filter(pk=first.pk).update(promoted_at=later.promoted_at)
    all_worked_off()
    assert pending(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert promotion.undo_promotion(later) == first
    assert all_worked_off() == ["label"]
    assert pending(movie) == {("Comedy", first.version)}


def test_of_promotions_in_quick_succession_only_the_last_is_followed() -> None:
    first, later = two_models()
    movie = seen(first, 0.9, 0.4, 0.1)
    promotion.promote(later)
    assert promotion.promote(later) is None
    promotion.promote(first)
    last = promotion.promote(later)
    assert list(lifecycle.live_runs()) == [last]
    all_worked_off()
    assert pending(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert not lifecycle.live_runs().exists()


def test_what_was_to_follow_a_cancelled_run_follows_the_new_one() -> None:
    first, later = two_models()
    seen(first, 0.9, 0.4, 0.1)
    lifecycle.start("label", followed_by=["duplicates", "check"], queue=False)
    last = [promotion.promote(model) for model in (later, first, later)][-1]
    assert last is not None and (last.kind, last.followed_by) == ("label", ["duplicates", "check"])
    assert all_worked_off() == ["label", "duplicates", "check"]


def test_what_was_to_follow_is_not_lost_where_nothing_is_to_be_labelled() -> None:
    first, later = two_models()
    movie = seen(first, 0.9, 0.4, 0.1)
    lifecycle.start("label", followed_by=["check"], queue=False)
    movie.delete()
    promotion.promote(later)
    assert all_worked_off() == ["check"]


def test_undoing_a_batch_after_a_promotion_brings_suggestions_of_the_model_in_use() -> None:
    first, later = two_models()
    movie, other = seen(first, 0.9, 0.4, 0.1), seen(first, 0.9, 0.4, 0.1)
    suggestions.suggest([movie, other], first, suggestions.load(first))
    batch = decision_batches.start(Selection(), UserFactory(), queue=False)
    assert all_worked_off() == ["decide"]
    promotion.promote(later)
    decision_batches.start_undo(batch, person := UserFactory(), queue=False)
    assert all_worked_off() == ["revert", "label"]
    assert pending(movie) == pending(other) == {("Comedy", later.version), ("Drama", later.version)}
    assert Run.objects.get(kind="label").asked_by == person


def test_undoing_a_batch_of_the_model_in_use_asks_it_nothing_again() -> None:
    model = saved_model()
    suggestions.suggest([seen(model, 0.9, 0.4, 0.1)], model, suggestions.load(model))
    batch = decision_batches.start(Selection(), UserFactory(), queue=False)
    all_worked_off()
    decision_batches.start_undo(batch, UserFactory(), queue=False)
    assert all_worked_off() == ["revert"]


def test_with_nothing_to_suggest_for_no_run_is_started() -> None:
    _, later = two_models()
    seen(later, 0.9, 0.9, 0.9, genres=["War"])
    MovieFactory()
    assert promotion.promote(later) is None
    assert not Run.objects.exists()


@pytest.mark.parametrize("after", [[], ["label"], ["label", "duplicates"]])
def test_a_training_that_promotes_its_model_is_followed_by_one_suggestion_run(after: list[str]) -> None:
    training = RunFactory(kind="train", state="running", followed_by=after, asked_by=UserFactory())
    first, later = two_models(run=training)
    movie = seen(first, 0.9, 0.4, 0.1)
    run = promotion.promote(later)
    lifecycle.settle(training.pk)
    assert run is not None and (run.previous, run.asked_by) == (training, training.asked_by)
    assert run.followed_by == [kind for kind in after if kind != "label"]
    assert Run.objects.filter(kind="label").count() == 1
    Run.objects.filter(pk=run.pk).update(followed_by=[])
    assert all_worked_off() == ["label"]
    assert pending(movie) == {("Comedy", later.version), ("Drama", later.version)}


def test_a_batch_of_the_model_that_is_replaced_is_done_again_with_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, later = two_models()
    movie = seen(first, 0.9, 0.4, 0.1)
    run = lifecycle.start("label", movies=Movie.objects.all(), queue=False)
    scored = suggestions.decide

    def promoted_meanwhile(*arguments: Any) -> Any:
        if promotion.active_model() == first:
            promotion.promote(later)
        return scored(*arguments)

    monkeypatch.setattr(suggestions, "decide", promoted_meanwhile)
    leases.process_batch(run.pk, suggestions.label_items)
    assert pending(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert not movie.suggestions.filter(model=first).exists()


def test_posters_that_the_promoted_model_cannot_read_are_embedded() -> None:
    reads = ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"), dims=3)
    old, new = saved_model(), saved_model(reads, state=GenreModel.State.CANDIDATE)
    seen(old, 0.9, 0.9, 0.9)
    run = promotion.promote(new)
    assert run is not None and (run.kind, run.followed_by) == ("embed", ["label"])
    promotion.promote(old)
    seen(new, 0.9, 0.9, 0.9)
    # A poster that cannot be embedded must not stand in the way of the others' suggestions.
    run = promotion.promote(new)
    assert run is not None and (run.kind, run.followed_by) == ("label", ["embed", "label"])


def test_taking_up_the_shipped_model_is_followed_by_suggestions(tmp_path: Path, broker: Any) -> None:
    PosterFactory()
    bundled.install_genre_model(bundled_genres(tmp_path))
    [run] = Run.objects.all()
    assert (run.kind, run.followed_by) == ("embed", ["label"])
    assert broker.llen("ml") == 0  # the broker is not started yet at this moment: the sweep queues it


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
    before = shown_posters([movie.pk, other.pk])
    CHANGES[change](movie)
    run = process_changed(before)
    assert run is not None and run.kind == "embed"
    assert list(run.items.values_list("poster__movie", flat=True)) == [movie.pk]
    assert all_worked_off() == ["embed", "label"]
    shown = Poster.objects.get(movie=movie, is_primary=True)
    assert shown != first and shown.embeddings.exists()
    assert [item.movie for item in Run.objects.get(kind="label").items.all()] == [movie]
    about = Suggestion.objects.filter(state=State.PENDING).values_list("poster_sha256", flat=True)
    assert set(about) <= {shown.sha256}
    assert not Embedding.objects.filter(poster__movie=other).exists()
    assert process_changed(shown_posters([movie.pk])) is None


def test_a_poster_with_vectors_needs_suggestions_only(reader: GenreModel) -> None:
    movie = MovieFactory()
    posters = [stored(movie, number) for number in range(2)]
    embedding.embed(posters, extractors.load(SMALL))
    suggestions.suggest([movie], reader, suggestions.load(reader))
    before = shown_posters([movie.pk])
    make_primary(movie.posters.get(is_primary=False))
    run = process_changed(before)
    assert run is not None and run.kind == "label"


def test_a_movie_without_poster_keeps_no_pending_suggestions(reader: GenreModel) -> None:
    movie = MovieFactory(poster=True)
    SuggestionFactory(movie=movie)
    before = shown_posters([movie.pk])
    remove(movie.posters.all())
    assert process_changed(before) is None
    assert movie.suggestions.get().state == State.SUPERSEDED


def test_many_movies_at_once_keep_no_suggestions_about_what_they_do_not_show(
    reader: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.posters.primary.IDS_PER_QUERY", 2)
    movies = [MovieFactory(poster=True) for _ in range(3)]
    for movie in movies:
        SuggestionFactory(movie=movie)
    before = shown_posters([movie.pk for movie in movies])
    for movie in movies:
        remove(movie.posters.all())
    assert process_changed(before) is None
    assert set(Suggestion.objects.values_list("state", flat=True)) == {State.SUPERSEDED}


def test_a_tagged_movie_is_embedded_and_gets_no_suggestions(reader: GenreModel) -> None:
    movie = MovieFactory(genres=["War"])
    before = shown_posters([movie.pk])
    stored(movie, 1)
    assert process_changed(before) is not None
    assert all_worked_off() == ["embed"]
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
    assert all_worked_off() == ["embed", "label"]
    assert not Embedding.objects.filter(poster__movie=other).exists()
    assert {item.movie for item in Run.objects.get(kind="label").items.all()} == {movie}


def test_what_follows_starts_only_if_something_was_fetched() -> None:
    run = lifecycle.start("scrape", params={lifecycle.SAME_MOVIES: True}, followed_by=("embed", "label"))
    assert [run] == list(Run.objects.all()) and run.state == Run.State.DONE
    assert not Extractor.objects.exists()
