"""Candidates by name: which extractor, which search, which genre model, and errors that say what to do."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml import bundled
from ml.evaluation.candidates import candidate, search_of
from ml.evaluation.errors import EvaluationError
from ml.evaluation.genre_models import matching_extractor, read_bundled_model, read_model
from ml.extractors.registry import parse_spec
from ml.extractors.runtime import load_extractor, resolve_fingerprint
from ml.genres.evidence.model_file import load_model
from ml.genres.thresholds import NEVER
from tests.ml.evaluation.made_models import DIMS, SPEC, save_model
from tests.ml.labelled_set.made_sets import GENRES, folders


@pytest.mark.parametrize(
    ("name", "extractor", "search", "precision"),
    [
        ("pixels", "pixels", "euclidean, exact", "float16"),
        ("pixels:64x96", "pixels:64x96", "euclidean, exact", "float16"),
        ("histograms", "histograms", "cosine, exact", "float16"),
        ("inception_v3:mixed8:avg", "inception_v3:mixed8:avg", "cosine, exact", "float16"),
        ("recipe-lookalike", "inception_v3", "euclidean, ball tree", "float32"),
        ("recipe-lookalike-flattened", "inception_v3:flatten", "euclidean, ball tree", "float32"),
    ],
)
def test_extractors_are_searched_as_a_site_does_and_recipes_as_published(
    tmp_path, name, extractor, search, precision
):
    found = candidate(name, folders(tmp_path))
    assert (found.extractor, str(found.search), found.precision) == (extractor, search, precision)
    assert found.genre_model is None and found.no_genres


@pytest.mark.parametrize("spec", ["postersite", "postersite:models/mine.tflite"])
def test_our_own_extractor_has_hub_correction_and_baselines_have_none(spec):
    assert str(search_of(spec)) == "cosine, exact, hubs corrected"
    assert not search_of("mobilenet_v2").corrected


def test_an_untrained_recipe_names_the_command_that_trains_it(tmp_path):
    with pytest.raises(EvaluationError, match="train_genres --recipe recipe-genres") as error:
        candidate("recipe-genres", folders(tmp_path))
    assert "--fit" in str(error.value)


def test_a_recipe_to_be_trained_may_name_its_extractor(tmp_path):
    there = folders(tmp_path)
    assert candidate("recipe-genres", there, fitting=True).extractor == "mobilenet_v2"
    assert candidate("compact@pixels:16x24", there, fitting=True).extractor == "pixels:16x24"
    assert candidate("compact", there, fitting=True, extractor="histograms").extractor == "histograms"
    found = candidate("logistic@postersite", there, fitting=True)
    assert (found.extractor, found.recipe, found.genre_model) == ("postersite", "logistic", None)


@pytest.mark.parametrize("name", ["nothing", "recipe-genres@nothing", "", "inception_v3:mixed8:max"])
def test_an_unknown_name_lists_the_known_ones(tmp_path, name):
    with pytest.raises(EvaluationError, match="recipe-lookalike"):
        candidate(name, folders(tmp_path), fitting=True)


def test_active_without_a_site_is_the_newest_model_of_the_folder(tmp_path):
    there = folders(tmp_path)
    older, newer = save_model(there.models, "older"), save_model(there.models, "newer", seed=1)
    os.utime(older, (1, 1))
    (there.models / "vectors.npz").write_bytes(b"no manifest beside it")
    found = candidate("active", there)
    assert found.genre_model and found.genre_model.facts["file"] == newer.name
    assert found.extractor == SPEC and found.note
    os.utime(newer, (0, 0))
    again = candidate("active", there).genre_model
    assert again and again.facts["file"] == older.name


def test_a_model_by_its_file_or_folder(tmp_path):
    path = save_model(tmp_path / "elsewhere")
    for name in (path, path.parent):
        found = candidate(str(name), folders(tmp_path)).genre_model
        assert found and found.scorer.genres == GENRES
        assert found.thresholds()[1] is None and "sure_thresholds" in found.sure_reason


def test_no_model_at_all_names_the_command_that_trains_one(tmp_path):
    for missing in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(EvaluationError, match="train_genres"):
            candidate(str(missing), folders(tmp_path))


def test_sure_thresholds_of_the_manifest_are_read_and_null_is_never(tmp_path):
    found = read_model(save_model(tmp_path, sure_thresholds=[0.9, None, 0.8, 1]), None)
    assert found.thresholds()[1] == (0.9, NEVER, 0.8, NEVER) and not found.sure_reason


@pytest.mark.parametrize(
    "sure", [[0.9], "high", {"Drama": 0.9}, [0.9, 0.9, 0.9, "x"], [0.9, 0.9, 0.9, math.nan]]
)
def test_invalid_sure_thresholds_are_refused(tmp_path, sure):
    path = save_model(tmp_path, sure_thresholds=sure)
    with pytest.raises(EvaluationError, match=r"sure.thresholds"):
        read_model(path, None)


def test_a_damaged_or_replaced_model_is_refused(tmp_path):
    path = save_model(tmp_path)
    with pytest.raises(EvaluationError, match="recorded"):
        read_model(path, None, sha256="0" * 64)
    content = path.read_bytes()
    for damaged in (content[:-20] + bytes(20), b"\x80\x04\x95"):
        path.write_bytes(damaged)
        with pytest.raises(EvaluationError, match=r"head\.npz"):
            candidate(str(path), folders(tmp_path))
    path.with_suffix(".json").write_text("[" * 100_000)
    with pytest.raises(EvaluationError, match="not JSON"):
        candidate(str(path), folders(tmp_path))


def test_a_fingerprint_of_other_weights_is_refused(tmp_path, monkeypatch):
    mine = parse_spec(SPEC).fingerprint()
    other = mine[:-12] + "0" * 12
    with pytest.raises(EvaluationError, match=f"{other}.*{mine}"):
        read_model(save_model(tmp_path, extractor=other), None)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = save_model(tmp_path, extractor="mobilenet_v2-224-gap-bilinear-f32-94219449f643")
    with pytest.raises(EvaluationError, match="fetch_weights mobilenet_v2"):
        read_model(path, tmp_path)


def test_a_model_without_its_extractor_needs_the_option(tmp_path):
    path = save_model(tmp_path, extractor="")
    with pytest.raises(EvaluationError, match="--extractor"):
        read_model(path, None)
    assert read_model(path, None, extractor=SPEC).extractor == SPEC


@pytest.mark.parametrize(
    "strange",
    ["", "-", "pixels", "pixels-", "postersite", "../../x", "tfhub-224-gap-bilinear-f32-1", "x" * 500],
)
def test_a_strange_fingerprint_is_refused(strange):
    with pytest.raises(EvaluationError, match=r"extractor|trained on vectors of"):
        matching_extractor(strange, None, None, "It")


@pytest.mark.parametrize("spec", ["pixels", "pixels:64x96", "histograms:90x90", "pixels:10x20:nearest"])
def test_a_fingerprint_leads_back_to_its_extractor(spec):
    assert matching_extractor(parse_spec(spec).fingerprint(), None, None, "It") == spec


class TestBundled:
    """`postersite`, and `active` where a site has no genre model."""

    def test_the_genre_model_needs_the_vectors_of_the_extractor(self):
        model = load_model(bundled.GENRES)
        extractor = load_extractor("postersite", weights_dir=None, cache_dir=Path("unused"), threads=1)
        assert (model.extractor, model.dims) == (extractor.fingerprint, extractor.dims)
        assert model.poster and model.poster.sure_thresholds is not None
        vectors = extractor.embed(np.random.default_rng(1).uniform(0, 255, (3, 288, 192, 3)))
        scores = model.poster.scores(vectors)
        assert scores.shape == (3, len(model.genres)) and np.isfinite(scores).all()

    def test_postersite_is_the_extractor_and_its_genre_model(self, tmp_path):
        found = candidate("postersite", folders(tmp_path))
        assert (found.extractor, found.precision) == ("postersite", "float16")
        assert found.genre_model and found.genre_model.scorer.genres == load_model(bundled.GENRES).genres
        assert "model-card" in found.note

    def test_active_without_any_model(self, tmp_path):
        for active in (None, lambda: None):
            found = candidate("active", folders(tmp_path), active=active)
            assert (found.name, found.extractor) == ("active", "postersite")
            assert found.genre_model and found.genre_model.facts["file"] == bundled.GENRES.name
            assert "bundled" in found.note

    @pytest.mark.parametrize("damage", ["another version", "missing", "cut short"])
    def test_without_its_genre_model_look_alikes_remain(self, tmp_path, monkeypatch, damage):
        path = save_model(tmp_path / "other")
        if damage == "missing":
            path.unlink()
        if damage == "cut short":
            path.write_bytes(path.read_bytes()[:-100])
        monkeypatch.setattr(bundled, "GENRES", path)
        for name in ("postersite", "active"):
            found = candidate(name, folders(tmp_path))
            assert found.extractor == "postersite" and found.genre_model is None and found.no_genres


class TestCustomExtractor:
    """A genre model trained over another file than the bundled extractor."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """As `train_extractor` leaves it: the extractor, and a genre model over its vectors."""
        (tmp_path / "own").mkdir()
        file = tmp_path / "own" / "postersite.tflite"
        file.write_bytes(b"other weights")  # only its name and digest matter here
        save_model(tmp_path / "own", "genres", extractor=resolve_fingerprint(f"postersite:{file}", None))
        return tmp_path / "own"

    def test_its_file_is_found_beside_the_model(self, folder):
        spec = f"postersite:{folder / 'postersite.tflite'}"
        assert read_model(folder / "genres.npz", None).extractor == spec
        found = candidate(str(folder), folders(folder))
        assert found.extractor.startswith("postersite:") and found.genre_model

    def test_elsewhere_it_must_be_named(self, folder, tmp_path):
        moved = Path(shutil.move(folder / "postersite.tflite", tmp_path / "mine.tflite"))
        with pytest.raises(EvaluationError, match="--extractor postersite:FILE"):
            read_model(folder / "genres.npz", None)
        model = read_model(folder / "genres.npz", None, extractor=f"postersite:{moved}")
        assert model.scorer.dims == DIMS

    def test_the_bundled_model_does_not_fit(self, folder):
        with pytest.raises(EvaluationError, match="--fit"):
            read_bundled_model(f"postersite:{folder / 'postersite.tflite'}", None)
        found = candidate(f"postersite:{folder / 'postersite.tflite'}", folders(folder))
        assert found.genre_model is None and found.no_genres
