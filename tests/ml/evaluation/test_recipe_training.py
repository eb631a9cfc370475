"""`--fit`: a recipe is trained on whole groups of the set and measured on the rest."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from ml.evaluation.command import main
from ml.evaluation.errors import EvaluationError
from ml.evaluation.recipe_training import train_recipe
from ml.evaluation.vectors import Vectors
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import add_texts, labelled_posters

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A set whose last posters repeat earlier ones, and the report of recipes trained on it."""
    folder = tmp_path_factory.mktemp("fitted")
    listing, images = labelled_posters(folder, count=60, series=8)
    with listing.open("a", newline="") as file:
        for number in range(10, 18):
            (images / f"copy{number}.jpg").write_bytes(encoded(drawing(number, (60, 90)), quality=60))
            csv.writer(file).writerow([f"copy{number}.jpg", "Drama", "", 1999])
    arguments = [f"--{name}={folder / name}" for name in ("models", "weights", "exports", "cache")]
    arguments += [f"--posters={listing}", f"--images={images}", f"-o{folder / 'report'}", "--resamples=30"]
    assert main([*arguments, "--model=logistic@pixels:8x12", "--against=postersite", "--fit=0.6"]) == 0
    return json.loads((folder / "report" / "report.json").read_text())


def test_the_split_is_stored_and_keeps_series_and_copies_together(fitted):
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


def test_the_trained_recipe_is_measured_on_the_rest(fitted):
    assert fitted["genres"]["macro_f1_suggest"]["value"] is not None
    assert fitted["differences"]["genres"]["map"]["value"] is not None
    model = fitted["model"]["genre_model"]
    assert (model["recipe"], model["config"]["seed"]) == ("logistic", 0)
    assert model["training"]["rows"]
    # The other model may have been trained on these posters.
    assert "Trained elsewhere" in fitted["against"]["model"]["note"]
    assert fitted["model"]["note"] == ""


def test_the_recipe_evidence_learns_from_the_texts_too(tmp_path):
    listing, images = labelled_posters(tmp_path / "set", count=100)
    add_texts(listing)
    arguments = [f"--{name}={tmp_path / name}" for name in ("models", "weights", "exports", "cache")]
    arguments += [f"--posters={listing}", f"--images={images}", f"-o{tmp_path}", "--resamples=30"]
    assert main([*arguments, "--model=evidence@pixels:8x8", "--fit=0.6"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["model"]["genre_model"]["parts"] == ["poster", "title", "year", "overview"]
    # Overviews name the genres, and posters are drawn at random.
    assert report["genres"]["evidence"]["all"]["map"]["value"] > 0.85
    assert report["genres"]["evidence_gains"]["all"]["difference"]["map"]["low"] > 0


def test_a_training_that_is_not_possible_is_an_error():
    vectors = Vectors("pixels", "made-up", "float16", np.ones((6, 4), np.float32), {})
    rows = np.arange(6)
    with pytest.raises(EvaluationError, match="compact can't be trained"):
        train_recipe("compact", vectors, rows, np.ones((6, 2), np.uint8), ("A", "B"), rows, 0)
