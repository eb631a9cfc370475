"""Train the extractor on labelled posters: `python -m ml.extractor_training.training`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.labelled_set import LabelledPoster, LabelledSet, label_table, read_labelled_set, sample
from ml.evaluation.pictures import look_at
from ml.extractors.weights import WeightsFile
from ml.files import file_sha256, write_json
from ml.genres.training_set import TrainingDataError
from ml.grouping import numbered

from . import checkpoint
from . import validation as measuring
from .arrays import load_arrays
from .batches import Order
from .bundling import Cargo, ship
from .errors import TrainingError
from .final_transform import finish, touch
from .initial_weights import imagenet_weights
from .learner import run
from .learning import learned_network
from .loop import Lesson, Watch
from .network import build_network
from .pixels import decode
from .plan import TrainingPlan
from .splits import FACTS, Families, Parts, families, kept_parts

LEAST_POSTERS = 30
SHIPPED, REQUEST, LEFT_OUT = "shipped", "training.json", "left-out.json"


@dataclass(frozen=True)
class Request:
    """What to train on. listing: the CSV; images: its folder; work: where everything is kept; weights: an
    ImageNet file or a folder with one, None for Keras' own; scratch: begin with random weights instead;
    trained: arrays of trained networks, whose mean is shipped without a training; earlier: such arrays that a
    training begins with. limit: posters to use,
    drawn by the plan's seed; resume: go on with what `work` holds."""

    listing: Path
    images: Path
    work: Path
    weights: Path | None
    plan: TrainingPlan
    scratch: bool = False
    trained: tuple[Path, ...] = ()
    earlier: tuple[Path, ...] = ()
    limit: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class _Material:
    """Everything read from disk, before the network is made. posters: the usable ones; labels (n, genres)
    uint8 of all genres; hashes (n,) uint64; left_out: rows of the CSV that are not used, and why."""

    listing: LabelledSet
    posters: tuple[LabelledPoster, ...]
    left_out: list[dict[str, Any]]
    genres: tuple[str, ...]
    labels: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    families: Families
    parts: Parts


def train_extractor(request: Request, watch: Watch) -> dict[str, Any]:
    """Train, and write postersite.tflite, genres.npz, genres.json and card.json into `work`/shipped.

    Gives the card. `work` also holds parts.csv, test.csv, history.json, decoded posters and the checkpoint,
    by which a training that was killed goes on. Raises TrainingError and EvaluationError with a sentence on what
    is wrong with what was asked, TrainingInterrupted when asked to stop.
    """
    _prepare(request)
    with _alone(request.work):
        plan = request.plan
        # Before an hour of decoding, not after it.
        first = None if request.scratch or request.trained else imagenet_weights(request.weights)
        material = _read(request, watch)
        taught = _taught(material, plan)
        rest = material.parts.rest
        # Test posters are not even decoded: rows of all that follows count the rest only.
        with watch.bar("Decoding posters", len(rest)) as show:
            pixels = decode([material.posters[row] for row in rest], request.work, show)
        lesson, learned, held = _lesson(material, taught, pixels, plan)
        facts = _facts(request, material, taught)
        network = build_network()
        if request.trained:
            head = load_arrays(request.trained, network)
            facts["trained"] = _files(request.trained)
        else:
            head, history = learned_network(
                network, lesson, learned, first, request.work, watch, request.earlier
            )
            start = _files(request.earlier) if request.earlier else _named(first)
            facts |= {"start": start, "plan": asdict(plan), "history": history}
        if head.untouched:
            watch.say("Giving the vectors their last touch ...")
            finish(network, touch(run(network, pixels, learned, "vector"), head.kernel, plan.genre_pull))
        genres = tuple(material.genres[column] for column in taught)
        cargo = Cargo(pixels, lesson.labels, lesson.groups, genres, learned, held, facts)
        return ship(network, cargo, request.work / SHIPPED, watch)


