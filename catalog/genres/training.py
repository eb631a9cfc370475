"""Train genre models on trusted labels, in a subprocess, and store them."""

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
from django.utils.text import get_text_list

from catalog.embeddings import extractors
from catalog.models import Extractor, GenreModel, Run, RunItem
from catalog.runs import leases
from catalog.runs.work_folders import work_folder
from ml.genres.audit import OutOfFoldScores
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError
from ml.genres.held_out import HeldOut, HeldOutError
from ml.genres.parts import parse_evidence
from ml.genres.recipes import (
    EVIDENCE,
    LOGISTIC,
    RECIPES,
    AnyConfig,
    EvidenceConfig,
    TrainingConfigError,
    config_from,
    config_values,
)
from ml.genres.training_set import TrainingDataError, write_training_set
from ml.processes import dies_with_parent

from . import audit, learning, model_comparison, model_differences, model_files, promotion
from .training_data import LabelledFilms, labelled_films

SECONDS_BETWEEN_CHECKS = 2.0
# In a run's params: the active model that the new one replaces unless it is significantly worse.
REPLACES = "replaces"
DATA, CONFIG, OUT, HELD_OUT = "train.npz", "config.json", "out", "held_out.npz"
OUT_OF_FOLD = "out_of_fold.npz"


class TrainingFailed(RuntimeError):
    """A genre model could not be trained; the message says why and what to do."""


class TrainingCancelled(RuntimeError):
    """The run was cancelled, or its lease was lost, during training."""


def train_item(items: Sequence[RunItem]) -> None:
    """Train the model that the item's run describes, and finish or fail the item."""
    [item] = items
    try:
        model = train(item.run, is_wanted=lambda: bool(leases.renew(items)))
    except TrainingCancelled:
        return  # the lease is lost, or releasing it cancels the item
    except SoftTimeLimitExceeded:
        _fail(item, "Training exceeded the time limit: use fewer epochs or a smaller hidden layer.")
    except (TrainingFailed, TrainingConfigError, TrainingDataError, HeldOutError) as error:
        _fail(item, str(error))
    else:
        _set_message(item, f"Trained {model}. {_outcome(model)}")
        leases.finish(item, f"Trained {model}.")


def _outcome(model: GenreModel) -> str:
    """What the training changes for users, in a sentence or two."""
    active = promotion.active_model()
    if active is not None and active != model and active.shipped:
        return f"The bundled genre model {active.version} stays active: {model_comparison.reason(model)}"
    if len(model.no_evidence) == len(model.genres):
        return "It suggests nothing, because all genres are disabled: not accurate enough. Label more movies."
    if active is None or active == model:
        reason = model_comparison.reason(model)
        verb = "is" if len(model.no_evidence) == 1 else "are"
        disabled = f" {get_text_list(model.no_evidence, 'and')} {verb} disabled: not accurate enough."
        return f"It is active now{reason and f': {reason}'}.{disabled if model.no_evidence else ''}"
    if model_comparison.was_to_replace(model, active):
        return f"Genre model {active.version} stays active: {model_comparison.reason(model)}"
    headline = model_differences.headline(model, active)
    until = f"Genre model {active.version} stays active until a person promotes this one in the admin."
    return f"{headline}. {until}" if headline else until


def _fail(item: RunItem, error: str) -> None:
    _set_message(item, error)
    leases.fail(item, error)


def _set_message(item: RunItem, message: str) -> None:
    Run.objects.filter(pk=item.run_id).exclude(state=Run.State.CANCELLED).update(message=message)


