"""A training that was stopped, then killed, ends where it would have ended in one go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training import checkpoint
from ml.extractor_training.checkpoint import Checkpoint
from ml.extractor_training.errors import TrainingError

pytestmark = pytest.mark.timeout(900)


def test_a_kill_costs_no_result(made_eyes):
    through, resumed = (dict(np.load(made_eyes / name / "checkpoint.npz")) for name in ("through", "work"))
    assert set(through) == set(resumed) and len(through) > 200
    for name in set(through) - {"facts"}:
        np.testing.assert_allclose(resumed[name], through[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_goes_on_from_the_last_checkpoint_and_stops_with_one_of_that_very_step(made_eyes):
    stopped, resumed, *_ = json.loads((made_eyes / "said.json").read_text())
    assert stopped["out"] == "Stopped after step 10 of 10; --resume goes on from there."
    assert "Going on after step 4." in resumed["out"].splitlines()


def test_learning_curves_are_those_of_one_go(made_eyes):
    through, resumed = (
        json.loads((made_eyes / name / "history.json").read_text()) for name in ("through", "work")
    )
    assert [entry["epoch"] for entry in through] == [entry["epoch"] for entry in resumed] == [1, 2]
    for name in ("losses", "validation"):
        defined = {key: value for key, value in through[1][name].items() if value is not None}
        assert defined
        assert {key: resumed[1][name][key] for key in defined} == pytest.approx(defined, rel=1e-3)


def test_a_training_can_begin_with_anothers_result(made_eyes):
    later = made_eyes / "later"
    assert (later / "trained.txt").read_text().startswith("Stopped after step 1 of ")
    state = np.load(later / "checkpoint.npz")
    trained = np.load(made_eyes / "work" / "trained.npz")
    weights = [name for name in trained.files if name.startswith("a")]
    for name in weights:
        np.testing.assert_allclose(state[f"network-{name[1:]}"], trained[name], atol=1e-6, err_msg=name)
    np.testing.assert_allclose(state["head-0"], trained["hw"], atol=1e-6)
    first = np.load(made_eyes / "through" / "checkpoint.npz")
    assert any(
        np.abs(state[f"network-{name[1:]}"] - first[f"network-{name[1:]}"]).max() > 0 for name in weights
    )


def test_a_result_with_its_last_touch_is_not_gone_on_from(made_eyes):
    assert "Only networks as a training leaves them" in (made_eyes / "later" / "finished.txt").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


SOME = Checkpoint(3, "key", [{"step": 3}], {"network-0": np.arange(4.0), "place-0": np.array(7)})


def test_a_checkpoint_is_read_back_as_it_was_written(folder):
    checkpoint.save(folder, SOME)
    found = checkpoint.load(folder, "key")
    assert found is not None
    assert (found.steps, found.history) == (3, [{"step": 3}])
    np.testing.assert_array_equal(found.state["network-0"], np.arange(4.0))
    assert found.state["place-0"] == 7
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["checkpoint.npz"]


def test_without_one_there_is_none_and_leftovers_of_a_kill_are_cleared(folder):
    (folder / ".checkpoint.npz.abc.part").write_bytes(b"half")
    assert checkpoint.load(folder, "key") is None
    assert not [path for path in folder.iterdir() if path.is_file()]


def test_one_of_other_posters_or_settings_is_refused(folder):
    checkpoint.save(folder, replace(SOME, key="other"))
    with pytest.raises(TrainingError, match="other posters, labels or settings"):
        checkpoint.load(folder, "key")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x93NUMPY"])
def test_a_damaged_one_is_refused_with_what_to_do(folder, content):
    (folder / "checkpoint.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"is damaged .*: remove it to begin anew"):
        checkpoint.load(folder, "key")


def test_one_that_cannot_be_written_leaves_the_one_before(folder):
    checkpoint.save(folder, SOME)
    with pytest.raises(ValueError, match="JSON"):
        checkpoint.save(folder, replace(SOME, history=[{"loss": float("nan")}]))
    assert checkpoint.load(folder, "key") is not None
