"""Promoting genre models, undoing promotions, and the runs that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.embeddings import extractors
from catalog.genres import bundled, decision_batches, model_files, promotion, review, suggestions
from catalog.genres.review import Selection
from catalog.models import AuditFinding, GenreModel, Movie, Run, Suggestion
from catalog.runs import leases, lifecycle, local_worker
from ml.genres.head_file import load_head, save_head
from tests.factories import (
    ExtractorFactory,
    MovieFactory,
    PosterFactory,
    RunFactory,
    UserFactory,
)
from tests.ml.genres.heads import make_head

from .bundled_files import bundled_genres
from .genre_heads import pending_suggestions, saved_model, scored_movie

pytestmark = pytest.mark.django_db

State = Suggestion.State


def two_models(**fields: Any) -> tuple[GenreModel, GenreModel]:
    """The active one suggests above 0.6; the candidate, with the same scores, above 0.3."""
    first = saved_model()
    later = saved_model(first.extractor, thresholds=(0.3,) * 3, state=GenreModel.State.CANDIDATE, **fields)
    return first, later


def process_all() -> list[str]:
    """Processes live runs and those that follow; returns their kinds in order."""
    kinds = []
    while run := lifecycle.live_runs().order_by("pk").first():
        kinds.append(run.kind)
        assert local_worker.process_run(run).state == Run.State.DONE
    return kinds


def test_promoting_retires_the_active_model() -> None:
    first = saved_model()
    later = saved_model(state=GenreModel.State.CANDIDATE)
    promotion.promote(later)
    first.refresh_from_db()
    assert (first.state, later.state) == (GenreModel.State.RETIRED, GenreModel.State.ACTIVE)


def test_promoting_the_active_model_again_changes_nothing() -> None:
    model = saved_model(state=GenreModel.State.CANDIDATE)
    promotion.promote(model)
    when = model.promoted_at
    promotion.promote(model)
    assert (model.state, model.promoted_at) == (GenreModel.State.ACTIVE, when)


def test_each_undo_promotes_the_model_before() -> None:
    models = [saved_model(state=GenreModel.State.CANDIDATE) for _ in range(3)]
    for model in models:
        promotion.promote(model)
    assert promotion.undo_promotion(models[2]) == models[1]
    assert promotion.undo_promotion(models[1]) == models[0]
    assert promotion.undo_promotion(models[0]) is None
    assert set(GenreModel.objects.values_list("state", flat=True)) == {GenreModel.State.CANDIDATE}


def test_only_the_active_models_promotion_can_be_undone() -> None:
    model = saved_model(state=GenreModel.State.CANDIDATE)
    with pytest.raises(promotion.CannotPromote, match="is not active"):
        promotion.undo_promotion(model)


@pytest.mark.parametrize("damage", ["missing", "truncated", "another"])
def test_a_model_with_a_damaged_file_is_not_promoted(damage: str) -> None:
    active, model = saved_model(), saved_model(state=GenreModel.State.CANDIDATE)
    path = model_files.weights_path(model)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        GenreModel.objects.filter(pk=model.pk).update(weights_sha256="0" * 64)
        model.refresh_from_db()
    with pytest.raises(promotion.CannotPromote, match="cannot be used"):
        promotion.promote(model)
    active.refresh_from_db()
    assert active.state == GenreModel.State.ACTIVE


def test_an_undo_that_would_promote_a_damaged_model_changes_nothing() -> None:
    first, second = (saved_model(state=GenreModel.State.CANDIDATE) for _ in range(2))
    promotion.promote(first)
    promotion.promote(second)
    model_files.weights_path(first).unlink()
    with pytest.raises(promotion.CannotPromote):
        promotion.undo_promotion(second)
    second.refresh_from_db()
    assert second.state == GenreModel.State.ACTIVE


def test_files_are_stored_under_their_sha256_any_number_of_times(settings: Any, tmp_path: Path) -> None:
    head = make_head()
    sha256 = save_head(head, tmp_path / "head.npz")
    for _ in range(2):
        assert model_files.store(tmp_path / "head.npz", sha256) == f"{sha256}.npz"
    names = sorted(path.name for path in settings.MODELS_DIR.iterdir())
    assert names == [f"{sha256}.json", f"{sha256}.npz"]
    kept = settings.MODELS_DIR / f"{sha256}.npz"
    assert load_head(kept, sha256=sha256).genres == head.genres
    assert json.loads(kept.with_suffix(".json").read_text())["weights_file"] == kept.name


def test_a_promotion_replaces_pending_suggestions_and_not_decided_ones() -> None:
    first, later = two_models()
    movie, tagged, locked = (scored_movie(first, 0.9, 0.4, 0.7) for _ in range(3))
    suggestions.suggest([movie, tagged], first, suggestions.load(first))
    review.accept(tagged.suggestions.filter(genre__name="Comedy"), UserFactory())
    review.reject(movie.suggestions.filter(genre__name="Horror"), UserFactory())
    review.set_genres(locked, [], UserFactory())
    run = promotion.promote(later, by=(person := UserFactory()))
    assert run is not None and (run.kind, run.asked_by) == ("label", person)
    assert process_all() == ["label"]
    assert pending_suggestions(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert pending_suggestions(tagged) == {("Drama", later.version), ("Horror", later.version)}
    assert tagged.suggestions.get(state=State.ACCEPTED).model == first
    assert movie.suggestions.get(state=State.REJECTED).model == first
    assert not locked.suggestions.exists()


def test_undoing_a_promotion_brings_the_earlier_suggestions_back() -> None:
    first, later = two_models()
    movie = scored_movie(first, 0.9, 0.4, 0.1)
    promotion.promote(first)
    promotion.promote(later)
    GenreModel.objects.filter(pk=first.pk).update(promoted_at=later.promoted_at)
    process_all()
    assert pending_suggestions(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert promotion.undo_promotion(later) == first
    assert process_all() == ["label"]
    assert pending_suggestions(movie) == {("Comedy", first.version)}


def test_of_several_promotions_only_the_last_is_followed_by_a_run() -> None:
    first, later = two_models()
    movie = scored_movie(first, 0.9, 0.4, 0.1)
    promotion.promote(later)
    assert promotion.promote(later) is None
    promotion.promote(first)
    last = promotion.promote(later)
    assert list(lifecycle.live_runs()) == [last]
    process_all()
    assert pending_suggestions(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert not lifecycle.live_runs().exists()


def test_followers_of_a_cancelled_run_follow_the_new_one() -> None:
    first, later = two_models()
    scored_movie(first, 0.9, 0.4, 0.1)
    lifecycle.start("label", followed_by=["duplicates", "check"], queue=False)
    last = [promotion.promote(model) for model in (later, first, later)][-1]
    assert last is not None and (last.kind, last.followed_by) == ("label", ["duplicates", "check"])
    assert process_all() == ["label", "duplicates", "check"]


def test_followers_start_even_if_nothing_is_to_be_labelled() -> None:
    first, later = two_models()
    movie = scored_movie(first, 0.9, 0.4, 0.1)
    lifecycle.start("label", followed_by=["check"], queue=False)
    movie.delete()
    promotion.promote(later)
    assert process_all() == ["check"]


def test_a_promotion_is_followed_by_an_audit_if_there_was_one_before() -> None:
    first, later = two_models()
    tagged = scored_movie(first, 0.05, 0.9, 0.1, genres=["Comedy"])
    scored_movie(first, 0.5, 0.1, 0.1)
    assert promotion.promote(later) is not None
    assert process_all() == ["label"]
    local_worker.process_run(lifecycle.start("audit", queue=False))
    AuditFinding.objects.all().delete()
    promotion.promote(first)
    assert process_all() == ["label", "audit"]
    assert AuditFinding.objects.get().movie == tagged


def test_undoing_a_batch_after_a_promotion_brings_suggestions_of_the_active_model() -> None:
    first, later = two_models()
    movie, other = scored_movie(first, 0.9, 0.4, 0.1), scored_movie(first, 0.9, 0.4, 0.1)
    suggestions.suggest([movie, other], first, suggestions.load(first))
    batch = decision_batches.start(Selection(), UserFactory(), queue=False)
    assert process_all() == ["decide"]
    promotion.promote(later)
    decision_batches.start_undo(batch, person := UserFactory(), queue=False)
    assert process_all() == ["revert", "label"]
    assert (
        pending_suggestions(movie)
        == pending_suggestions(other)
        == {("Comedy", later.version), ("Drama", later.version)}
    )
    assert Run.objects.get(kind="label").asked_by == person


def test_undoing_a_batch_of_the_active_model_starts_no_label_run() -> None:
    model = saved_model()
    suggestions.suggest([scored_movie(model, 0.9, 0.4, 0.1)], model, suggestions.load(model))
    batch = decision_batches.start(Selection(), UserFactory(), queue=False)
    process_all()
    decision_batches.start_undo(batch, UserFactory(), queue=False)
    assert process_all() == ["revert"]


def test_without_movies_to_label_no_run_is_started() -> None:
    _, later = two_models()
    scored_movie(later, 0.9, 0.9, 0.9, genres=["War"])
    MovieFactory()
    assert promotion.promote(later) is None
    assert not Run.objects.exists()


@pytest.mark.parametrize("after", [[], ["label"], ["label", "duplicates"]])
def test_a_training_that_promotes_its_model_is_followed_by_one_suggestion_run(after: list[str]) -> None:
    training = RunFactory(kind="train", state="running", followed_by=after, asked_by=UserFactory())
    first, later = two_models(run=training)
    movie = scored_movie(first, 0.9, 0.4, 0.1)
    run = promotion.promote(later)
    lifecycle.settle(training.pk)
    assert run is not None and (run.previous, run.asked_by) == (training, training.asked_by)
    assert run.followed_by == [kind for kind in after if kind != "label"]
    assert Run.objects.filter(kind="label").count() == 1
    Run.objects.filter(pk=run.pk).update(followed_by=[])
    assert process_all() == ["label"]
    assert pending_suggestions(movie) == {("Comedy", later.version), ("Drama", later.version)}


def test_a_batch_labelled_during_a_promotion_is_labelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, later = two_models()
    movie = scored_movie(first, 0.9, 0.4, 0.1)
    run = lifecycle.start("label", movies=Movie.objects.all(), queue=False)
    genre_rows = suggestions.genre_rows

    def promoted_meanwhile(names: Any) -> Any:
        if promotion.active_model() == first:
            promotion.promote(later)
        return genre_rows(names)

    monkeypatch.setattr(suggestions, "genre_rows", promoted_meanwhile)
    leases.process_batch(run.pk, suggestions.label_items)
    assert pending_suggestions(movie) == {("Comedy", later.version), ("Drama", later.version)}
    assert not movie.suggestions.filter(model=first).exists()


def test_posters_without_vectors_for_the_promoted_model_are_embedded() -> None:
    reads = ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"), dims=3)
    old, new = saved_model(), saved_model(reads, state=GenreModel.State.CANDIDATE)
    scored_movie(old, 0.9, 0.9, 0.9)
    run = promotion.promote(new)
    assert run is not None and (run.kind, run.followed_by) == ("embed", ["label"])
    promotion.promote(old)
    scored_movie(new, 0.9, 0.9, 0.9)
    # A poster that cannot be embedded must not stand in the way of the others' suggestions.
    run = promotion.promote(new)
    assert run is not None and (run.kind, run.followed_by) == ("label", ["embed", "label"])


def test_installing_the_bundled_model_is_followed_by_suggestions(tmp_path: Path, broker: Any) -> None:
    PosterFactory()
    bundled.install_genre_model(bundled_genres(tmp_path))
    [run] = Run.objects.all()
    assert (run.kind, run.followed_by) == ("embed", ["label"])
    assert broker.llen("ml") == 0  # the broker is not started yet at this moment: the sweep queues it
