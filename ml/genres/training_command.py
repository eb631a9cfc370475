"""The command behind `python -m ml.genres.training`: one training in a process of its own.

Exit codes: 0 done, 1 training failed, 2 bad input, 143 stopped by SIGTERM. Errors are one line on stderr.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from ml.files import write_json
from ml.genres.fitting import Epoch, TrainingDiverged, TrainingStopped
from ml.genres.head import GenreHead, ModelFileError, load_head
from ml.genres.recipes import AnyConfig, TrainingConfigError, read_config
from ml.genres.training_set import TrainingDataError, TrainingSet, read_training_set

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 143

HEAD, HISTORY, METRICS, CURVES = "head.npz", "history.json", "metrics.json", "curves.png"
HELD_OUT = "held_out.npz"
PROGRESS, LOG = "progress.jsonl", "training.log"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as told by the command line and write head.npz, head.json, history.json, metrics.json,
    held_out.npz (see `held_out.HeldOut`) and, for a recipe with epochs, curves.png.

    `progress.jsonl` gets one line an epoch, at once. SIGTERM ends training after the current batch; then only
    the history so far is written.
    The libraries' own messages go to training.log. A `--start` that can't be used is done without: it would
    only save time. Results of an earlier training in the folder are removed first, so what lies there after a
    failure is never taken for the new model. Returns the exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m ml.genres.training", description="Train a genre head.")
    parser.add_argument(
        "--data", type=Path, required=True, help=".npz with features, labels, groups and genres"
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON object of training settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for the head and its figures")
    parser.add_argument("--start", type=Path, help="an earlier head (.npz) to begin with, where it fits")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        data = read_training_set(options.data)
        _prepare(options.out)
    except (TrainingConfigError, TrainingDataError) as error:
        return _complain(str(error), BAD_INPUT)
    except OSError as error:
        return _complain(f"The folder {options.out} can't be written: {error.strerror}.", BAD_INPUT)
    try:
        with _library_noise_in(options.out / LOG):
            _train(data, config, options.out, _head(options.start))
    except TrainingDataError as error:
        return _complain(f"{options.data} can't be used: {error}", BAD_INPUT)
    except TrainingStopped as error:
        write_json(options.out / HISTORY, error.history)
        return _complain(str(error), STOPPED)
    except TrainingDiverged as error:
        return _complain(str(error), FAILED)
    except OSError as error:
        return _complain(f"The results can't be written to {options.out}: {error.strerror}.", FAILED)
    except MemoryError:
        return _complain(
            "Memory ran out while training: use fewer posters or a smaller hidden layer.", FAILED
        )
    return DONE


def _prepare(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in (HEAD, Path(HEAD).with_suffix(".json").name, HISTORY, METRICS, HELD_OUT, CURVES):
        (out / name).unlink(missing_ok=True)
    (out / PROGRESS).write_text("")


def _head(path: Path | None) -> GenreHead | None:
    try:
        return None if path is None else load_head(path)
    except ModelFileError:
        return None


def _train(data: TrainingSet, config: AnyConfig, out: Path, start: GenreHead | None) -> None:
    from ml.genres.training import train_on

    stopped = False

    def stop(signal_number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with (out / PROGRESS).open("a", encoding="utf-8") as progress:

            def tell(epoch: Epoch) -> None:
                progress.write(json.dumps(asdict(epoch)) + "\n")
                progress.flush()

            trained = train_on(data, config, tell, lambda: stopped, start)
    finally:
        signal.signal(signal.SIGTERM, before)
    sha256 = trained.head.save(out / HEAD)
    write_json(out / HISTORY, trained.history)
    trained.held_out.save(out / HELD_OUT)
    if trained.history:
        # matplotlib is wanted for the picture alone
        from ml.genres.curves import learning_curves

        learning_curves(trained.history, out / CURVES)
    write_json(out / METRICS, trained.metrics | {"weights_sha256": sha256})


@contextmanager
def _library_noise_in(log: Path) -> Iterator[None]:
    """Keep what TensorFlow writes to stderr in a file, so that the one line for a person stands alone.

    It writes below Python, to the file descriptor, and before its own log level can be set.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(" ".join(sentence.split()) + "\n")
    return code
