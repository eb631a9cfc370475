"""Train genre models on trusted labels."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from catalog.embeddings import extractors
from catalog.models import Extractor, GenreModel, Run, RunItem
from catalog.runs import leases
from catalog.runs.work_folders import work_folder
from ml.genres.head_file import load_head
from ml.genres.held_out import HeldOut, HeldOutError
from ml.genres.recipes import RECIPES, TrainingConfigError, config_from, config_values
from ml.genres.training_set import TrainingDataError, training_set, write_training_set
from ml.processes import dies_with_parent

from . import model_comparison, promotion
from .training_data import LabelledPosters, labelled_posters

SECONDS_BETWEEN_LOOKS = 2.0
DATA, CONFIG, OUT, HELD_OUT = "train.npz", "config.json", "out", "held_out.npz"
# The published "recipe-genres" is the baseline, by name. This one ranks genres better on 600 and on 10,500
# real posters, its scores are calibrated, and it needs seconds and no TensorFlow. Of a few hundred posters it
# withholds the genres, some five in nineteen, that it does not rank beyond chance.
DEFAULT_RECIPE = "logistic"


class TrainingFailed(RuntimeError):
    """A genre model could not be trained; the message says why and what to do."""


class TrainingCancelled(RuntimeError):
    """The run was cancelled, or its claim taken over, while training went on."""


def train_item(items: Sequence[RunItem]) -> None:
    """Train the model that the item's run asks for, and finish or fail the item."""
    [item] = items
    try:
        model = train(item.run, still_wanted=lambda: bool(leases.renew(items)))
    except TrainingCancelled:
        return  # the item is no longer ours, or is cancelled when it is given back
    except SoftTimeLimitExceeded:
        _fail(item, "Training took longer than a task may: use fewer epochs or a smaller hidden layer.")
    except (TrainingFailed, TrainingConfigError, TrainingDataError, HeldOutError) as error:
        _fail(item, str(error))
    else:
        _say(item, f"Made {model}. {_what_becomes_of(model)}")
        leases.finish(item, f"Made {model}.")


def _what_becomes_of(model: GenreModel) -> str:
    active = promotion.active_model()
    if active is not None and active != model and active.shipped:
        return f"The shipped genre model {active.version} goes on suggesting: {model_comparison.why(model)}"
    if len(model.no_evidence) == len(model.genres):
        return "It suggests nothing, for nothing shows that it tells any genre: label more movies first."
    if active is None or active == model:
        why = model_comparison.why(model)
        unproven = f" Never {', '.join(model.no_evidence)}: nothing shows that it tells them."
        return f"It suggests genres from now on{why and f': {why}'}.{unproven if model.no_evidence else ''}"
    return f"Genre model {active.version} goes on suggesting until a person promotes this one in the admin."


def _fail(item: RunItem, why: str) -> None:
    _say(item, why)
    leases.fail(item, why)


def _say(item: RunItem, message: str) -> None:
    Run.objects.filter(pk=item.run_id).exclude(state=Run.State.CANCELLED).update(message=message)


def train(run: Run, still_wanted: Callable[[], bool]) -> GenreModel:
    """Train, in a process of its own, what the run's params say: `recipe`, `extractor` (spec), `config`.

    It is put to use at once if there is no other, or if only the shipped one is in use and this one is better
    beyond chance on the same posters (see `against_shipped`); otherwise it waits as a candidate for a person.
    Asked twice for one run, the model made the first time is returned.

    Raises TrainingFailed, TrainingConfigError, TrainingDataError, HeldOutError, and TrainingCancelled when
    `still_wanted` answers no.
    """
    made = GenreModel.objects.filter(run=run).first()
    if made is not None:
        return made
    extractor = _extractor(run.params.get("extractor"))
    data = labelled_posters(extractor, only=run.params.get("movies"))
    config = config_from({"name": DEFAULT_RECIPE, **_wishes(run.params)})
    # Checked here already: what cannot be trained on is refused before a process is started for it.
    checked = training_set(data.features, data.labels, data.genres, data.groups, extractor.fingerprint)
    with work_folder("training") as folder:
        write_training_set(checked, folder / DATA)
        (folder / CONFIG).write_text(json.dumps(config_values(config)))
        _run_apart(folder, still_wanted, _beginning())
        return _store(folder / OUT, run, extractor, data, config_values(config))


def _wishes(params: dict[str, Any]) -> dict[str, Any]:
    wishes = dict(params.get("config") or {})
    if params.get("recipe"):
        if params["recipe"] not in RECIPES:
            raise TrainingConfigError(
                f"There is no recipe {params['recipe']!r}; there are {', '.join(sorted(RECIPES))}."
            )
        wishes["name"] = params["recipe"]
    return wishes