def stored_plan(work: Path) -> TrainingPlan | None:
    """The plan that the training in `work` was begun with; None if there is none. Raises TrainingError."""
    try:
        return TrainingPlan(**json.loads((work / REQUEST).read_bytes())["plan"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{work / REQUEST} can't be read ({error}): name another folder with -o."
        ) from error


def _prepare(request: Request) -> None:
    work = request.work
    try:
        work.mkdir(parents=True, exist_ok=True)
        begun = (work / checkpoint.CHECKPOINT).exists()
        if begun and not (request.resume or request.trained):
            raise TrainingError(
                f"{work} holds a training already: go on with it by --resume, or name another folder with -o."
            )
        if not request.trained:
            write_json(work / REQUEST, {"plan": asdict(request.plan), "limit": request.limit})
    except OSError as error:
        raise TrainingError(f"The folder {work} can't be written: {error.strerror or error}.") from error


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(f"Another training is running in {work}.") from error
        yield


def _read(request: Request, watch: Watch) -> _Material:
    listing = read_labelled_set(request.listing, request.images)
    drawn = sample(listing.posters, request.limit, request.plan.seed)
    with watch.bar("Looking at posters", len(drawn)) as show:
        pictures = look_at(drawn, request.work, show)
    left_out = [asdict(note) for note in listing.left_out]
    left_out += [
        {"line": drawn[row].line, "file": drawn[row].file, "reason": why}
        for row, why in sorted(pictures.unreadable.items())
    ]
    write_json(request.work / LEFT_OUT, left_out)
    if left_out:
        watch.say(
            f"{len(left_out)} rows are left out, the first for: {left_out[0]['reason']}. All are told in "
            f"{request.work / LEFT_OUT}."
        )
    kept = [row for row in range(len(drawn)) if row not in pictures.unreadable]
    if len(kept) < LEAST_POSTERS:
        raise TrainingError(
            f"Only {len(kept)} labelled posters are usable, and a training needs {LEAST_POSTERS} at the very "
            "least (thousands, to be of any use): give it a larger CSV."
        )
    posters = tuple(drawn[row] for row in kept)
    hashes = pictures.some(kept).hashes
    genres, labels = label_table(posters)
    kin = families(posters, hashes)
    try:
        parts = kept_parts(request.work, posters, kin.groups, labels)
    except TrainingDataError as error:
        raise TrainingError(str(error)) from error
    watch.say(
        f"{len(posters)} posters: {len(parts.train)} to train on, {len(parts.validation)} to validate, "
        f"{len(parts.test)} never touched (listed in test.csv)."
    )
    return _Material(listing, posters, left_out, genres, labels, hashes, kin, parts)


def _taught(material: _Material, plan: TrainingPlan) -> list[int]:
    counts = material.labels[material.parts.train].sum(axis=0, dtype=np.int64)
    taught = np.flatnonzero(counts >= plan.min_positives).tolist()
    if not taught:
        raise TrainingError(
            f"No genre has {plan.min_positives} posters in the training part: give it a larger CSV, or lower "
            "min_positives."
        )
    return taught


def _lesson(
    material: _Material, taught: list[int], pixels: npt.NDArray[np.uint8], plan: TrainingPlan
) -> tuple[Lesson, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The lesson over decoded posters, and which of them are learned from and which are held out."""
    rest, parts = material.parts.rest, material.parts
    train, validation = np.searchsorted(rest, parts.train), np.searchsorted(rest, parts.validation)
    learned, held = (np.arange(len(rest)), rest[:0]) if plan.rows == "all" else (train, validation)
    posters = [material.posters[row] for row in rest]
    labels, kin = material.labels[rest], material.families
    franchise = kin.franchise[rest]
    asked = None
    if len(held):
        movie = numbered([poster.movie for poster in posters])
        asked = measuring.asked(held, labels, taught, material.hashes[rest], movie, franchise)
    groups = np.unique(kin.groups[rest], return_inverse=True)[1].reshape(-1).astype(np.int64)
    key = hashlib.sha256(plan.digest.encode())
    key.update("\n".join(poster.file for poster in posters).encode())
    for array in (labels, groups, franchise, learned):
        key.update(np.ascontiguousarray(array).tobytes())
    order = Order(plan, learned, franchise)
    lesson = Lesson(pixels, labels[:, taught], groups, order, asked, key.hexdigest())
    return lesson, learned, held


def _facts(
    request: Request,
    material: _Material,
    taught: list[int],
) -> dict[str, Any]:
    counts = material.labels.sum(axis=0, dtype=np.int64).tolist()
    return {
        "posters": {
            "csv_sha256": material.listing.sha256,
            "rows": material.listing.rows,
            "used": len(material.posters),
            "left_out": len(material.left_out),
            "genres": dict(zip(material.genres, counts, strict=True)),
            "not_taught": [name for i, name in enumerate(material.genres) if i not in set(taught)],
            "franchise_posters": int((material.families.franchise >= 0).sum()),
        },
        "parts": json.loads((request.work / FACTS).read_bytes()),
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }


def _files(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"file": path.name, "sha256": file_sha256(path)} for path in paths]


def _named(first: WeightsFile | None) -> Any:
    return "random weights" if first is None else {"file": first.path.name, "sha256": first.digest}


if __name__ == "__main__":
    import sys

    from .command import main

    sys.exit(main())
