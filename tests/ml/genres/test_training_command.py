"""`python -m ml.genres.training`: its files, its progress, its errors, and SIGTERM."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.genres.audit import OutOfFoldScores
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import load_head, save_head
from ml.genres.held_out import HeldOut
from ml.genres.training import main
from ml.genres.training_set import training_set, write_training_set
from tests.ml.genres.catalogues import informative
from tests.ml.genres.evidence.made_catalogues import catalogue
from tests.ml.genres.simple_metrics import macro_f1

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
STOPPED = {"history.json", "progress.jsonl", "training.log"}
COMPLETE = STOPPED | {"head.json", "head.npz", "held_out.npz", "metrics.json"}


@pytest.fixture
def inputs(tmp_path):
    write_training_set(informative(), tmp_path / "train.npz")
    return tmp_path


def configure(folder, **settings):
    (folder / "config.json").write_text(json.dumps({"name": "compact", "resamples": 50} | settings))
    return [
        f"--data={folder / 'train.npz'}", f"--config={folder / 'config.json'}", f"--out={folder / 'out'}"
    ]  # fmt: skip


def test_a_training_leaves_the_head_and_its_figures(inputs):
    assert main(configure(inputs, epochs=6)) == 0
    out = inputs / "out"
    assert {path.name for path in out.iterdir()} == COMPLETE | {"curves.png"}
    metrics = json.loads((out / "metrics.json").read_text())
    head = load_head(out / "head.npz", sha256=metrics["weights_sha256"])
    assert head.scores(informative().features).shape == (240, 6)
    assert head.extractor == "made-up-1"
    history = json.loads((out / "history.json").read_text())
    progress = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in progress] == [1, 2, 3, 4, 5, 6]
    assert [line["val_loss"] for line in progress] == history["val_loss"]
    with Image.open(out / "curves.png") as picture:
        assert picture.width > picture.height > 300


def with_texts(folder):
    """A training set of films with titles, years and overviews, some without a poster."""
    made = catalogue()
    features = np.zeros((len(made.labels), 12), dtype=np.float32)
    features[made.films.owners] = made.films.vectors
    has_poster = np.isin(np.arange(len(features)), made.films.owners)
    films = made.films
    data = training_set(
        features, made.labels, made.genres, None, "made-up-1",
        titles=films.titles, years=films.years, overviews=films.overviews, has_poster=has_poster,
    )  # fmt: skip
    write_training_set(data, folder / "train.npz")
    return data


@pytest.mark.parametrize("parts", [["poster", "title", "year", "overview"], ["poster", "title"]])
def test_a_training_over_several_parts_leaves_a_model_of_them(tmp_path, parts):
    data = with_texts(tmp_path)
    assert main(configure(tmp_path, name="evidence", parts=parts, folds=3, strengths=[0.1])) == 0
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == COMPLETE | {"out_of_fold.npz"}
    assert OutOfFoldScores.read(out / "out_of_fold.npz").scores.shape == data.labels.shape
    metrics = json.loads((out / "metrics.json").read_text())
    model = load_model(out / "head.npz", sha256=metrics["weights_sha256"])
    assert (model.parts, model.recipe, model.extractor) == (tuple(parts), "evidence", "made-up-1")
    held_out = HeldOut.read(out / "held_out.npz")
    assert held_out.rows.tolist() == list(range(len(data.labels)))
    assert held_out.taken.shape == data.labels.shape
    assert {"validation", "combinations", "no_evidence", "left_out", "sure", "seconds"} <= set(metrics)


def test_recipes_of_posters_alone_refuse_films_without(tmp_path, capsys):
    with_texts(tmp_path)
    assert main(configure(tmp_path, name="logistic")) == 2
    assert "needs a poster of every film" in capsys.readouterr().err


def test_sigterm_ends_it_between_batches_and_leaves_no_model(inputs):
    arguments = configure(inputs, epochs=100_000, patience=None, batch_size=16)
    process = subprocess.Popen(
        [sys.executable, "-m", "ml.genres.training", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    progress = inputs / "out" / "progress.jsonl"
    give_up = time.monotonic() + 100
    while not (progress.exists() and progress.read_text().count("\n") >= 2):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < give_up
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert errors.startswith("Training was stopped after")
    assert errors.count("\n") == 1
    assert {path.name for path in (inputs / "out").iterdir()} == STOPPED
    assert len(json.loads((inputs / "out" / "history.json").read_text())["loss"]) >= 2


@pytest.mark.parametrize(
    ("settings", "unusable", "message"),
    [
        ({}, "train.npz", "train.npz is not an .npz archive"),
        ({}, "out", "can't be written"),
        ({"hidden": -3}, None, "hidden must be a whole number"),
        ({"min_positives": 1000}, None, "No genre has 1000 labelled posters"),
    ],
)
def test_unusable_input_is_one_line_and_exit_code_2(inputs, capsys, settings, unusable, message):
    arguments = configure(inputs, **settings)
    if unusable:
        (inputs / unusable).write_bytes(b"not an archive")
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and message in errors


def test_an_older_model_in_the_folder_is_never_taken_for_the_new_one(inputs):
    arguments = configure(inputs, min_positives=1000)
    (inputs / "out").mkdir()
    for name in ("head.npz", "head.json", "metrics.json", "progress.jsonl"):
        (inputs / "out" / name).write_text("old")
    assert main(arguments) == 2
    assert sorted(path.name for path in (inputs / "out").iterdir()) == ["progress.jsonl", "training.log"]
    assert (inputs / "out" / "progress.jsonl").read_text() == ""


def test_a_diverging_training_is_exit_code_1(inputs, capsys):
    data = informative(rows=60)
    write_training_set(replace(data, features=np.full_like(data.features, 3e38)), inputs / "train.npz")
    assert main(configure(inputs, standardise=False)) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "lower learning_rate" in message
    assert not (inputs / "out" / "head.npz").exists()


LOGISTIC = """
import sys
from ml.genres.training import main
code = main(sys.argv[1:])
heavy = {"tensorflow", "keras", "tf_keras", "matplotlib", "django"} & set(sys.modules)
sys.exit(f"loaded: {sorted(heavy)}" if heavy else code)
"""


def test_the_logistic_recipe_trains_without_tensorflow_and_draws_no_curves(inputs):
    arguments = configure(inputs, name="logistic")
    done = subprocess.run(
        [sys.executable, "-c", LOGISTIC, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    out = inputs / "out"
    assert {path.name for path in out.iterdir()} == COMPLETE
    metrics = json.loads((out / "metrics.json").read_text())
    head = load_head(out / "head.npz", sha256=metrics["weights_sha256"])
    assert (head.recipe, head.extractor) == ("logistic", "made-up-1")
    assert not metrics["warm_start"]
    with np.load(out / "held_out.npz", allow_pickle=False) as held:
        labels = informative().labels[held["rows"]]
        assert metrics["validation"]["macro_f1"]["value"] == pytest.approx(
            macro_f1(labels, held["taken"].astype(float))
        )


def test_an_earlier_head_is_begun_with_and_a_damaged_one_done_without(inputs):
    arguments = configure(inputs, name="logistic")
    assert main(arguments) == 0
    earlier = inputs / "earlier.npz"
    save_head(load_head(inputs / "out" / "head.npz"), earlier)
    assert main([*arguments, f"--start={earlier}"]) == 0
    assert json.loads((inputs / "out" / "metrics.json").read_text())["warm_start"]
    earlier.write_bytes(b"damaged")
    assert main([*arguments, f"--start={earlier}"]) == 0
    assert not json.loads((inputs / "out" / "metrics.json").read_text())["warm_start"]


def test_a_dense_recipe_without_keras_says_what_to_install(inputs, monkeypatch, capsys):
    """The web image lacks it."""
    monkeypatch.setitem(sys.modules, "keras", None)
    assert main(configure(inputs)) == 1
    assert "keras is not installed here" in capsys.readouterr().err


def test_features_too_large_to_standardise_are_exit_code_1(inputs, capsys):
    data = informative(rows=60)
    data.features[:, 0] = 3e38 * np.where(np.arange(60) % 7, 1, -1)
    write_training_set(data, inputs / "train.npz")
    assert main(configure(inputs, name="logistic")) == 1
    assert "too large to be standardised" in capsys.readouterr().err
