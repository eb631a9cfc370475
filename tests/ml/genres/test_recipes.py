"""Training settings: the published recipe, and refusal of invalid settings."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.genres.recipes import (
    COMPACT,
    PUBLISHED,
    RECIPES,
    LogisticConfig,
    TrainingConfig,
    TrainingConfigError,
    config_from,
    config_values,
    read_config,
)


def test_the_recipe_is_the_published_one():
    recipe = PUBLISHED
    assert (recipe.hidden, recipe.loss, recipe.learning_rate) == (1024, "macro_soft_f1", 1e-5)
    assert (recipe.batch_size, recipe.epochs, recipe.threshold) == (256, 30, 0.6)
    assert not recipe.standardise
    assert not recipe.dropout


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_go_through_json_unchanged_under_their_own_name(name):
    assert RECIPES[name].name == name
    assert config_from(json.loads(json.dumps(config_values(RECIPES[name])))) == RECIPES[name]


def test_a_name_gives_the_rest():
    config = config_from({"name": "compact", "epochs": 3})
    assert config == replace(COMPACT, epochs=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": 0},
        {"hidden": 1.5},
        {"hidden": True},
        {"loss": "hinge"},
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"learning_rate": "1e-5"},
        {"epochs": 0},
        {"batch_size": -1},
        {"dropout": 1},
        {"validation_fraction": 0},
        {"validation_fraction": 1},
        {"threshold": 1.1},
        {"patience": 0},
        {"standardise": "yes"},
        {"seed": -1},
        {"name": ""},
        {"min_positives": 0},
    ],
)
def test_a_setting_out_of_range_is_named(changes):
    (name,) = changes
    with pytest.raises(TrainingConfigError, match=name):
        config_from(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"components": 0},
        {"folds": 1},
        {"strengths": []},
        {"strengths": [1, 0]},
        {"strengths": [1, "strong"]},
        {"strengths": "1"},
        {"shrinkage": -1},
        {"sure_precision": 1.0},
        {"sure_least": 0},
        {"sure_recall": 1.5},
        {"sure_precision": 1},
        {"sure_precision": True},
        {"min_positives": 0},
        {"resamples": 0},
    ],
)
def test_a_setting_of_the_logistic_recipe_out_of_range_is_named(changes):
    (name,) = changes
    with pytest.raises(TrainingConfigError, match=name):
        config_from({"name": "logistic"} | changes)


def test_a_recipe_has_only_settings_of_its_own():
    with pytest.raises(TrainingConfigError, match="recipe logistic has no setting 'epochs'"):
        config_from({"name": "logistic", "epochs": 3})
    with pytest.raises(TrainingConfigError, match="recipe compact has no setting 'folds'"):
        config_from({"name": "compact", "folds": 3})


def test_an_unknown_setting_is_named_with_those_that_exist():
    with pytest.raises(TrainingConfigError, match=r"no setting 'learningrate'.*learning_rate"):
        config_from({"learningrate": 1})


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from([{}, {"name": "logistic"}]),
    st.dictionaries(
        st.sampled_from(sorted(config_values(TrainingConfig()) | config_values(LogisticConfig()))),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text("ab1.-", max_size=5)
        | st.lists(st.integers(), max_size=2),
    ),
)
def test_any_json_is_a_config_or_an_error(named, values):
    try:
        assert isinstance(config_from(named | values), TrainingConfig | LogisticConfig)
    except TrainingConfigError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b'{"epochs": 0}'])
def test_a_config_file_that_cannot_be_used_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(TrainingConfigError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
