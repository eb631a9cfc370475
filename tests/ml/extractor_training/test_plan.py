"""Plans are checked and compute steps and learning rates."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.extractor_training.command import add_options, plan_from
from ml.extractor_training.errors import TrainingError
from ml.extractor_training.plan import TrainingPlan


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("backbone", "resnet"),
        ("rows", "some"),
        ("epochs", 0),
        ("epochs", float("nan")),
        ("height", 200),
        ("width", 32),
        ("pairs", 1),
        ("pairs", 2.0),
        ("memory", 10),
        ("learning_rate", -1e-4),
        ("average", 1.0),
        ("dropout", "much"),
        ("seed", -1),
        ("held_out", -1),
        ("keep", -0.1),
    ],
)
def test_a_setting_out_of_range_is_named(setting, value):
    with pytest.raises(TrainingError, match=setting):
        replace(TrainingPlan(), **{setting: value})


@settings(deadline=None)
@given(st.integers(2, 20_000), st.floats(0.01, 20), st.integers(2, 64))
def test_there_is_always_a_step_and_per_epoch_never_repeats_a_poster(posters, epochs, pairs):
    plan = TrainingPlan(epochs=epochs, pairs=pairs)
    per_epoch, total = plan.steps(posters)
    assert per_epoch * plan.pairs_of(posters) <= max(posters, pairs)
    assert posters - per_epoch * plan.pairs_of(posters) < plan.pairs_of(posters)
    assert total >= 1 and per_epoch >= 1


def test_rates_rise_then_fall_along_a_cosine():
    plan = TrainingPlan(warm_up=10)
    rates = [plan.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, rel=0.01) and max(rates) == rates[9]
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[50] == pytest.approx(0.51) and 0.02 < rates[-1] < 0.022


def test_save_every_does_not_change_the_digest():
    plan = TrainingPlan()
    assert replace(plan, save_every=7).digest == plan.digest != replace(plan, seed=1).digest


def test_posters_can_be_held_out_only_if_training_leaves_some() -> None:
    with pytest.raises(TrainingError, match="held_out must be 0"):
        TrainingPlan(rows="all", held_out=5)


def options(*arguments: str):
    parser = ArgumentParser()
    add_options(parser)
    return parser.parse_args(["--posters=p.csv", "--images=i", "-o", "work", *arguments])


def test_options_make_a_plan():
    arguments = ("--epochs=2.5", "--rows=all", "--set=pairs=8", "--set", "learning_rate=1e-4")
    expected = TrainingPlan(epochs=2.5, rows="all", pairs=8, learning_rate=1e-4)
    assert plan_from(options(*arguments), None) == expected


def test_a_resumed_run_uses_its_stored_plan():
    stored = TrainingPlan(epochs=3, seed=4)
    assert plan_from(options("--resume"), stored) == stored
    assert plan_from(options("--resume", "--seed=4", "--set=save_every=9"), stored).save_every == 9
    with pytest.raises(TrainingError, match=r"started with seed 4, not 5"):
        plan_from(options("--resume", "--seed=5"), stored)


@pytest.mark.parametrize("setting", ["depth=3", "pairs=many", "side=", "epochs=0"])
def test_an_unknown_or_invalid_setting_is_named(setting):
    with pytest.raises(TrainingError, match=setting.partition("=")[0]):
        plan_from(options(f"--set={setting}"), None)
