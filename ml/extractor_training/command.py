"""Command line of extractor training (`train_extractor`, `python -m ml.extractor_training.training`)."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from ml.evaluation.command import bar
from ml.evaluation.errors import EvaluationError
from ml.genres.training_set import TrainingDataError

from .errors import TrainingError, TrainingInterrupted
from .loop import TRAINING, Bar, Watch
from .plan import TrainingPlan
from .validation import sentence

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 143
LOG = "training.log"
_PLANNED = {field.name: field for field in fields(TrainingPlan)}
_OWN_OPTION = ("epochs", "seed", "rows")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that both commands have."""
    usual = TrainingPlan()
    parser.add_argument(
        "--posters", type=Path, required=True, metavar="CSV", help="columns file, genres, ..."
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="WORK", help="folder for everything that is made"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE_OR_DIR", help="ImageNet weights of mobilenet_v2 to begin with"
    )
    parser.add_argument("--from-scratch", action="store_true", help="begin with random weights instead")
    parser.add_argument(
        "--trained",
        type=Path,
        nargs="+",
        default=[],
        metavar="NPZ",
        help="only ship this trained network (a training's trained.npz), or the mean of several",
    )
    parser.add_argument(
        "--begin-with",
        type=Path,
        nargs="+",
        default=[],
        metavar="NPZ",
        help="go on from this trained network, or the mean of several, instead of from ImageNet's",
    )
    parser.add_argument("--epochs", type=float, metavar="N", help=f"default: {usual.epochs:g}")
    parser.add_argument(
        "--rows", choices=("train", "all"), help=f"all: the validation part too; default: {usual.rows}"
    )
    parser.add_argument("--seed", type=int, metavar="S", help=f"default: {usual.seed}")
    parser.add_argument("--limit", type=int, metavar="N", help="posters to use, drawn at random")
    parser.add_argument("--resume", action="store_true", help="go on with the training in WORK")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="planned",
        metavar="NAME=VALUE",
        help=f"another setting: {', '.join(name for name in _PLANNED if name not in _OWN_OPTION)}",
    )


def told_again(options: dict[str, Any], weights: Path | None) -> list[str]:
    """The options, once parsed, as arguments for `python -m ml.extractor_training.training`."""
    told = [
        f"--posters={options['posters']}",
        f"--images={options['images']}",
        f"--output={options['output']}",
    ]
    told += [f"--weights={weights}"] * bool(weights)
    told += ["--trained", *map(str, options["trained"])] if options["trained"] else []
    told += ["--begin-with", *map(str, options["begin_with"])] if options["begin_with"] else []
    told += ["--from-scratch"] * options["from_scratch"] + ["--resume"] * options["resume"]
    for name in ("epochs", "rows", "seed", "limit"):
        if options[name] is not None:
            told.append(f"--{name}={options[name]}")
    return told + [f"--set={setting}" for setting in options["planned"]]


def plan_from(options: argparse.Namespace, stored: TrainingPlan | None) -> TrainingPlan:
    """The plan that the options ask for; what they leave open is as `stored`, or else by default.

    Raises TrainingError for a setting that does not exist, is out of range, or differs from the stored one.
    """
    asked: dict[str, Any] = {name: getattr(options, name) for name in _OWN_OPTION}
    asked = {name: value for name, value in asked.items() if value is not None}
    for setting in options.planned:
        name, _, value = setting.partition("=")
        if name not in _PLANNED:
            raise TrainingError(f"There is no setting {name!r}; there are {', '.join(_PLANNED)}.")
        asked[name] = _value(name, value)
    plan = replace(stored or TrainingPlan(), **asked)
    if stored is not None and plan.digest != stored.digest:
        before, now = asdict(stored), asdict(plan)
        name = next(name for name in before if name != "save_every" and before[name] != now[name])
        raise TrainingError(
            f"The training in {options.output} was begun with {name} {before[name]}, and {now[name]} is "
            "asked for now: leave it out to go on, or name another folder with -o."
        )
    return plan


