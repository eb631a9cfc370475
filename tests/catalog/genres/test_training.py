"""Training a genre model in a run: the stored model, the run's message, cancelling, and errors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.genres import suggestions, training
from catalog.models import Extractor, GenreModel, MovieGenre, Run
from catalog.runs import leases, lifecycle
from catalog.runs.local_worker import process_run
from ml.genres.audit import OutOfFoldScores
from ml.genres.evidence.model import DEFAULT_TICK
from ml.genres.head_file import load_head
from ml.genres.parts import PARTS
from ml.genres.recipes import TrainingConfigError
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreFactory,
    GenreModelFactory,
    MovieFactory,
    PosterFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

State = GenreModel.State


def labelled(count: int, extractor: Extractor | None = None) -> Extractor:
    """Embeds `count` posters of Drama and Comedy by turns; the first number of a vector tells them apart."""
    extractor = extractor or ExtractorFactory(dims=4)
    for number in range(count):
        genre = ("Drama", "Comedy")[number % 2]
        poster = PosterFactory(movie=MovieFactory(genres=[genre]))
        EmbeddingFactory(poster=poster, extractor=extractor, values=[number % 2, 1, number / count, 0])
    return extractor


def train(**params: Any) -> Run:
    return process_run(lifecycle.start("train", params={"config": {"resamples": 20}, **params}, queue=False))


def test_the_first_model_is_stored_with_its_files_and_becomes_active() -> None:
    """The one test of a recipe that loads TensorFlow, which takes seconds."""
    extractor = labelled(20)
    run = train(recipe="compact", config={"epochs": 2, "hidden": 4, "resamples": 5})
    model = GenreModel.objects.get()
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.message == f"Trained {model}. It is active now."
    assert (model.run, model.version, model.recipe, model.extractor) == (run, 1, "compact", extractor)
    assert (model.state, model.promoted_at is not None) == (State.ACTIVE, True)
    assert (model.genres, model.thresholds) == (["Comedy", "Drama"], [0.6, 0.6])
    assert model.config["epochs"] == model.metrics["epochs_run"] == 2
    assert model.dataset_fingerprint == training.labelled_films(extractor).fingerprint

    folder = Path(training.settings.MODELS_DIR)
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{model.weights_sha256}.decisions.npz",
        f"{model.weights_sha256}.json",
        f"{model.weights_sha256}.npz",
    ]
    head = load_head(folder / model.weights_file, sha256=model.weights_sha256)
    assert (list(head.genres), head.extractor) == (model.genres, extractor.fingerprint)
    manifest = json.loads((folder / f"{model.weights_sha256}.json").read_text())
    assert manifest["weights_file"] == model.weights_file
    assert (model.learning_curves.width, model.learning_curves.height) > (300, 300)

    # The task runs again if the worker died before it finished the item.
    assert training.train(run, is_wanted=lambda: True) == model
    assert GenreModel.objects.count() == 1


def test_without_texts_the_default_recipe_stores_thresholds_and_starts_from_the_active_model(
    settings: Any,
) -> None:
    settings.GENRE_EVIDENCE = "poster"
    extractor = labelled(60)
    war = GenreFactory(name="War")
    for embedding in extractor.embeddings.order_by("pk")[::3]:
        MovieGenre.objects.create(movie=embedding.poster.movie, genre=war, origin="imported")
    first, second = train(), train()
    model, later = first.genre_model, second.genre_model
    assert (model.recipe, model.learning_curves.name, later.state) == ("logistic", "", State.CANDIDATE)
    assert (model.metrics["warm_start"], later.metrics["warm_start"]) == (False, True)
    # Only with a bundled model is it compared: another stays active until a person promotes this one.
    assert "against_shipped" not in later.metrics
    head = load_head(Path(training.settings.MODELS_DIR) / model.weights_file, sha256=model.weights_sha256)
    assert model.thresholds == pytest.approx(head.thresholds, abs=1e-6)
    assert model.sure_thresholds in ([], pytest.approx(head.sure_thresholds, abs=1e-6))
    assert model.tick_thresholds == pytest.approx(
        [max(cut, DEFAULT_TICK) for cut in head.thresholds], abs=1e-6
    )
    assert model.parts == ["poster"]
    assert model.no_evidence == model.metrics["no_evidence"] == ["War"]
    assert first.message.endswith("War is disabled: not accurate enough.")
    assert model.calibration == model.metrics["calibration"]
    assert model.metrics["validation"]["posters"] == training.labelled_films(extractor).labels.shape[0]
    assert model.config["sure_precision"] == 0.8
    # Without the file of the active model it starts anew.
    (Path(training.settings.MODELS_DIR) / model.weights_file).unlink()
    assert not train().genre_model.metrics["warm_start"]


def test_by_default_a_model_is_trained_on_all_parts_and_suggests_from_them() -> None:
    """Posters say nothing here; titles and overviews tell the genres apart."""
    extractor = ExtractorFactory(dims=4)
    # Words in more than a fifth of all films do not explain a genre.
    words = (("Wedding", "Uncle", "Holiday", "Neighbour"), ("Battle", "Siege", "Captain", "Trench"))
    for number in range(80):
        war = number % 2
        movie = MovieFactory(
            genres=["War" if war else "Comedy"],
            title=f"The {words[war][number // 2 % 4]} {number}",
            overview=f"{'Soldiers fight' if war else 'A couple laughs'} in place {number}."
            * (number % 3 > 0),
        )
        if number % 4:
            EmbeddingFactory(poster=PosterFactory(movie=movie), extractor=extractor)
    untagged = MovieFactory(title="The last Battle", overview="Soldiers fight again.")
    run = train()
    model = run.genre_model
    assert (model.recipe, model.parts, model.state) == ("evidence", [*PARTS], State.ACTIVE)
    assert len(model.tick_thresholds) == len(model.genres) == 2
    assert model.metrics["combinations"]["title"]["n"] == 80
    suggestions.suggest([untagged], model, suggestions.load(model))
    best = untagged.suggestions.latest("score")
    assert (best.genre.name, best.tick, best.poster) == ("War", True, None)
    assert "Battle" in best.explanation["words"]
    # For the audit: scores by models that did not see the movie.
    name = f"{model.weights_sha256}.out_of_fold.npz"
    stored = OutOfFoldScores.read(Path(training.settings.MODELS_DIR) / name)
    assert set(stored.rows) == set(MovieGenre.objects.values_list("movie", flat=True))
    assert stored.scores.shape == (80, 2)
    of_war = list(MovieGenre.objects.filter(genre__name="War").values_list("movie", flat=True))
    column = model.genres.index("War")
    assert stored.scores[np.isin(stored.rows, of_war), column].mean() > 0.6


@pytest.mark.parametrize(
    ("params", "recipe", "parts"),
    [
        ({}, "evidence", PARTS),
        ({"evidence": "poster"}, "logistic", None),
        ({"evidence": "year,poster"}, "evidence", ("poster", "year")),
        ({"recipe": "evidence", "evidence": "poster"}, "evidence", ("poster",)),
        ({"recipe": "logistic"}, "logistic", None),
        ({"recipe": "recipe-genres", "evidence": "poster"}, "recipe-genres", None),
    ],
)
def test_the_recipe_follows_from_the_evidence(params: dict[str, Any], recipe: str, parts: Any) -> None:
    config = training.config_of(params)
    assert (config.name, getattr(config, "parts", None)) == (recipe, parts)


@pytest.mark.parametrize("params", [{"evidence": "smell"}, {"evidence": "title", "recipe": "logistic"}])
def test_evidence_that_cannot_be_learned_from(params: dict[str, Any]) -> None:
    with pytest.raises(TrainingConfigError):
        training.config_of(params)


@pytest.mark.parametrize(
    ("active", "disabled", "message"),
    [
        ({}, [], "It is active now."),
        ({}, ["Crime", "War"], "It is active now. Crime and War are disabled: not accurate enough."),
        ({}, ["Comedy", "Crime", "War"], "It suggests nothing, because all genres are disabled"),
        ({"version": 7}, [], "Genre model 7 stays active until a person promotes this one in the admin."),
        ({"version": 7, "shipped": True}, [], "The bundled genre model 7 stays active: worse"),
    ],
)
def test_the_message_says_whether_the_model_suggests(
    active: dict[str, Any], disabled: list[str], message: str
) -> None:
    if active:
        GenreModelFactory(state=State.ACTIVE, **active)
    model = GenreModelFactory(
        version=9,
        genres=["Comedy", "Crime", "War"],
        state=State.CANDIDATE if active else State.ACTIVE,
        no_evidence=disabled,
        metrics={"against_shipped": {"why": "worse"}} if active else {},
    )
    assert training._outcome(model).startswith(message)


def test_cancelling_ends_the_training_process_and_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKS", 0.2)
    labelled(12)
    run = lifecycle.start("train", params={"recipe": "compact", "config": {"epochs": 100_000}}, queue=False)
    [item] = leases.acquire_batch(run.pk)
    seen: list[int] = []

    def is_wanted() -> bool:
        seen.extend(children())
        lifecycle.cancel(run)
        return bool(leases.renew([item]))

    with pytest.raises(training.TrainingCancelled):
        training.train(run, is_wanted=is_wanted)
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
        (12, {"config": {"epochs": 3}}, "'epochs'"),
        (12, {"extractor": "histograms"}, "No poster is embedded by histograms yet"),
        (12, {"extractor": "retina"}, "There is no extractor 'retina'"),
        (12, {"extractor": "mobilenet_v2"}, "fetch_weights mobilenet_v2"),
    ],
)
def test_invalid_parameters_or_data_fail_the_run(posters: int, params: dict[str, Any], says: str) -> None:
    labelled(posters)
    run = train(**params)
    assert (run.state, run.failed, run.items.get().attempts) == (Run.State.FAILED, 1, 1)
    assert says in run.message
    assert run.items.get().error == run.message


@pytest.mark.parametrize(
    ("code", "stderr", "message"),
    [
        (2, "train.npz can't be used: No genre has 5 labelled posters.", "No genre has 5 labelled posters."),
        (1, "Traceback\n  File\nMemoryError: too much", "MemoryError: too much"),
        (-9, "", "The training process was killed, most likely because memory ran out: "),
        (3, "", "The training process ended with code 3."),
    ],
)
def test_a_failed_process_is_reported_without_paths(
    code: int, stderr: str, message: str, tmp_path: Path
) -> None:
    found = training._failure(code, stderr.replace("train.npz", str(tmp_path / "train.npz")), tmp_path)
    assert found.startswith(message)
    assert str(tmp_path) not in found
