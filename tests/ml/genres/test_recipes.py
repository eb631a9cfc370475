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
    ("recipe", "setting", "values"),
    [
        ("compact", "hidden", [0, 1.5, True]),
        ("compact", "loss", ["hinge"]),
        ("compact", "learning_rate", [0, float("nan"), "1e-5"]),
        ("compact", "epochs", [0]),
        ("compact", "batch_size", [-1]),
        ("compact", "dropout", [1]),
        ("compact", "validation_fraction", [0, 1]),
        ("compact", "threshold", [1.1]),
        ("compact", "patience", [0]),
        ("compact", "standardise", ["yes"]),
        ("compact", "seed", [-1]),
        ("compact", "min_positives", [0]),
        ("compact", "resamples", [0]),
        ("logistic", "components", [0]),
        ("logistic", "folds", [1]),
        ("logistic", "strengths", [[], [1, 0], [1, "strong"], "1"]),
        ("logistic", "shrinkage", [-1]),
        ("logistic", "sure_precision", [1.0, 1, True]),
        ("logistic", "sure_least", [0]),
        ("logistic", "sure_recall", [1.5]),
        ("logistic", "min_positives", [0]),
        ("logistic", "resamples", [0]),
    ],
)
def test_a_setting_out_of_range_is_named(recipe, setting, values):
    for value in values:
        with pytest.raises(TrainingConfigError, match=setting):
            config_from({"name": recipe, setting: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "name"),
        ({"name": "logistic", "epochs": 3}, "recipe logistic has no setting 'epochs'"),
        ({"name": "compact", "folds": 3}, "recipe compact has no setting 'folds'"),
        ({"learningrate": 1}, r"no setting 'learningrate'.*learning_rate"),
    ],
)
def test_an_empty_name_and_a_setting_of_another_recipe_are_refused(values, message):
    with pytest.raises(TrainingConfigError, match=message):
        config_from(values)


TEXTS = st.text("ab1.-", max_size=5)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from([{}, {"name": "logistic"}]),
    st.dictionaries(
        st.sampled_from(sorted(config_values(TrainingConfig()) | config_values(LogisticConfig()))),
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(st.integers(), max_size=2),
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
