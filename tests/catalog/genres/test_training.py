"""Training a genre model as a run: a process of its own, one model a run, and sentences when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalog.genres import training
from catalog.models import Extractor, GenreModel, MovieGenre, Run
from catalog.runs import leases, lifecycle
from ml.genres.head_file import load_head
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreFactory, MovieFactory, PosterFactory

pytestmark = pytest.mark.django_db

QUICK = {"recipe": "compact", "config": {"epochs": 3, "hidden": 8, "resamples": 20}}


def labelled(count: int, extractor: Extractor | None = None) -> Extractor:
    extractor = extractor or ExtractorFactory(dims=4)
    for number in range(count):
        genre = ("Drama", "Comedy")[number % 2]
        poster = PosterFactory(movie=MovieFactory(genres=[genre]))
        EmbeddingFactory(poster=poster, extractor=extractor, values=[number % 2, 1, number / count, 0])
    return extractor


def worked_off(run: Run) -> Run:
    while leases.process_batch(run.pk, training.train_item):
        pass
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    return run


def test_a_training_makes_a_model_with_its_files_and_puts_the_first_one_to_use() -> None:
    extractor = labelled(60)
    run = worked_off(lifecycle.start("train", params=QUICK, queue=False))
    model = GenreModel.objects.get()
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.message == f"Made {model}. It suggests genres from now on."
    assert (model.run, model.version, model.recipe, model.extractor) == (run, 1, "compact", extractor)
    assert (model.state, model.promoted_at is not None) == (GenreModel.State.ACTIVE, True)
    assert (model.genres, model.thresholds) == (["Comedy", "Drama"], [0.6, 0.6])
    assert model.config["epochs"] == model.metrics["epochs_run"] == 3
    assert model.dataset_fingerprint == training.labelled_posters(extractor).fingerprint

    folder = Path(training.settings.MODELS_DIR)
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{model.weights_sha256}.json",
        f"{model.weights_sha256}.npz",
    ]
    head = load_head(folder / model.weights_file, sha256=model.weights_sha256)
    assert (list(head.genres), head.extractor) == (model.genres, extractor.fingerprint)
    manifest = json.loads((folder / f"{model.weights_sha256}.json").read_text())
    assert manifest["weights_file"] == model.weights_file
    assert (model.learning_curves.width, model.learning_curves.height) > (300, 300)

    # The task runs again, because the worker died before it could say that it was done.
    assert training.train(run, still_wanted=lambda: True) == model
    assert GenreModel.objects.count() == 1


def test_the_default_recipe_stores_both_operating_points_and_begins_where_the_model_in_use_ended() -> None:
    extractor = labelled(60)
    first, second = (
        worked_off(lifecycle.start("train", params={"config": {"resamples": 50}}, queue=False))
        for _ in range(2)
    )
    model, later = first.genre_model, second.genre_model
    assert (model.recipe, model.learning_curves.name, later.state) == ("logistic", "", "candidate")
    assert (model.metrics["warm_start"], later.metrics["warm_start"]) == (False, True)
    head = load_head(Path(training.settings.MODELS_DIR) / model.weights_file, sha256=model.weights_sha256)
    assert head.sure_thresholds is not None
    assert model.thresholds == list(head.thresholds)
    assert model.sure_thresholds == list(head.sure_thresholds)
    assert model.no_evidence == model.metrics["no_evidence"] == []
    assert model.calibration == model.metrics["calibration"]
    assert model.metrics["validation"]["posters"] == training.labelled_posters(extractor).labels.shape[0]
    assert model.config["sure_precision"] == 0.8


def test_a_model_in_use_whose_file_is_gone_does_not_stop_the_next_training() -> None:
    labelled(60)
    params = {"config": {"resamples": 20}}
    model = worked_off(lifecycle.start("train", params=params, queue=False)).genre_model
    (Path(training.settings.MODELS_DIR) / model.weights_file).unlink()
    later = worked_off(lifecycle.start("train", params=params, queue=False)).genre_model
    assert not later.metrics["warm_start"]


def test_a_training_says_which_genres_it_will_never_suggest() -> None:
    extractor = labelled(60)
    war = GenreFactory(name="War")
    for embedding in extractor.embeddings.order_by("pk")[::3]:
        MovieGenre.objects.create(movie=embedding.poster.movie, genre=war, origin="imported")
    run = worked_off(lifecycle.start("train", params={"config": {"resamples": 50}}, queue=False))
    assert run.genre_model.no_evidence == ["War"]
    assert run.message.endswith(
        "It suggests genres from now on. Never War: nothing shows that it tells them."
    )


def test_a_training_that_proves_nothing_says_so() -> None:
    extractor = ExtractorFactory(dims=4)
    for number in range(40):
        poster = PosterFactory(movie=MovieFactory(genres=["Drama" if number % 3 else "Comedy"]))
        EmbeddingFactory(poster=poster, extractor=extractor, values=[1, 1, 1, 1])
    run = worked_off(lifecycle.start("train", params={"config": {"resamples": 50}}, queue=False))
    assert set(run.genre_model.no_evidence) == {"Drama", "Comedy"}
    assert "It suggests nothing, for nothing shows that it tells any genre" in run.message


def test_training_does_not_load_tensorflow_into_the_worker() -> None:
    code = "import django; django.setup(); import catalog.tasks, sys; print('tensorflow' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_cancelling_ends_the_training_process_and_the_item() -> None:
    labelled(60)
    run = lifecycle.start("train", params=QUICK | {"config": {"epochs": 100_000}}, queue=False)
    [item] = leases.acquire_batch(run.pk)
    seen: list[int] = []

    def wanted() -> bool:
        seen.extend(children())
        lifecycle.cancel(run)
        return bool(leases.renew([item]))

    with pytest.raises(training.TrainingCancelled):
        training.train(run, still_wanted=wanted)
    assert seen
    assert not set(seen) & set(children())
    leases.release(item, "stopped")
    run.refresh_from_db()
    assert (run.state, run.failed, run.items.get().state) == (Run.State.CANCELLED, 0, "cancelled")
    assert not GenreModel.objects.exists()


def children() -> list[int]:
    pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if b"ml.genres.training" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize(
    ("posters", "params", "says"),
    [
        (0, {}, "No poster is embedded yet: fetch and embed posters first."),
        (3, {}, "only 3 labelled posters"),
        (12, {"recipe": "secret"}, "There is no recipe 'secret'; there are "),
        (12, {"recipe": "compact", "config": {"epochs": 0}}, "epochs must be a whole number from 1"),
        (12, {"config": {"epochs": 3}}, "recipe logistic has no setting 'epochs'"),
        (12, {"config": {"folds": 1}}, "folds must be a whole number from 2"),
        (12, {"config": {"depth": 3}}, "has no setting 'depth'"),
        (12, {"extractor": "histograms"}, "No poster is embedded by histograms yet"),
        (12, {"extractor": "retina"}, "There is no extractor 'retina'"),
        (12, {"extractor": "mobilenet_v2"}, "fetch_weights mobilenet_v2"),
    ],
)
def test_what_cannot_be_trained_fails_the_run_with_a_sentence(
    posters: int, params: dict[str, Any], says: str
) -> None:
    labelled(posters)
    run = worked_off(lifecycle.start("train", params=params, queue=False))
    assert (run.state, run.failed, run.items.get().attempts) == (Run.State.FAILED, 1, 1)
    assert says in run.message
    assert run.items.get().error == run.message


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (2, "train.npz can't be used: No genre has 5 labelled posters.", "No genre has 5 labelled posters."),
        (1, "Traceback\n  File\nMemoryError: too much", "MemoryError: too much"),
        (-9, "", "The training process was killed, most likely because memory ran out: "),
        (3, "", "The training process ended with code 3."),
    ],
)
def test_a_process_that_fails_is_told_in_a_sentence_without_its_folder(
    code: int, said: str, why: str, tmp_path: Path
) -> None:
    told = training._why(code, said.replace("train.npz", str(tmp_path / "train.npz")), tmp_path)
    assert told.startswith(why)
    assert str(tmp_path) not in told
