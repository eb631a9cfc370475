"""Train a genre head and measure it; the command `python -m ml.genres.training`.

Exit codes of the command: 0 done, 1 training failed, 2 bad input, 143 stopped by SIGTERM. Errors are one line
on standard error.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.command_line import BAD_INPUT, DONE, FAILED, STOPPED, print_error, stderr_in, stop_requests
from ml.files import write_json
from ml.genres.audit import OutOfFoldScores
from ml.genres.curves import learning_curves
from ml.genres.dense_training import Epoch, History, fit
from ml.genres.errors import TrainingDiverged, TrainingStopped
from ml.genres.evidence.films import Films
from ml.genres.evidence.model_file import load_model, save_model
from ml.genres.evidence.training import EvidenceData, TrainedEvidence, train_evidence
from ml.genres.head import GenreHead
from ml.genres.head_file import ModelFileError, save_head
from ml.genres.held_out import HeldOut
from ml.genres.logistic_training import train_logistic
from ml.genres.recipes import (
    AnyConfig,
    EvidenceConfig,
    LogisticConfig,
    TrainingConfig,
    TrainingConfigError,
    config_values,
    read_config,
)
from ml.genres.scorecard import scorecard
from ml.genres.splitting import split
from ml.genres.training_set import TrainingDataError, TrainingSet, read_training_set, training_set
from ml.subprocess import not_installed

TOO_FEW = "too few examples"
HEAD, HISTORY, METRICS, CURVES = "head.npz", "history.json", "metrics.json", "curves.png"
HELD_OUT = "held_out.npz"
SCORES = "out_of_fold.npz"
PROGRESS, LOG = "progress.jsonl", "training.log"


@dataclass(frozen=True)
class TrainedHead:
    """A head, its learning curves, its metrics, and the decisions they were measured on.

    history: a list by name, one number per epoch; empty for a recipe without epochs. metrics: ready for JSON.
    """

    head: GenreHead
    history: History
    metrics: dict[str, Any]
    held_out: HeldOut


def train(
    features: npt.ArrayLike,
    y: npt.ArrayLike,
    genres: Sequence[str],
    config: AnyConfig | None = None,
    groups: npt.ArrayLike | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    *,
    extractor: str = "",
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedHead:
    """Train a head on features (n, d) and labels y (n, genres) of 0 and 1.

    config: default is the published recipe. groups, extractor: see TrainingSet. Genres with fewer than
    `config.min_positives` positives among the training rows are left out and named in
    `metrics["left_out"]`. `metrics["measured_on"]` says which rows the metrics are of: for a dense head, the
    validation rows, which also chose the epoch (slightly optimistic); for `logistic`, all rows, out of fold.
    start: an earlier head that a recipe may start from, which saves time and changes nothing else.

    Raises TrainingDataError, TrainingDiverged or TrainingStopped.
    """
    data = training_set(features, y, genres, groups, extractor)
    return train_on(data, config or TrainingConfig(), on_epoch, should_stop, start)


def train_on(
    data: TrainingSet,
    config: AnyConfig,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedHead:
    """Train a head on a checked TrainingSet; see `train`."""
    if isinstance(config, EvidenceConfig):
        raise TrainingDataError(f"The recipe {config.name} trains no head: see train_evidence_on.")
    if data.has_poster is not None and not data.has_poster.all():
        raise TrainingDataError(f"The recipe {config.name} needs a poster of every film.")
    if isinstance(config, LogisticConfig):
        return _train_logistic(data, config, should_stop, start)
    started = time.monotonic()
    train_rows, held_rows = split(data.groups, data.labels, config.validation_fraction, config.seed)
    positives = data.labels[train_rows].sum(axis=0, dtype=np.int64)
    kept = _learnable(positives, config.min_positives)
    genres = [data.genres[i] for i in kept]
    labels = data.labels[:, kept]
    held_out = (data.features[held_rows], labels[held_rows])
    fitted = fit((data.features[train_rows], labels[train_rows]), held_out, config, on_epoch, should_stop)
    head = GenreHead.with_threshold(
        fitted.weights, genres, config.threshold, extractor=data.extractor, recipe=config.name
    )
    scores = head.scores(held_out[0])
    card = scorecard(
        held_out[1], scores, genres, head.thresholds, resamples=config.resamples, seed=config.seed
    )
    for row, count in zip(card["per_genre"], positives[kept], strict=True):
        row["train_positives"] = int(count)
    metrics = {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": "validation rows, which also chose the epoch",
        "rows": {"train": len(train_rows), "validation": len(held_rows)},
        "epochs_run": len(fitted.history["loss"]),
        "best_epoch": fitted.best_epoch,
        "seconds": round(time.monotonic() - started, 3),
        "left_out": _left_out(data.genres, positives, config.min_positives),
        "validation": card,
    }
    return TrainedHead(head, fitted.history, metrics, HeldOut(held_rows, head.suggested(scores)))


def train_evidence_on(
    data: TrainingSet,
    config: EvidenceConfig | None = None,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedEvidence:
    """Train a model over all parts on a checked TrainingSet; see `train` and `train_evidence`."""
    config = config or EvidenceConfig()
    positives = data.labels.sum(axis=0, dtype=np.int64)
    kept = _learnable(positives, config.min_positives)
    count = len(data.labels)
    owners = np.arange(count) if data.has_poster is None else np.flatnonzero(data.has_poster)
    blank = ("",) * count
    films = Films(
        data.features[owners],
        owners,
        blank if data.titles is None else data.titles,
        np.zeros(count, dtype=np.int64) if data.years is None else data.years,
        blank if data.overviews is None else data.overviews,
    )
    genres = tuple(data.genres[i] for i in kept)
    learnable = EvidenceData(films, data.labels[:, kept], data.groups, genres, data.extractor)
    trained = train_evidence(learnable, config, should_stop, start)
    trained.metrics["left_out"] = _left_out(data.genres, positives, config.min_positives)
    return trained


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: write head.npz, head.json, history.json, metrics.json, held_out.npz (see
    `held_out.HeldOut`) and, for a recipe with epochs, curves.png; for the recipe `evidence`, head.npz is a
    model of `ml.genres.evidence`, and out_of_fold.npz has what `ml.genres.audit` needs. Returns the exit
    code.

    `progress.jsonl` gets one line per epoch. SIGTERM ends training after the current batch; then only the
    history so far is written. Messages of libraries go to training.log. An unusable `--start` is ignored,
    since it only saves time. Results of an earlier training in the folder are removed first, so that after a
    failure none are taken for new ones.
    """
    parser = argparse.ArgumentParser(prog="python -m ml.genres.training", description="Train a genre head.")
    parser.add_argument(
        "--data", type=Path, required=True, help=".npz with features, labels, groups and genres"
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON object of training settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for the head and its metrics")
    parser.add_argument("--start", type=Path, help="an earlier head (.npz) to start from, if it fits")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        data = read_training_set(options.data)
        _prepare(options.out)
    except (TrainingConfigError, TrainingDataError) as error:
        return print_error(str(error), BAD_INPUT)
    except OSError as error:
        return print_error(f"The folder {options.out} can't be written: {error.strerror}.", BAD_INPUT)
    try:
        with stderr_in(options.out / LOG):
            _train_and_write(data, config, options.out, _start(options.start))
    except TrainingDataError as error:
        return print_error(f"{options.data} can't be used: {error}", BAD_INPUT)
    except TrainingStopped as error:
        write_json(options.out / HISTORY, error.history)
        return print_error(str(error), STOPPED)
    except TrainingDiverged as error:
        return print_error(str(error), FAILED)
    except OSError as error:
        return print_error(f"The results can't be written to {options.out}: {error.strerror}.", FAILED)
    except ModuleNotFoundError as error:
        return print_error(not_installed(error), FAILED)
    except MemoryError:
        return print_error("Out of memory: use fewer posters or a smaller hidden layer.", FAILED)
    return DONE


def _train_logistic(
    data: TrainingSet,
    config: LogisticConfig,
    should_stop: Callable[[], bool] | None,
    start: GenreHead | None,
) -> TrainedHead:
    positives = data.labels.sum(axis=0, dtype=np.int64)
    kept = _learnable(positives, config.min_positives)
    learnable = replace(data, labels=data.labels[:, kept], genres=tuple(data.genres[i] for i in kept))
    head, metrics, suggested = train_logistic(learnable, config, should_stop, start)
    metrics["left_out"] = _left_out(data.genres, positives, config.min_positives)
    return TrainedHead(head, {}, metrics, HeldOut(np.arange(len(suggested)), suggested))


def _learnable(positives: npt.NDArray[np.int64], least: int) -> npt.NDArray[np.int64]:
    kept = np.flatnonzero(positives >= least)
    if not kept.size:
        raise TrainingDataError(
            f"No genre has {least} labelled posters (the most frequent has {int(positives.max())}): label "
            "more, or lower min_positives."
        )
    return kept


def _left_out(
    genres: Sequence[str], positives: npt.NDArray[np.int64], least: int
) -> list[dict[str, str | int]]:
    return [
        {"genre": genre, "train_positives": int(count), "reason": TOO_FEW}
        for genre, count in zip(genres, positives, strict=True)
        if count < least
    ]


def _prepare(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in (HEAD, Path(HEAD).with_suffix(".json").name, HISTORY, METRICS, HELD_OUT, SCORES, CURVES, LOG):
        (out / name).unlink(missing_ok=True)
    (out / PROGRESS).write_text("")


def _start(path: Path | None) -> GenreHead | None:
    try:
        return None if path is None else load_model(path).poster
    except ModelFileError:
        return None


def _train_and_write(data: TrainingSet, config: AnyConfig, out: Path, start: GenreHead | None) -> None:
    with (
        stop_requests(signal.SIGTERM) as should_stop,
        (out / PROGRESS).open("a", encoding="utf-8") as progress,
    ):

        def on_epoch(epoch: Epoch) -> None:
            progress.write(json.dumps(asdict(epoch)) + "\n")
            progress.flush()

        if isinstance(config, EvidenceConfig):
            _write_evidence(train_evidence_on(data, config, should_stop, start), out)
            return
        trained = train_on(data, config, on_epoch, should_stop, start)
    sha256 = save_head(trained.head, out / HEAD)
    write_json(out / HISTORY, trained.history)
    trained.held_out.save(out / HELD_OUT)
    if trained.history:
        learning_curves(trained.history, out / CURVES)
    write_json(out / METRICS, trained.metrics | {"weights_sha256": sha256})


def _write_evidence(trained: TrainedEvidence, out: Path) -> None:
    sha256 = save_model(trained.model, out / HEAD)
    write_json(out / HISTORY, {})
    HeldOut(trained.rows, trained.suggested).save(out / HELD_OUT)
    OutOfFoldScores(trained.rows, trained.scores).save(out / SCORES)
    write_json(out / METRICS, trained.metrics | {"weights_sha256": sha256})


if __name__ == "__main__":
    sys.exit(main())
