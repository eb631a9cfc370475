"""Command line of extractor training: `manage.py train_extractor` and `python -m ml.extractor_training`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ml.command_line import (
    BAD_INPUT,
    DONE,
    FAILED,
    STOPPED,
    ProgressBar,
    print_error,
    progress_bar,
    stderr_in,
    stop_requests,
)
from ml.csv_files.files import SourceError
from ml.genres.training_set import TrainingDataError
from ml.labelled_set.listing import LabelledSetError

from .errors import TrainingError, TrainingInterrupted
from .loop import TRAINING, Callbacks
from .plan import TrainingPlan
from .training import BUNDLE, TrainingRequest, stored_plan, train_extractor
from .validation import metrics_line

LOG = "training.log"
_SETTINGS = {field.name: field for field in fields(TrainingPlan)}
_OPTIONS = ("epochs", "seed", "rows")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that both commands have."""
    usual = TrainingPlan()
    parser.add_argument(
        "--posters", type=Path, required=True, metavar="CSV", help="columns file, genres, ..."
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument(
        "--more",
        type=Path,
        nargs=2,
        metavar=("CSV", "DIR"),
        help="further posters, for training only, and the folder of their files",
    )
    parser.add_argument(
        "--texts",
        type=Path,
        metavar="CSV",
        help="imdb_id, overview and, if known, keywords, for the teacher (distil)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="WORK", help="folder for all files of this run"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE_OR_DIR", help="ImageNet weights of the backbone to start from"
    )
    parser.add_argument("--from-scratch", action="store_true", help="start from random weights instead")
    parser.add_argument(
        "--trained",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="do not train: bundle this network (trained.npz of a run, or a .tflite), or the mean of several",
    )
    parser.add_argument(
        "--begin-with",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="start from this network, or the mean of several, instead of from ImageNet weights",
    )
    parser.add_argument("--epochs", type=float, metavar="N", help=f"default: {usual.epochs:g}")
    parser.add_argument(
        "--rows",
        choices=("train", "all"),
        help=f"all: train on the validation part too; default: {usual.rows}",
    )
    parser.add_argument("--seed", type=int, metavar="S", help=f"default: {usual.seed}")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="number of posters of each CSV to use, drawn at random"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run in WORK")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="set",
        metavar="NAME=VALUE",
        help=f"another setting: {', '.join(name for name in _SETTINGS if name not in _OPTIONS)}",
    )


def to_arguments(options: dict[str, Any], weights: Path | None) -> list[str]:
    """Turn parsed options back into arguments for `python -m ml.extractor_training`."""
    arguments = [
        f"--posters={options['posters']}",
        f"--images={options['images']}",
        f"--output={options['output']}",
    ]
    arguments += ["--more", *map(str, options["more"])] if options["more"] else []
    arguments += [f"--texts={options['texts']}"] * bool(options["texts"])
    arguments += [f"--weights={weights}"] * bool(weights)
    arguments += ["--trained", *map(str, options["trained"])] if options["trained"] else []
    arguments += ["--begin-with", *map(str, options["begin_with"])] if options["begin_with"] else []
    arguments += ["--from-scratch"] * options["from_scratch"] + ["--resume"] * options["resume"]
    for name in ("epochs", "rows", "seed", "limit"):
        if options[name] is not None:
            arguments.append(f"--{name}={options[name]}")
    return arguments + [f"--set={setting}" for setting in options["set"]]


def plan_from(options: argparse.Namespace, stored: TrainingPlan | None) -> TrainingPlan:
    """Make a plan of the options; missing ones are taken from `stored`, or else the defaults.

    Raises TrainingError for a setting that does not exist, is out of range, or differs from the stored one.
    """
    changes: dict[str, Any] = {name: getattr(options, name) for name in _OPTIONS}
    changes = {name: value for name, value in changes.items() if value is not None}
    for setting in options.set:
        name, _, value = setting.partition("=")
        if name not in _SETTINGS:
            raise TrainingError(f"There is no setting {name!r}. Settings: {', '.join(_SETTINGS)}.")
        changes[name] = _value(name, value)
    plan = replace(stored or TrainingPlan(), **changes)
    if stored is not None and plan.digest != stored.digest:
        before, now = asdict(stored), asdict(plan)
        name = next(name for name in before if name != "save_every" and before[name] != now[name])
        raise TrainingError(
            f"The run in {options.output} was started with {name} {before[name]}, not {now[name]}: omit the "
            "option to continue, or name another folder with -o."
        )
    return plan


def _value(name: str, text: str) -> Any:
    usual = getattr(TrainingPlan(), name)
    try:
        return text if isinstance(usual, str) else type(usual)(text)
    except ValueError as error:
        raise TrainingError(f"{name} must be a number; got {text!r}.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 failed, 2 bad input, 143 stopped.

    SIGTERM and Ctrl-C stop it after the current step, with a checkpoint. Messages of TensorFlow go to
    training.log in the working folder.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ml.extractor_training",
        description="Train the extractor `postersite` and its genre model on labelled posters.",
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error("--limit must be at least 1")
    try:
        _train(options)
    except (TrainingError, LabelledSetError, SourceError, TrainingDataError) as error:
        return print_error(str(error), BAD_INPUT)
    except TrainingInterrupted as stopped:
        return print_error(str(stopped), STOPPED)
    except MemoryError:
        return print_error("Out of memory: lower pairs (--set pairs=12), or use --limit.", FAILED)
    except OSError as error:
        return print_error(f"{error.filename or options.output} can't be used: {error.strerror}.", FAILED)
    return DONE


def _train(options: argparse.Namespace) -> None:
    plan = plan_from(options, stored_plan(options.output) if options.resume else None)
    weights = options.weights or _weights_folder()
    options.output.mkdir(parents=True, exist_ok=True)
    with (
        stderr_in(options.output / LOG) as terminal,
        contextlib.redirect_stderr(terminal),
        stop_requests(signal.SIGTERM, signal.SIGINT) as should_stop,
    ):
        card = train_extractor(
            TrainingRequest(
                listing=options.posters,
                images=options.images,
                work=options.output,
                weights=weights,
                plan=plan,
                from_scratch=options.from_scratch,
                trained=tuple(options.trained),
                start_from=tuple(options.begin_with),
                limit=options.limit,
                resume=options.resume,
                more=(options.more[0], options.more[1]) if options.more else None,
                texts=options.texts,
            ),
            Callbacks(_stoppable(should_stop), _log, should_stop),
        )
    history = card.get("history")
    metrics = history[-1]["validation"] if history else None
    figures = f": {metrics_line(metrics)} on the validation part" if metrics else ""
    sys.stdout.write(f"Wrote {card['extractor']['fingerprint']} to {options.output / BUNDLE}{figures}.\n")


def _stoppable(should_stop: Callable[[], bool]) -> ProgressBar:
    """Progress bars that interrupt everything but the training loop, which stops between two steps."""

    @contextmanager
    def stoppable(description: str, total: int) -> Iterator[Callable[[int], object]]:
        with progress_bar(description, total) as show:

            def progress(done: int) -> None:
                show(done)
                if description != TRAINING and should_stop():
                    raise TrainingInterrupted(f"Stopped while {description.lower()}; --resume continues.")

            yield progress

    return stoppable


def _weights_folder() -> Path | None:
    var = Path(os.environ.get("POSTERSITE_VAR") or "var")
    folder = Path(os.environ.get("POSTERSITE_WEIGHTS") or var / "weights")
    return folder if folder.is_dir() else None


def _log(line: str) -> None:
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()
