"""Installing the bundled genre model, and embedding older catalogues with the bundled extractor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.embeddings import embedding, extractors
from catalog.genres import bundled, model_files, promotion, suggestions
from catalog.models import Extractor, GenreModel, Movie, Run
from catalog.runs import leases, lifecycle, local_worker, recovery
from ml.genres.evidence.model_file import save_model
from ml.genres.head_file import load_head
from ml.genres.thresholds import NEVER
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreFactory, MovieFactory, PosterFactory
from tests.ml.genres.evidence.made_models import make_model

from .bundled_files import GENRES, bundled_genres
from .genre_heads import saved_model

pytestmark = pytest.mark.django_db
State = GenreModel.State


def test_a_new_site_has_an_active_model_with_files_and_metrics(tmp_path: Path, settings: Any) -> None:
    weights = bundled_genres(tmp_path)
    model, fresh = bundled.install_genre_model(weights)
    assert fresh and (model.version, model.state, model.shipped) == (1, State.ACTIVE, True)
    assert (model.recipe, model.genres, model.no_evidence) == ("logistic", list(GENRES), ["War"])
    assert (model.thresholds, model.sure_thresholds) == ([0.4, 0.4, NEVER], [0.8, NEVER, NEVER])
    assert (model.extractor.spec, model.extractor.dims) == ("postersite", 256)
    assert model.extractor.fingerprint == extractors.fingerprint("postersite")
    assert model.metrics["validation"]["macro_f1"]["value"] == 0.42
    assert (model.config["folds"], model.dataset_fingerprint) == (5, "c" * 64)
    assert (model.run, "bundled" in str(model)) == (None, True)
    kept = load_head(settings.MODELS_DIR / model.weights_file, sha256=model.weights_sha256)
    assert kept.genres == GENRES


def test_a_bundled_model_over_several_parts(tmp_path: Path) -> None:
    """Scores, thresholds and parts are those of the file; films are scored without training."""
    made = make_model(("title", "year"))
    weights = tmp_path / "genres.npz"
    save_model(replace(made, extractor=extractors.fingerprint("postersite")), weights)
    ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"), dims=256)
    model, _ = bundled.install_genre_model(weights)
    points = made.combinations["title", "year"].thresholds
    assert (model.parts, model.recipe, model.state) == (["title", "year"], "evidence", State.ACTIVE)
    assert model.thresholds == pytest.approx(points.suggest.tolist(), abs=1e-6)
    assert model.sure_thresholds == pytest.approx(points.sure.tolist(), abs=1e-6)
    assert model.tick_thresholds == pytest.approx(points.tick.tolist(), abs=1e-6)
    movie = MovieFactory(title="Space Raiders", year=1978)
    assert suggestions.suggest([movie], model, suggestions.load(model)).keys() == {movie.pk}


def test_installing_it_again_only_restores_missing_files(tmp_path: Path) -> None:
    weights = bundled_genres(tmp_path)
    model, _ = bundled.install_genre_model(weights)
    promotion.undo_promotion(model)
    model_files.weights_path(model).unlink()
    again, fresh = bundled.install_genre_model(weights)
    assert (again, fresh, again.state) == (model, False, State.CANDIDATE)
    assert load_head(model_files.weights_path(model), sha256=model.weights_sha256).genres == GENRES
    assert GenreModel.objects.count() == 1


def test_the_database_has_one_row_per_bundled_file(tmp_path: Path) -> None:
    model, _ = bundled.install_genre_model(bundled_genres(tmp_path))
    with pytest.raises(IntegrityError), transaction.atomic():
        saved_model(state=State.CANDIDATE, shipped=True)
        GenreModel.objects.update(weights_sha256=model.weights_sha256, shipped=True)


def test_it_is_a_candidate_if_another_model_is_active(tmp_path: Path) -> None:
    own = saved_model()
    model, fresh = bundled.install_genre_model(bundled_genres(tmp_path))
    own.refresh_from_db()
    assert fresh and (own.state, model.state) == (State.ACTIVE, State.CANDIDATE)
    assert model.version == own.version + 1


def test_the_file_of_a_later_version_is_another_candidate(tmp_path: Path) -> None:
    first, _ = bundled.install_genre_model(bundled_genres(tmp_path / "1"))
    second, fresh = bundled.install_genre_model(bundled_genres(tmp_path / "2", bias=(1, 1, 1)))
    first.refresh_from_db()
    assert fresh and second.version == 2
    assert (first.state, second.state) == (State.ACTIVE, State.CANDIDATE)


def test_without_its_card_it_has_no_metrics(tmp_path: Path) -> None:
    weights = bundled_genres(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["genres"]["sha256"] = "0" * 64
    (tmp_path / "card.json").write_text(json.dumps(card))
    model, _ = bundled.install_genre_model(weights)
    assert (model.metrics, model.dataset_fingerprint, model.state) == ({}, "", State.ACTIVE)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "cannot be read: No such file"),
        ("truncated", "damaged or replaced"),
        ("no manifest", "is missing"),
        ("another extractor", "belong to two versions"),
    ],
)
def test_an_unusable_file_is_reported_and_not_installed(damage: str, says: str, tmp_path: Path) -> None:
    weights = bundled_genres(
        tmp_path, extractor="postersite-of-yore" if damage == "another extractor" else None
    )
    if damage == "missing":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-9])
    elif damage == "no manifest":
        weights.with_suffix(".json").unlink()
    with pytest.raises(bundled.BundledModelUnusable, match=says):
        bundled.install_genre_model(weights)
    assert not GenreModel.objects.exists() and not Extractor.objects.exists()


def test_untagged_movies_get_suggestions_without_training(tmp_path: Path) -> None:
    by_hand = GenreFactory(name="Science Fiction", slug="science-fiction")
    poster = PosterFactory()
    bundled.install_genre_model(bundled_genres(tmp_path))
    for kind, work in (("embed", embedding.embed_items), ("label", suggestions.label_items)):
        run = lifecycle.start(kind, queue=False)
        assert leases.process_batch(run.pk, work) is False
        lifecycle.settle(run.pk)
    found = poster.movie.suggestions.order_by("-score")
    assert [(each.genre.name, each.sure) for each in found] == [("Drama", True), ("Science Fiction", False)]
    assert found[1].genre == by_hand


@pytest.fixture
def older_catalogue() -> None:
    """Posters that only another extractor has embedded."""
    histograms = ExtractorFactory(spec="histograms", dims=4)
    for _ in range(3):
        EmbeddingFactory(extractor=histograms)


def test_an_older_catalogue_is_embedded_with_the_bundled_extractor_once(
    older_catalogue: None, broker: Any
) -> None:
    run = bundled.embed_with_bundled_extractor()
    assert run is not None and (run.kind, run.total) == ("embed", 3)
    assert run.params["extractors"] == ["postersite"]
    assert bundled.embed_with_bundled_extractor() == run and Run.objects.count() == 1
    assert broker.llen("ml") == 0
    assert recovery.sweep() == broker.llen("ml") > 0
    embedding.embed([Movie.objects.first().primary_poster], extractors.load("postersite"))
    lifecycle.cancel(run)
    again = bundled.embed_with_bundled_extractor()
    assert again is not None and (again.total, Run.objects.count()) == (2, 2)
    local_worker.process_run(again)
    assert bundled.embed_with_bundled_extractor() is None


@pytest.mark.parametrize("configured", [["histograms", "pixels"], ["mobilenet_v2"]])
def test_configured_extractors_are_not_replaced(
    older_catalogue: None, configured: list[str], settings: Any
) -> None:
    settings.EXTRACTORS = configured
    assert bundled.embed_with_bundled_extractor() is None


def test_a_catalogue_without_embeddings_is_not_embedded() -> None:
    MovieFactory(poster=True)
    assert bundled.embed_with_bundled_extractor() is None
