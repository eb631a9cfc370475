"""A run of the command, from a CSV to files that a site can use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

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
    assert card["extractor"]["bytes"] < 6_000_000
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
