"""Plans are checked, and say how many steps there are and how fast each learns."""

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
    ],
)
def test_a_setting_out_of_range_is_named(setting, value):
    with pytest.raises(TrainingError, match=setting):
        replace(TrainingPlan(), **{setting: value})


@settings(deadline=None)
@given(st.integers(2, 20_000), st.floats(0.01, 20), st.integers(2, 64))
def test_there_is_always_a_step_and_an_epoch_never_repeats_a_poster(posters, epochs, pairs):
    plan = TrainingPlan(epochs=epochs, pairs=pairs)
    an_epoch, total = plan.steps(posters)
    assert an_epoch * plan.pairs_of(posters) <= max(posters, pairs)
    assert posters - an_epoch * plan.pairs_of(posters) < plan.pairs_of(posters)
    assert total >= 1 and an_epoch >= 1


def test_rates_rise_then_fall_along_a_cosine():
    plan = TrainingPlan(warm_up=10)
    rates = [plan.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, rel=0.01) and max(rates) == rates[9]
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[50] == pytest.approx(0.51) and 0.02 < rates[-1] < 0.022


def test_early_blocks_learn_more_slowly():
    shares = [TrainingPlan().share(depth) for depth in range(18)]
    assert shares == sorted(shares) and shares[0] == 0.35 and shares[6:8] == [0.35, 0.7]
    assert shares[12:14] == [0.7, 1.0] and shares[17] == 1.0


def test_how_often_it_is_saved_makes_no_other_plan():
    plan = TrainingPlan()
    assert replace(plan, save_every=7).digest == plan.digest != replace(plan, seed=1).digest


def asked(*told: str):
    parser = ArgumentParser()
    add_options(parser)
    return parser.parse_args(["--posters=p.csv", "--images=i", "-o", "work", *told])


def test_options_make_a_plan():
    told = ("--epochs=2.5", "--rows=all", "--set=pairs=8", "--set", "learning_rate=1e-4")
    expected = TrainingPlan(epochs=2.5, rows="all", pairs=8, learning_rate=1e-4)
    assert plan_from(asked(*told), None) == expected


def test_going_on_takes_the_plan_it_was_begun_with():
    begun = TrainingPlan(epochs=3, seed=4)
    assert plan_from(asked("--resume"), begun) == begun
    assert plan_from(asked("--resume", "--seed=4", "--set=save_every=9"), begun).save_every == 9
    with pytest.raises(TrainingError, match=r"begun with seed 4, and 5 is asked for now"):
        plan_from(asked("--resume", "--seed=5"), begun)


@pytest.mark.parametrize("setting", ["depth=3", "pairs=many", "side=", "epochs=0"])
def test_a_setting_that_is_none_is_told(setting):
    with pytest.raises(TrainingError, match=setting.partition("=")[0]):
        plan_from(asked(f"--set={setting}"), None)
