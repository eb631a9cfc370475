"""Runs of the command, from a CSV to files that a site can use: complete, killed and resumed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.loop import Checkpoint, load_checkpoint, save_checkpoint
from ml.extractor_training.splits import files_digest
from ml.extractors.runtime import load_extractor
from ml.genres.head_file import load_head
from ml.labelled_set.listing import read_labelled_set

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def work(training_output) -> Path:
    return training_output / "work"


@pytest.fixture(scope="module")
def outputs(work):
    return json.loads((work.parent / "outputs.json").read_text())[1:]


@pytest.fixture(scope="module")
def card(outputs, work):
    assert outputs[0]["code"] == 0, outputs[0]
    return json.loads((work / "shipped" / "card.json").read_text())


@pytest.fixture(scope="module")
def extractor(card, work):
    return load_extractor(
        f"postersite:{work / 'shipped' / 'postersite.tflite'}", weights_dir=None, cache_dir=work
    )


def test_the_extractor_is_a_file_a_site_can_load(extractor, card, work):
    assert extractor.fingerprint == card["extractor"]["fingerprint"]
    assert extractor.dims == card["extractor"]["dims"] == 256
    # The whole network has more layers, and thereby more weights, of the same precision.
    whole, exported = np.load(work.parent / "network.npz")["numbers"].tolist()
    assert card["extractor"]["bytes"] == (work / "shipped" / "postersite.tflite").stat().st_size
    assert whole / exported * card["extractor"]["bytes"] < 6_000_000
    listing = read_labelled_set(work.parent / "set" / "posters.csv", work.parent / "set" / "images")
    found = dict(extractor.embed_files(poster.path for poster in listing.posters[:6]))
    vectors = np.stack([found[row] for row in range(6)])
    assert np.isfinite(vectors).all() and vectors.std(axis=0).mean() > 1e-4
    assert card["extractor"]["agreement"]["least_cosine"] > 0.99
    assert card["extractor"]["agreement"]["map_mean_difference"] < 1e-3


def test_the_genre_model_fits_and_was_measured_on_held_out_posters(extractor, card, work):
    head = load_head(work / "shipped" / "genres.npz", sha256=card["genres"]["sha256"])
    assert head.extractor == extractor.fingerprint and head.recipe == "logistic"
    scores = head.scores(extractor.embed(np.full((2, 288, 192, 3), 90.0)))
    assert scores.shape == (2, len(head.genres)) and np.isfinite(scores).all()
    counts, rows = card["parts"]["counts"], card["genres"]["metrics"]["rows"]
    assert rows == {"train": counts["train"] + counts["validation"], "validation": counts["validation"]}
    assert "never saw" in card["genres"]["metrics"]["measured_on"]


def test_the_card_has_the_facts_of_the_run(card, work):
    assert card["posters"]["rows"] == 61 and card["posters"]["used"] == 60
    assert card["posters"]["left_out"] == 1
    assert sum(card["parts"]["counts"].values()) == 60
    assert card["start"] == "random weights"
    assert card["plan"]["height"] == 96 and card["plan"]["epochs"] == 2
    assert card["versions"]["tensorflow"]
    (left_out,) = json.loads((work / "left-out.json").read_text())
    assert left_out["file"] == "gone.jpg" and "no such file" in left_out["reason"]


def test_the_test_part_is_listed_and_not_decoded(card, work):
    tested = read_labelled_set(work / "test.csv", work.parent / "set" / "images")
    assert not tested.left_out
    assert files_digest(poster.file for poster in tested.posters) == card["parts"]["test_sha256"]
    (pixels,) = work.glob("pixels-*.npy")
    counts = card["parts"]["counts"]
    assert (
        len(np.load(pixels, mmap_mode="r")) == counts["train"] + counts["validation"] == 60 - counts["test"]
    )


def test_the_learning_curves_end_with_the_training(card, work):
    history = json.loads((work / "history.json").read_text())
    assert history == card["history"]
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert all(np.isfinite(list(entry["losses"].values())).all() for entry in history)
    assert 0 < history[-1]["validation"]["map"] <= 1


def test_it_reports_progress(outputs, work):
    lines = outputs[0]["out"].splitlines()
    assert any(line.startswith("60 posters: ") for line in lines)
    assert any("there is no such file" in line for line in lines)
    assert any(line.startswith("Epoch 1: losses genres ") and "mAP" in line for line in lines)
    assert lines[-1].startswith("Wrote postersite-192x288") and str(work / "shipped") in lines[-1]
    assert outputs[0]["errors"] == ""


def test_a_used_folder_and_another_plan_are_refused(outputs):
    assert outputs[1]["code"] == outputs[2]["code"] == 2
    assert "continue it with --resume" in outputs[1]["errors"]
    assert re.search(r"was started with epochs 2(\.0)?, not 3", outputs[2]["errors"])
    assert all(output["errors"].count("\n") == 1 for output in outputs[1:])


def test_a_killed_run_gives_the_same_result(training_output):
    through, resumed = (
        dict(np.load(training_output / name / "checkpoint.npz")) for name in ("through", "work")
    )
    parts = {name.partition("-")[0] for name in through}
    assert parts == {"facts", "network", "head", "mean", "first", "old", "new", "memory", "place"}
    assert set(through) == set(resumed)
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


@pytest.fixture(scope="module")
def more(training_output) -> Path:
    """The folder of a run with further posters."""
    return training_output / "more"


def test_further_posters_are_trained_on_and_measure_nothing(more, card):
    facts = json.loads((more / "shipped" / "card.json").read_text())
    counts = facts["parts"]["counts"]
    assert counts == card["parts"]["counts"]
    further = facts["further_posters"]
    assert further["rows"] == 13 and further["used"] == 12 and further["left_out"] == 1
    assert further["counts"] == {"train": 8, "held_out": 4}
    assert facts["texts"]["overviews"] == 12
    rows = facts["genres"]["metrics"]["rows"]
    assert rows == {"train": counts["train"] + counts["validation"] + 12, "validation": counts["validation"]}
    (pixels,) = more.glob("pixels-*.npy")
    assert len(np.load(pixels, mmap_mode="r")) == rows["train"]


def test_the_teacher_scores_training_posters_of_both_csvs(more, work):
    alone, both = (np.load(folder / "teacher.npz")["scores"] for folder in (work, more))
    assert len(both) == len(alone) + 12
    taught = both.any(axis=1)
    assert taught[len(alone) :].sum() == 8
    assert taught[: len(alone)].tolist() == alone.any(axis=1).tolist()


def test_an_exported_network_can_be_read_back(training_output, extractor):
    exported = np.load(training_output / "exported.npz")
    found = extractor.embed(exported["images"].astype(np.float32))
    np.testing.assert_allclose(exported["vectors"], found, rtol=1e-3, atol=1e-4 * np.abs(found).max())
    other, text = exported["refusals"].tolist()
    assert "holds another network" in other and "text.tflite can't be read" in text


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