def train(run: Run, is_wanted: Callable[[], bool]) -> GenreModel:
    """Train a model in a subprocess with the run's parameters `recipe`, `evidence`, `extractor` and `config`.

    evidence: what to learn from, such as "poster,title"; without it, that of the setting. extractor: a spec.

    It becomes active at once if no other model is, or if the bundled one is and this one is significantly
    better on the same posters (see `model_comparison`), or if that in the parameter `replaces` is and this
    one is not significantly worse; otherwise it is a candidate. If the run has trained a
    model already, that model is returned.

    Raises TrainingFailed, TrainingConfigError, TrainingDataError, HeldOutError, and TrainingCancelled when
    `is_wanted` returns False.
    """
    existing = GenreModel.objects.filter(run=run).first()
    if existing is not None:
        return existing
    extractor = _extractor(run.params.get("extractor"))
    config = config_of(run.params)
    parts = config.parts if isinstance(config, EvidenceConfig) else ("poster",)
    data = labelled_films(extractor, only=run.params.get("movies"), parts=parts)
    # Raises TrainingDataError before a process is started.
    checked = data.training_set(extractor.fingerprint)
    with work_folder("training") as folder:
        write_training_set(checked, folder / DATA)
        (folder / CONFIG).write_text(json.dumps(config_values(config)))
        _train_in_subprocess(folder, is_wanted)
        return _store(folder / OUT, run, extractor, data, config_values(config), is_wanted)


def config_of(params: dict[str, Any]) -> AnyConfig:
    """The training settings that a run's parameters mean. Raises TrainingConfigError.

    Without a recipe it is "evidence", or "logistic" to learn from posters alone. The published
    "recipe-genres" is the baseline, by name: these two rank genres better, their scores are calibrated, and
    they need seconds and no TensorFlow. On a few hundred films they disable about five of nineteen genres,
    those that they do not rank better than chance.
    """
    values = dict(params.get("config") or {})
    recipe, evidence = params.get("recipe"), params.get("evidence")
    if recipe and recipe not in RECIPES:
        raise TrainingConfigError(f"There is no recipe {recipe!r}; there are {', '.join(sorted(RECIPES))}.")
    try:
        parts = parse_evidence(evidence or settings.GENRE_EVIDENCE)
    except ValueError as error:
        raise TrainingConfigError(f"Nothing can be trained: {error}") from error
    posters_only = parts == ("poster",)
    name = recipe or (LOGISTIC.name if posters_only else EVIDENCE.name)
    if isinstance(RECIPES[name], EvidenceConfig):
        values = {"parts": parts, **values}
    elif evidence and not posters_only:
        raise TrainingConfigError(
            f"The recipe {name} learns from posters alone: use the recipe {EVIDENCE.name} for {evidence}."
        )
    return config_from({**values, "name": name})


def _extractor(spec: str | None) -> Extractor:
    found = extractors.default_extractor() if spec is None else _extractor_of(spec)
    if found is None or not found.embeddings.exists():
        by_spec = f" by {spec}" if spec else ""
        raise TrainingFailed(f"No poster is embedded{by_spec} yet: fetch and embed posters first.")
    return found


def _extractor_of(spec: str) -> Extractor | None:
    try:
        return Extractor.objects.filter(fingerprint=extractors.fingerprint(spec)).first()
    except extractors.UNAVAILABLE as error:
        # Its weights are gone, but embeddings that were made with them can still be used.
        row = Extractor.objects.filter(spec=spec).last()
        if row is None:
            raise TrainingFailed(str(error)) from error
        return row


def _train_in_subprocess(folder: Path, is_wanted: Callable[[], bool]) -> None:
    """Train in a process of its own: workers never load TensorFlow, and cancelling takes effect at once."""
    command = [sys.executable, "-m", "ml.genres.training"]
    command += ["--data", str(folder / DATA), "--config", str(folder / CONFIG), "--out", str(folder / OUT)]
    active = promotion.active_model()
    if active is not None:
        # A warm start, because decisions since the last training change the weights little.
        try:
            command += ["--start", str(model_files.fetch(active))]
        except ModelFileError as error:
            raise TrainingFailed(str(error)) from error
    environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "TF_CPP_MIN_LOG_LEVEL": "3"}
    # On a busy machine, NumPy's threads wait for each other for longer than they compute.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    # Temporary files of a killed training are deleted with the folder.
    environment["TMPDIR"] = str(folder)
    with (folder / "errors.txt").open("w+b") as errors:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # If the worker is killed, the training must not continue beside its repetition.
            preexec_fn=dies_with_parent(signal.SIGKILL),
        )
        try:
            code = _wait(process, is_wanted)
        finally:
            process.kill()
            process.wait()
        if code:
            errors.seek(0)
            raise TrainingFailed(_failure(code, errors.read().decode(errors="replace"), folder))


