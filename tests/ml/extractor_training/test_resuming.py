"""A killed and resumed run ends with the result of an uninterrupted one; checkpoints are checked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.loop import Checkpoint, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.timeout(900)


def test_a_killed_run_gives_the_same_result(training_output):
    through, resumed = (
        dict(np.load(training_output / name / "checkpoint.npz")) for name in ("through", "work")
    )
    assert set(through) == set(resumed) and len(through) > 200
    for name in set(through) - {"facts"}:
        np.testing.assert_allclose(resumed[name], through[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_resumes_from_the_last_checkpoint_and_stops_with_a_new_one(training_output):
    stopped, resumed, *_ = json.loads((training_output / "outputs.json").read_text())
    assert stopped["out"] == "Stopped after step 10 of 10; --resume continues from there."
    assert "Resuming after step 4." in resumed["out"].splitlines()


def test_learning_curves_are_the_same(training_output):
    through, resumed = (
        json.loads((training_output / name / "history.json").read_text()) for name in ("through", "work")
    )
    assert [entry["epoch"] for entry in through] == [entry["epoch"] for entry in resumed] == [1, 2]
    for name in ("losses", "validation"):
        defined = {key: value for key, value in through[1][name].items() if value is not None}
        assert defined
        assert {key: resumed[1][name][key] for key in defined} == pytest.approx(defined, rel=1e-3)


def test_a_run_can_start_from_another_result_before_its_final_transform(training_output):
    later = training_output / "later"
    state = np.load(later / "checkpoint.npz")
    trained = np.load(training_output / "work" / "trained.npz")
    weights = [name for name in trained.files if name.startswith("a")]
    for name in weights:
        np.testing.assert_allclose(state[f"network-{name[1:]}"], trained[name], err_msg=name)
    np.testing.assert_allclose(state["head-0"], trained["hw"])
    first = np.load(training_output / "through" / "checkpoint.npz")
    assert any((state[f"network-{name[1:]}"] != first[f"network-{name[1:]}"]).any() for name in weights)
    assert "before the final transform" in (later / "transformed.txt").read_text()


SOME = Checkpoint(3, "key", [{"step": 3}], {"network-0": np.arange(4.0), "place-0": np.array(7)})


def test_a_checkpoint_is_read_back_as_it_was_written(tmp_path):
    save_checkpoint(tmp_path, SOME)
    found = load_checkpoint(tmp_path, "key")
    assert found is not None
    assert (found.steps, found.history) == (3, [{"step": 3}])
    np.testing.assert_array_equal(found.state["network-0"], np.arange(4.0))
    assert found.state["place-0"] == 7
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["checkpoint.npz"]


def test_without_a_checkpoint_there_is_none_and_leftovers_of_a_kill_are_removed(tmp_path):
    (tmp_path / ".checkpoint.npz.abc.part").write_bytes(b"half")
    assert load_checkpoint(tmp_path, "key") is None
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_a_checkpoint_of_other_data_or_settings_is_refused(tmp_path):
    save_checkpoint(tmp_path, replace(SOME, key="other"))
    with pytest.raises(TrainingError, match="other posters, labels or settings"):
        load_checkpoint(tmp_path, "key")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x93NUMPY"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"is damaged .*: remove it"):
        load_checkpoint(tmp_path, "key")


def test_a_checkpoint_that_cannot_be_written_leaves_the_previous_one(tmp_path):
    save_checkpoint(tmp_path, SOME)
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, replace(SOME, history=[{"loss": float("nan")}]))
    assert load_checkpoint(tmp_path, "key") is not None
