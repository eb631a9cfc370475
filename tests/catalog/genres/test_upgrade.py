"""An upgrade to another bundled network: what serves meanwhile, and what replaces it, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog import tasks
from catalog.embeddings import extractors, index_files
from catalog.genres import bundled, model_files, promotion, review
from catalog.models import Embedding, Extractor, GenreModel, Movie, Poster, Run, Suggestion
from catalog.runs import lifecycle
from catalog.runs.local_worker import process_run
from catalog.similarity.search import lookalikes
from ml import bundled as files
from tests.factories import EmbeddingFactory, ExtractorFactory, PosterFactory, UserFactory

from .bundled_files import bundled_genres
from .genre_heads import saved_model
from .test_training import labelled, train

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

State = GenreModel.State
Upgrade = Callable[[], GenreModel]


@pytest.fixture
def upgrade(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Upgrade:
    """Replaces the bundled files by another network and its genre model, and installs them."""
    previous = tmp_path / "previous"
    previous.mkdir()
    monkeypatch.setattr(files, "PREVIOUS", previous)

    def replace() -> GenreModel:
        (previous / "postersite-of-yore.tflite").symlink_to(files.EXTRACTOR)
        later = tmp_path / "postersite.tflite"
        # Bytes after its end change the digest of a model, not its vectors.
        later.write_bytes(files.EXTRACTOR.read_bytes() + b"later")
        monkeypatch.setattr(files, "EXTRACTOR", later)
        return bundled.install_genre_model(bundled_genres(tmp_path / "later", bias=(-2, 2, -2))).model

    return replace


@pytest.fixture
def catalogue(tmp_path: Path) -> list[Poster]:
    """Six films with look-alikes and suggestions of Drama by what this version bundles; one is rejected."""
    bundled.install_genre_model(bundled_genres(tmp_path / "first", bias=(2, -2, -2)))
    posters = PosterFactory.create_batch(6)
    for kind in ("embed", "label"):
        process_run(lifecycle.start(kind, queue=False))
    review.reject(posters[0].movie.suggestions.all(), UserFactory())
    return posters


def active() -> GenreModel:
    return GenreModel.objects.get(state=State.ACTIVE)


def suggested(poster: Poster) -> list[str]:
    pending = poster.movie.suggestions.filter(state=Suggestion.State.PENDING)
    return list(pending.values_list("genre__name", flat=True))


def test_what_is_bundled_replaces_that_of_an_earlier_version(
    catalogue: list[Poster], upgrade: Upgrade
) -> None:
    first = active()
    later = upgrade()
    run = bundled.embed_with_bundled_extractor()
    assert run is not None and (later.state, run.total) == (State.CANDIDATE, 6)
    assert bundled.embed_with_bundled_extractor() == run
    tasks.build_indexes()

    # A film that arrives meanwhile gets vectors of both networks.
    arrived = PosterFactory()
    for kind in ("embed", "label"):
        process_run(lifecycle.start(kind, movies=Movie.objects.filter(pk=arrived.movie.pk)))
    tasks.build_indexes()
    assert arrived.embeddings.count() == 2
    assert active() == first
    assert extractors.default_extractor() == first.extractor
    everything: list[Poster] = [*catalogue, arrived]
    for poster in everything:
        assert len(lookalikes(poster.movie)) == 5
    assert [suggested(poster) for poster in (catalogue[1], arrived)] == [["Drama"], ["Drama"]]

    assert process_run(run).state == Run.State.DONE
    assert extractors.default_extractor() == later.extractor
    assert len(lookalikes(arrived.movie)) == 5
    tasks.build_indexes()
    assert active() == later
    label = Run.objects.filter(kind="label").first()
    assert label is not None and label.is_live
    tasks.build_indexes()
    assert Run.objects.filter(kind="label").first() == label
    process_run(label)
    assert [suggested(poster) for poster in catalogue[:2]] == [["Sci-Fi"], ["Sci-Fi"]]
    assert catalogue[0].movie.suggestions.get(genre__name="Drama").state == Suggestion.State.REJECTED
    assert extractors.required_specs() == ["postersite"]
    assert Embedding.objects.filter(extractor=first.extractor).count() == 7

    # A person prefers the former model, which therefore gets vectors of new posters again.
    assert promotion.undo_promotion(later) == first
    tasks.build_indexes()
    assert active() == first
    assert extractors.required_specs() == ["postersite", "postersite:postersite-of-yore.tflite"]


def test_a_cancelled_run_leaves_the_earlier_network_until_the_next_start(
    catalogue: list[Poster], upgrade: Upgrade
) -> None:
    first, later = active(), upgrade()
    run = bundled.embed_with_bundled_extractor()
    assert run is not None
    lifecycle.cancel(run)
    tasks.build_indexes()
    assert (active(), extractors.default_extractor()) == (first, first.extractor)
    again = bundled.embed_with_bundled_extractor()
    assert again is not None and again.is_live and again != run
    process_run(again)
    tasks.build_indexes()
    assert active() == later


def test_configured_extractors_are_left_to_the_administrator(
    catalogue: list[Poster], upgrade: Upgrade, settings: Any
) -> None:
    settings.EXTRACTORS = ["postersite"]
    first = active()
    later = upgrade()
    assert bundled.embed_with_bundled_extractor() is None
    process_run(lifecycle.start("embed", queue=False))
    tasks.build_indexes()
    assert extractors.default_extractor() == later.extractor
    assert active() == first


def test_a_later_bundled_model_for_the_same_network_replaces_it_at_once(
    catalogue: list[Poster], tmp_path: Path
) -> None:
    later = bundled.install_genre_model(bundled_genres(tmp_path / "later", bias=(1, 1, 1))).model
    run = bundled.replace_genre_model()
    later.refresh_from_db()
    assert (later.state, run and run.kind) == (State.ACTIVE, "label")


def test_a_damaged_file_leaves_the_active_model(catalogue: list[Poster], tmp_path: Path) -> None:
    first = active()
    later = bundled.install_genre_model(bundled_genres(tmp_path / "later", bias=(1, 1, 1))).model
    model_files.weights_path(later).write_bytes(b"damaged")
    assert bundled.replace_genre_model() is None
    assert active() == first


def test_a_model_that_was_trained_here_is_not_replaced_by_the_bundled_one(
    catalogue: list[Poster], tmp_path: Path
) -> None:
    own = saved_model(active().extractor, state=State.CANDIDATE, version=promotion.next_version())
    promotion.promote(own)
    bundled.install_genre_model(bundled_genres(tmp_path / "later", bias=(1, 1, 1)))
    assert bundled.replace_genre_model() is None
    assert active() == own


@pytest.fixture
def earlier() -> Extractor:
    """An earlier bundled network whose vectors tell Drama from Comedy; look-alikes and a model are of it."""
    row = ExtractorFactory(spec="postersite", fingerprint="earlier", dims=4)
    labelled(40, row)
    index_files.build_stale()
    assert train(evidence="poster").genre_model.state == State.ACTIVE
    return row


def embed_again(earlier: Extractor, values: Callable[[Embedding], list[float]]) -> Extractor:
    row = ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"), dims=4)
    for each in earlier.embeddings.order_by("pk"):
        EmbeddingFactory(poster=each.poster, extractor=row, values=values(each))
    index_files.build_stale()
    return row


def test_a_model_of_the_site_is_trained_again_once(earlier: Extractor, settings: Any) -> None:
    settings.GENRE_EVIDENCE = "poster"
    first = active()
    assert bundled.replace_genre_model() is None
    later = embed_again(earlier, lambda each: each.as_array().tolist())
    run = bundled.replace_genre_model()
    assert run is not None and run.params["replaces"] == first.pk
    assert bundled.replace_genre_model() is None
    run = process_run(run)
    model = run.genre_model
    assert (model.extractor, model.recipe, model.state) == (later, "logistic", State.ACTIVE)
    assert "against_shipped" not in model.metrics
    assert "It is active now: on held-out films its macro F1 is 1.00" in run.message
    assert promotion.undo_promotion(model) == first
    assert bundled.replace_genre_model() is None


def test_a_model_of_the_site_stays_active_if_the_new_one_is_worse(earlier: Extractor, settings: Any) -> None:
    settings.GENRE_EVIDENCE = "poster"
    first = active()
    embed_again(earlier, lambda each: [each.as_array()[0] != (each.pk % 5 == 0), 1, 0, 0])
    run = bundled.replace_genre_model()
    assert run is not None
    run = process_run(run)
    assert active() == first
    assert run.genre_model.metrics["against_replaced"]["worse"]
    assert f"Genre model {first.version} stays active: on held-out films" in run.message


def test_the_new_model_is_a_candidate_if_a_person_promoted_another_one_meanwhile(
    earlier: Extractor, settings: Any
) -> None:
    settings.GENRE_EVIDENCE = "poster"
    embed_again(earlier, lambda each: each.as_array().tolist())
    run = bundled.replace_genre_model()
    assert run is not None
    other = saved_model(earlier, state=State.CANDIDATE, version=promotion.next_version())
    promotion.promote(other)
    assert process_run(run).genre_model.state == State.CANDIDATE
    assert active() == other


def test_recipe_and_settings_that_a_person_chose_are_kept(earlier: Extractor) -> None:
    first = active()
    assert bundled._recipe(first)["config"]["resamples"] == 20
    first.config.pop("resamples")
    assert bundled._recipe(first) == {}
    first.recipe = "compact"
    assert bundled._recipe(first)["recipe"] == "compact"