def _wait(process: subprocess.Popen[bytes], is_wanted: Callable[[], bool]) -> int:
    while True:
        try:
            return process.wait(SECONDS_BETWEEN_CHECKS)
        except subprocess.TimeoutExpired:
            if not is_wanted():
                raise TrainingCancelled("Training was cancelled.") from None


def _failure(code: int, stderr: str, folder: Path) -> str:
    lines = stderr.strip().splitlines()
    if code == -signal.SIGKILL:
        return (
            "The training process was killed, most likely because memory ran out: "
            "use a smaller hidden layer or free some memory."
        )
    if not lines:
        return f"The training process ended with code {code}."
    # Paths in the temporary folder mean nothing to users.
    return lines[-1].replace(f"{folder / DATA} can't be used: ", "").replace(f"{folder}/", "")


def _store(
    out: Path,
    run: Run,
    extractor: Extractor,
    data: LabelledFilms,
    config: dict[str, Any],
    is_wanted: Callable[[], bool],
) -> GenreModel:
    metrics = json.loads((out / "metrics.json").read_text())
    sha256 = metrics["weights_sha256"]
    trained = load_model(out / "head.npz", sha256)
    # It replaces the bundled model if it is better, but a model of this site only when a person promotes it.
    # After an upgrade a person need not promote it: that model was promoted, and this one only replaces it.
    before = promotion.active_model()
    held_out = HeldOut.read(out / HELD_OUT)
    if before is not None:
        metrics[model_comparison.KEY_ACTIVE] = model_comparison.compare_with_active(
            before, trained.genres, data, held_out
        )
        unsaved = GenreModel(extractor=extractor, **promotion.columns_of(trained))
        metrics[learning.CHANGES] = learning.suggestion_changes(unsaved, trained, is_wanted)
        if metrics[learning.CHANGES] is None:
            raise TrainingCancelled("Training was cancelled.")
    if before is not None and before.shipped:
        metrics[model_comparison.KEY] = model_comparison.compare(before, trained.genres, data, held_out)
    elif before is not None and before.pk == run.params.get(REPLACES):
        metrics[model_comparison.KEY_REPLACED] = model_comparison.compare_with_replaced(before, metrics)
    plot, curves = out / "curves.png", ""
    if plot.exists():
        curves = default_storage.save(f"learning_curves/{sha256}.png", ContentFile(plot.read_bytes()))
    weights_file = model_files.store(out / "head.npz", sha256)
    if (scores := out / OUT_OF_FOLD).exists():
        audit.store_out_of_fold(OutOfFoldScores.read(scores), data.movies, sha256)
    model_comparison.Decisions(data.movies[held_out.rows], held_out.taken, data.movies).save(
        model_comparison.decisions_path(GenreModel(weights_file=weights_file))
    )
    with transaction.atomic():
        promotion.lock_models()
        model, _ = GenreModel.objects.get_or_create(
            run=run,
            defaults={
                **promotion.columns_of(trained),
                "version": promotion.next_version(),
                "recipe": config["name"],
                "extractor": extractor,
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
        may_take_over = model_comparison.is_better(model) or model_comparison.may_replace(model)
        if active is None or (active == before and may_take_over):
            promotion.promote(model)
    learning.delete_superseded(model)
    return model
