"""`--fit`: a recipe is trained on whole groups of the set, and measured on the rest, which it never saw."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from ml.evaluation.command import main
from ml.evaluation.errors import EvaluationError
from ml.evaluation.recipe_training import fit_recipe
from ml.evaluation.vectors import Vectors
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import labelled_posters


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A set whose last posters repeat the first ones, and the report of a recipe fitted to it."""
    folder = tmp_path_factory.mktemp("fitted")
    listing, images = labelled_posters(folder, count=60, series=8)
    with listing.open("a", newline="") as file:
        for number in range(10, 18):
            (images / f"copy{number}.jpg").write_bytes(encoded(drawing(number, (60, 90)), quality=60))
            csv.writer(file).writerow([f"copy{number}.jpg", "Drama", "", 1999])
    folders = [f"--{name}={folder / name}" for name in ("models", "weights", "exports", "cache")]
    told = [
        f"--posters={listing}",
        f"--images={images}",
        f"-o{folder / 'report'}",
        *folders,
        "--resamples=30",
    ]
    more = ["--model=compact@pixels:8x12", "--against=pixels:8x12", "--fit=0.6"]
    assert main([*told, *more]) == 0
    return json.loads((folder / "report" / "report.json").read_text())


def test_the_split_is_stored_and_parts_no_series_and_no_copies(fitted):
    train, test = set(fitted["split"]["train_lines"]), set(fitted["split"]["test_lines"])
    assert train | test == set(range(2, 70))
    assert not train & test
    assert len(test) == fitted["n"]
    assert 0.4 < len(train) / 68 < 0.8
    series = set(range(2, 10))
    assert series <= train or series <= test
    for number in range(10, 18):
        original, copy = number + 2, 62 + number - 10
        assert (original in train) == (copy in train), number


def test_both_are_measured_on_the_rest_alone(fitted):
    assert fitted["genres"]["macro_f1_suggest"]["value"] is not None
    assert fitted["against"]["genres"] is None
    assert fitted["against"]["lookalikes"] == fitted["lookalikes"]
    assert fitted["model"]["genre_model"]["recipe"] == "compact"
    assert fitted["model"]["genre_model"]["config"]["seed"] == 0
    assert fitted["model"]["genre_model"]["training"]["rows"]


def test_a_training_that_cannot_be_is_one_sentence():
    vectors = Vectors("pixels", "made-up", "float16", np.ones((6, 4), np.float32), {})
    rows = np.arange(6)
    with pytest.raises(EvaluationError, match="compact can't be trained on these posters: Only 6"):
        fit_recipe("compact", vectors, rows, np.ones((6, 2), np.uint8), ("A", "B"), rows, 0)
