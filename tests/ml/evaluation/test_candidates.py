"""Contenders by name: which extractor, which search, which genre model, and what is said when it can't be."""

from __future__ import annotations

import math
import os

import pytest

from ml.evaluation.candidates import contender, search_of
from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import matching_extractor, read_teller
from ml.extractors.registry import parse_spec
from ml.genres.thresholds import NEVER
from tests.ml.evaluation.made_models import SPEC, save_head
from tests.ml.labelled_set.made_sets import GENRES, places


def test_extractors_look_by_the_metric_the_site_uses(tmp_path):
    for name, search in {
        "pixels": "euclidean, exact",
        "pixels:64x96": "euclidean, exact",
        "histograms": "cosine, exact",
        "mobilenet_v2": "cosine, exact",
        "inception_v3:mixed8:avg": "cosine, exact",
    }.items():
        found = contender(name, places(tmp_path))
        assert (found.extractor, str(found.search), found.precision) == (name, search, "float16")
        assert found.teller is None
        assert "without a genre model" in found.no_genres


@pytest.mark.parametrize("spec", ["postersite", "postersite:models/mine.tflite"])
def test_our_own_extractor_is_searched_as_a_site_does_and_baselines_are_not(spec):
    assert str(search_of(spec)) == "cosine, exact, hubs corrected"
    assert not search_of("mobilenet_v2").corrected


def test_the_recipe_of_look_alikes_is_a_ball_tree_over_inception(tmp_path):
    found = contender("recipe-lookalike", places(tmp_path))
    flat = contender("recipe-lookalike-flattened", places(tmp_path))
    assert (found.extractor, flat.extractor) == ("inception_v3", "inception_v3:flatten")
    assert str(found.search) == str(flat.search) == "euclidean, ball tree"
    assert found.precision == "float32"


def test_an_untrained_recipe_says_which_command_trains_it(tmp_path):
    with pytest.raises(EvaluationError, match="train_genres --recipe recipe-genres") as error:
        contender("recipe-genres", places(tmp_path))
    assert "--fit" in str(error.value)


def test_a_recipe_to_be_fitted_may_name_its_extractor(tmp_path):
    there = places(tmp_path)
    assert contender("recipe-genres", there, fitting=True).extractor == "mobilenet_v2"
    assert contender("compact@pixels:16x24", there, fitting=True).extractor == "pixels:16x24"
    assert contender("compact", there, fitting=True, extractor="histograms").extractor == "histograms"


@pytest.mark.parametrize("name", ["nothing", "recipe-genres@nothing", "", "inception_v3:mixed8:max"])
def test_an_unknown_name_lists_what_there_is(tmp_path, name):
    with pytest.raises(EvaluationError, match="recipe-lookalike"):
        contender(name, places(tmp_path), fitting=True)


def test_active_without_a_site_is_the_newest_model_of_the_folder(tmp_path):
    there = places(tmp_path)
    older, newer = save_head(there.models, "older"), save_head(there.models, "newer", seed=1)
    os.utime(older, (1, 1))
    (there.models / "vectors.npz").write_bytes(b"no manifest beside it")
    found = contender("active", there)
    assert found.teller and found.teller.facts["file"] == newer.name
    assert found.extractor == SPEC
    assert "newest" in found.note
    os.utime(newer, (0, 0))
    again = contender("active", there).teller
    assert again and again.facts["file"] == older.name


def test_a_model_by_its_file_or_folder(tmp_path):
    path = save_head(tmp_path / "elsewhere")
    for name in (path, path.parent):
        found = contender(str(name), places(tmp_path))
        assert found.teller and found.teller.head.genres == GENRES
        assert found.teller.sure is None
        assert "sure_thresholds" in found.teller.sure_reason


def test_no_model_at_all_says_how_to_get_one(tmp_path):
    with pytest.raises(EvaluationError, match="train_genres"):
        contender(str(tmp_path), places(tmp_path))
    with pytest.raises(EvaluationError, match="There is no genre model"):
        contender(str(tmp_path / "none.npz"), places(tmp_path))


def test_sure_thresholds_of_the_manifest_are_read_and_null_is_never(tmp_path):
    path = save_head(tmp_path, sure_thresholds=[0.9, None, 0.8, 1])
    assert read_teller(path, None).sure == (0.9, NEVER, 0.8, NEVER)


@pytest.mark.parametrize(
    "sure", [[0.9], "high", {"Drama": 0.9}, [0.9, 0.9, 0.9, "x"], [0.9, 0.9, 0.9, math.nan]]
)
def test_senseless_sure_thresholds_are_refused(tmp_path, sure):
    path = save_head(tmp_path, sure_thresholds=sure)
    with pytest.raises(EvaluationError, match=r"sure.thresholds"):
        read_teller(path, None)


def test_a_damaged_model_is_refused_in_a_sentence(tmp_path):
    path = save_head(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-20] + bytes(20))
    with pytest.raises(EvaluationError, match="damaged or replaced"):
        contender(str(path), places(tmp_path))
    path.write_bytes(b"\x80\x04\x95")
    with pytest.raises(EvaluationError, match=r"head\.npz"):
        contender(str(path), places(tmp_path))
    path.with_suffix(".json").write_text("[" * 100_000)
    with pytest.raises(EvaluationError, match="not JSON"):
        contender(str(path), places(tmp_path))


def test_another_digest_than_the_recorded_one_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="recorded"):
        read_teller(save_head(tmp_path), None, sha256="0" * 64)


def test_a_fingerprint_of_other_numbers_is_told_apart(tmp_path):
    mine = parse_spec(SPEC).fingerprint()
    other = mine[:-12] + "0" * 12
    with pytest.raises(
        EvaluationError, match=f"trained on vectors of {other}, and the weights at hand make {mine}"
    ):
        read_teller(save_head(tmp_path, extractor=other), None)


def test_an_extractor_whose_weights_are_absent_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = save_head(tmp_path, extractor="mobilenet_v2-224-gap-bilinear-f32-94219449f643")
    with pytest.raises(EvaluationError, match="fetch_weights mobilenet_v2"):
        read_teller(path, tmp_path)


def test_a_model_that_does_not_name_its_extractor_needs_it_named(tmp_path):
    path = save_head(tmp_path, extractor="")
    with pytest.raises(EvaluationError, match="--extractor"):
        read_teller(path, None)
    assert read_teller(path, None, extractor=SPEC).extractor == SPEC


@pytest.mark.parametrize(
    "strange",
    ["", "-", "pixels", "pixels-", "postersite", "../../x", "tfhub-224-gap-bilinear-f32-1", "x" * 500],
)
def test_a_strange_fingerprint_is_one_sentence(strange):
    with pytest.raises(EvaluationError, match=r"extractor|trained on vectors of"):
        matching_extractor(strange, None, None, "It")


@pytest.mark.parametrize(
    "spec", ["pixels", "pixels:64x96", "histograms", "histograms:90x90", "pixels:10x20:nearest"]
)
def test_a_fingerprint_is_read_back_to_its_extractor(spec):
    assert matching_extractor(parse_spec(spec).fingerprint(), None, None, "It") == spec