def _extractor(spec: str | None) -> Extractor:
    found = extractors.default_extractor() if spec is None else _made_by(spec)
    if found is None or not found.embeddings.exists():
        made_by = f" by {spec}" if spec else ""
        raise TrainingFailed(f"No poster is embedded{made_by} yet: fetch and embed posters first.")
    return found


def _made_by(spec: str) -> Extractor | None:
    try:
        return Extractor.objects.filter(fingerprint=extractors.fingerprint(spec)).first()
    except extractors.UNAVAILABLE as error:
        # Embeddings made while its weights were at hand are as good as ever.
        made = Extractor.objects.filter(spec=spec).last()
        if made is None:
            raise TrainingFailed(str(error)) from error
        return made


def _beginning() -> Path | None:
    """Where the active model's head lies: decisions since change it little, so a training may begin there."""
    active = promotion.active_model()
    return None if active is None else promotion.weights_path(active)


def _run_apart(folder: Path, still_wanted: Callable[[], bool], start: Path | None) -> None:
    """Train in a process of its own: workers never carry TensorFlow, and a cancelled one is gone at once."""
    command = [sys.executable, "-m", "ml.genres.training"]
    command += ["--data", str(folder / DATA), "--config", str(folder / CONFIG), "--out", str(folder / OUT)]
    command += [] if start is None else ["--start", str(start)]
    environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "TF_CPP_MIN_LOG_LEVEL": "3"}
    # What a killed training leaves in its temporary folder is cleared with the rest.
    environment["TMPDIR"] = str(folder)
    with (folder / "errors.txt").open("w+b") as errors:
        training = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # A killed worker must not leave it behind: the training would go on beside its own repetition.
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
        try:
            code = _waited_for(training, still_wanted)
        finally:
            training.kill()
            training.wait()
        if code:
            errors.seek(0)
            raise TrainingFailed(_why(code, errors.read().decode(errors="replace"), folder))


def _waited_for(training: subprocess.Popen[bytes], still_wanted: Callable[[], bool]) -> int:
    while True:
        try:
            return training.wait(SECONDS_BETWEEN_LOOKS)
        except subprocess.TimeoutExpired:
            if not still_wanted():
                raise TrainingCancelled("Training was cancelled.") from None


def _why(code: int, said: str, folder: Path) -> str:
    lines = said.strip().splitlines()
    if code == -signal.SIGKILL:
        return (
            "The training process was killed, most likely because memory ran out: "
            "use a smaller hidden layer or free some memory."
        )
    if not lines:
        return f"The training process ended with code {code}."
    # The folder is gone by the time a person reads this.
    return lines[-1].replace(f"{folder / DATA} can't be used: ", "").replace(f"{folder}/", "")


def _store(
    out: Path, run: Run, extractor: Extractor, data: LabelledPosters, config: dict[str, Any]
) -> GenreModel:
    metrics = json.loads((out / "metrics.json").read_text())
    sha256 = metrics["weights_sha256"]
    head = load_head(out / "head.npz", sha256=sha256)
    # Beside a model of the site's own it waits for a person; beside the shipped one figures decide.
    rival = promotion.active_model()
    if rival is not None and rival.shipped:
        metrics["against_shipped"] = model_comparison.compared(
            rival, head.genres, data, HeldOut.read(out / HELD_OUT)
        )
    drawn = out / "curves.png"
    curves = (
        default_storage.save(f"learning_curves/{sha256}.png", ContentFile(drawn.read_bytes()))
        if drawn.exists()
        else ""
    )
    weights_file = promotion.keep_files(out / "head.npz", sha256)
    with transaction.atomic():
        promotion.lock_models()
        model, _ = GenreModel.objects.get_or_create(
            run=run,
            defaults={
                "version": promotion.next_version(),
                "recipe": config["name"],
                "extractor": extractor,
                "genres": list(head.genres),
                "thresholds": [float(threshold) for threshold in head.thresholds],
                "sure_thresholds": list(head.sure_thresholds or ()),
                "no_evidence": list(head.no_evidence),
                "calibration": metrics.get("calibration", {}),
                "metrics": metrics,
                "config": config,
                "dataset_fingerprint": data.fingerprint,
                "weights_file": weights_file,
                "weights_sha256": sha256,
                "learning_curves": curves,
            },
        )
        active = promotion.active_model()
        if active is None or (active == rival and model_comparison.is_better(model)):
            promotion.promote(model)
    return model