def _value(name: str, text: str) -> Any:
    usual = getattr(TrainingPlan(), name)
    try:
        return text if isinstance(usual, str) else type(usual)(text)
    except ValueError as error:
        raise TrainingError(f"{name} must be a number; got {text!r}.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 done, 1 failed, 2 bad input, 143 stopped.

    SIGTERM and Ctrl-C stop it after the step at hand, with a checkpoint. What TensorFlow writes goes to
    training.log in the working folder.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ml.extractor_training.training",
        description="Train the extractor `postersite` and its genre model on labelled posters.",
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error("--limit must be at least 1")
    try:
        _train(options)
    except (TrainingError, EvaluationError, TrainingDataError) as error:
        return _complain(str(error), BAD_INPUT)
    except TrainingInterrupted as stopped:
        return _complain(str(stopped), STOPPED)
    except MemoryError:
        return _complain("Memory ran out: lower pairs (--set pairs=12), or use --limit.", FAILED)
    except OSError as error:
        return _complain(f"{error.filename or options.output} can't be used: {error.strerror}.", FAILED)
    return DONE


def _train(options: argparse.Namespace) -> None:
    # Neither the help nor a typing error should wait for TensorFlow's neighbours.
    from .training import SHIPPED, Request, stored_plan, train_extractor

    plan = plan_from(options, stored_plan(options.output) if options.resume else None)
    weights = options.weights or _weights_folder()
    options.output.mkdir(parents=True, exist_ok=True)
    with _library_noise_in(options.output / LOG), _stopping() as should_stop:
        card = train_extractor(
            Request(
                listing=options.posters,
                images=options.images,
                work=options.output,
                weights=weights,
                plan=plan,
                scratch=options.from_scratch,
                trained=tuple(options.trained),
                earlier=tuple(options.begin_with),
                limit=options.limit,
                resume=options.resume,
            ),
            Watch(_stoppable(should_stop), _say, should_stop),
        )
    history = card.get("history")
    told = history[-1]["validation"] if history else None
    figures = f": {sentence(told)} on the validation part" if told else ""
    sys.stdout.write(
        f"Made {card['extractor']['fingerprint']}{figures}. It is in {options.output / SHIPPED}.\n"
    )


def _stoppable(should_stop: Callable[[], bool]) -> Bar:
    """Bars under which a wish to stop is heard at once; the training itself hears it between two steps."""

    @contextmanager
    def stoppable(what: str, total: int) -> Iterator[Callable[[int], object]]:
        with bar(what, total) as show:

            def told(done: int) -> None:
                show(done)
                if what != TRAINING and should_stop():
                    raise TrainingInterrupted(f"Stopped at {what.lower()}; --resume goes on.")

            yield told

    return stoppable


def _weights_folder() -> Path | None:
    var = Path(os.environ.get("POSTERSITE_VAR") or "var")
    folder = Path(os.environ.get("POSTERSITE_WEIGHTS") or var / "weights")
    return folder if folder.is_dir() else None


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


@contextmanager
def _stopping() -> Iterator[Any]:
    """Turns SIGTERM and SIGINT into a wish to stop; a second one ends the process as usual."""
    wished = False

    def wish(number: int, frame: FrameType | None) -> None:
        nonlocal wished
        if wished:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        wished = True

    before = {number: signal.signal(number, wish) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: wished
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _library_noise_in(log: Path) -> Iterator[None]:
    """Keep what TensorFlow writes below Python, to the file descriptor, out of the bars and sentences."""
    sys.stderr.flush()
    terminal, python = os.dup(2), sys.stderr
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        with os.fdopen(os.dup(terminal), "w", buffering=1) as shown:
            sys.stderr = shown
            yield
    finally:
        sys.stderr = python
        os.dup2(terminal, 2)
        os.close(terminal)


def _complain(why: str, code: int) -> int:
    sys.stderr.write(" ".join(why.split()) + "\n")
    return code
