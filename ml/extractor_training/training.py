"""One training run, from a CSV of labelled posters to the files that a site uses."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.weights import WeightsFile
from ml.files import file_sha256, write_json
from ml.genres.training_set import TrainingDataError
from ml.grouping import group_numbers
from ml.labelled_set.listing import LabelledPoster, LabelledSet, label_table, read_labelled_set, sample
from ml.labelled_set.pictures import read_pictures

from .bundle import BundleData, write_bundle
from .combination import combine
from .errors import TrainingError
from .exported_weights import EXPORTED, load_exported
from .initial_weights import (
    TEACHER,
    InitialNetwork,
    cached_teacher_scores,
    first_head,
    first_projection,
    imagenet_weights,
    initial_network,
)
from .learner import Learner
from .loop import CHECKPOINT, Callbacks, train
from .network import DIMS, build_network, run_network
from .plan import TrainingPlan
from .splits import FACTS, PosterGroups, Split, group_posters, stored_split
from .trained_network import TRAINED, Head, apply_transform, final_transform, load_networks, save_network
from .training_data import BatchSampler, TrainingData, decode
from .validation import validation_set

MIN_POSTERS = 30
BUNDLE, REQUEST, LEFT_OUT = "shipped", "training.json", "left-out.json"

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train.

    listing: the CSV. images: the folder of its files. work: the folder for everything the run writes.
    weights: an ImageNet file or a folder with one, None for Keras' own. from_scratch: use random weights
    instead. start_from: saved networks (trained.npz) whose mean is the start instead, or an exported one
    (.tflite). trained: the same, bundled without training. limit: number of posters, drawn with the plan's
    seed. resume: continue the run in `work`.
    """

    listing: Path
    images: Path
    work: Path
    weights: Path | None
    plan: TrainingPlan
    from_scratch: bool = False
    trained: tuple[Path, ...] = ()
    start_from: tuple[Path, ...] = ()
    limit: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class _Posters:
    """The usable posters. labels (n, genres) uint8 of all genres; hashes (n,) uint64; left_out: unusable rows
    of the CSV, with reasons."""

    listing: LabelledSet
    posters: tuple[LabelledPoster, ...]
    left_out: list[dict[str, Any]]
    genres: tuple[str, ...]
    labels: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    groups: PosterGroups
    split: Split


def train_extractor(request: TrainingRequest, callbacks: Callbacks) -> dict[str, Any]:
    """Train, and write postersite.tflite, genres.npz, genres.json and card.json into `work`/shipped.

    Returns the card. `work` also gets parts.csv, test.csv, history.json, decoded posters and the checkpoint
    from which a stopped run resumes. Raises TrainingError and LabelledSetError for unusable input,
    TrainingInterrupted when asked to stop.
    """
    _prepare(request)
    with _lock(request.work):
        plan = request.plan
        # Before an hour of decoding, not after it.
        unused = request.from_scratch or (request.trained and not plan.imagenet_share)
        weights = None if unused else imagenet_weights(request.weights)
        posters = _read(request, callbacks)
        learned = _learned_genres(posters, plan)
        # Test posters are not even decoded: from here on, rows count the other posters only.
        not_test = posters.split.not_test
        with callbacks.bar("Decoding posters", len(not_test)) as show:
            pixels = decode([posters.posters[row] for row in not_test], request.work, show)
        data, train_rows, held_out = _training_data(posters, learned, pixels, plan)
        facts = _facts(request, posters, learned)
        network = build_network()
        if request.trained:
            head = _load_trained(request.trained, network)
            facts["trained"] = _digests(request.trained)
        else:
            head, history = _train_network(network, data, train_rows, weights, request, callbacks)
            start = _digests(request.start_from) if request.start_from else _weights_facts(weights)
            facts |= {"start": start, "plan": asdict(plan), "history": history}
        if not head.transformed:
            callbacks.log("Applying the final transform ...")
            vectors = run_network(network, pixels, train_rows, "vector")
            apply_transform(network, final_transform(vectors, head.kernel, plan.genre_pull))
        if weights is not None and plan.imagenet_share:
            callbacks.log("Adding ImageNet's features ...")
            network = combine(network, weights, pixels, train_rows, plan.imagenet_share, plan.whitening)
            facts["imagenet"] = _weights_facts(weights)
        genres = tuple(posters.genres[column] for column in learned)
        bundle = BundleData(pixels, data.labels, data.groups, genres, train_rows, held_out, facts)
        return write_bundle(network, bundle, request.work / BUNDLE, callbacks)


def stored_plan(work: Path) -> TrainingPlan | None:
    """The plan of the run in `work`; None if there is none. Raises TrainingError if it can't be read."""
    try:
        return TrainingPlan(**json.loads((work / REQUEST).read_bytes())["plan"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{work / REQUEST} can't be read ({error}): name another folder with -o."
        ) from error


def _train_network(
    network: Any,
    data: TrainingData,
    rows: Indexes,
    weights: WeightsFile | None,
    request: TrainingRequest,
    callbacks: Callbacks,
) -> tuple[Head, list[dict[str, Any]]]:
    """Train and fill `network`; its genre head, and the history. Also writes trained.npz."""
    plan = request.plan

    @cache
    def initial() -> InitialNetwork:
        callbacks.log("Computing features with the initial weights ...")
        return initial_network(data.images, rows, weights, plan.seed)

    def initialise(learner: Learner) -> None:
        if request.start_from:
            _start_from(learner, request.start_from, data, rows)
            return
        start = initial()
        learner.network.set_weights(start.weights)
        projection = first_projection(start.features, DIMS)
        learner.network.get_layer("projection").set_weights([projection[None, None], np.zeros(DIMS)])
        learner.head.set_weights(list(first_head(start.features @ projection, data.labels[rows])))

    if plan.distil:
        scores = cached_teacher_scores(
            request.work / TEACHER, data.key, lambda: initial().features, data.labels, data.groups, rows
        )
        data = replace(data, teacher_scores=scores)
    learner, history = train(data, plan, request.work, initialise, callbacks)
    with learner.averaged():
        network.set_weights(learner.network.get_weights())
        kernel, bias = learner.head.get_weights()
    head = Head(kernel, bias, transformed=False)
    save_network(request.work / TRAINED, network, head)
    return head, history


def _load_trained(paths: Sequence[Path], network: Any) -> Head:
    if paths[0].suffix != EXPORTED:
        return load_networks(paths, network)
    load_exported(paths[0], network)
    nothing = np.zeros((DIMS, 0), dtype=np.float32)
    return Head(nothing, nothing[0], transformed=True)


def _start_from(learner: Learner, paths: Sequence[Path], data: TrainingData, rows: Indexes) -> None:
    if paths[0].suffix == EXPORTED:
        load_exported(paths[0], learner.network)
        learner.head.set_weights(list(first_head(learner.vectors(data.images, rows), data.labels[rows])))
        return
    head = load_networks(paths, learner.network)
    if head.transformed or head.kernel.shape[1] != data.labels.shape[1]:
        raise TrainingError(
            "Training can only start from networks before the final transform (trained.npz), with the same "
            "number of genres."
        )
    learner.head.set_weights([head.kernel, head.bias])


def _prepare(request: TrainingRequest) -> None:
    work = request.work
    for paths in (request.trained, request.start_from):
        if len(paths) > 1 and any(path.suffix == EXPORTED for path in paths):
            raise TrainingError("Exported networks (.tflite) can't be averaged: name one.")
    try:
        work.mkdir(parents=True, exist_ok=True)
        started = (work / CHECKPOINT).exists()
        if started and not (request.resume or request.trained):
            raise TrainingError(
                f"{work} contains a training already: continue it with --resume, or name another one with -o."
            )
        if not request.trained:
            write_json(work / REQUEST, {"plan": asdict(request.plan), "limit": request.limit})
    except OSError as error:
        raise TrainingError(f"The folder {work} can't be written: {error.strerror or error}.") from error


@contextmanager
def _lock(work: Path) -> Iterator[None]:
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(f"Another training is running in {work}.") from error
        yield


def _read(request: TrainingRequest, callbacks: Callbacks) -> _Posters:
    listing = read_labelled_set(request.listing, request.images)
    drawn = sample(listing.posters, request.limit, request.plan.seed)
    with callbacks.bar("Reading posters", len(drawn)) as show:
        pictures = read_pictures(drawn, request.work, show)
    left_out = [asdict(note) for note in listing.left_out]
    left_out += [
        {"line": drawn[row].line, "file": drawn[row].file, "reason": reason}
        for row, reason in sorted(pictures.unreadable.items())
    ]
    write_json(request.work / LEFT_OUT, left_out)
    if left_out:
        callbacks.log(
            f"{len(left_out)} rows are left out, the first because {left_out[0]['reason']}. See "
            f"{request.work / LEFT_OUT}."
        )
    usable = [row for row in range(len(drawn)) if row not in pictures.unreadable]
    if len(usable) < MIN_POSTERS:
        raise TrainingError(
            f"Only {len(usable)} labelled posters are usable. Training needs at least {MIN_POSTERS}, and "
            "thousands for good results: use a larger CSV."
        )
    posters = tuple(drawn[row] for row in usable)
    hashes = pictures.subset(usable).hashes
    genres, labels = label_table(posters)
    groups = group_posters(posters, hashes)
    try:
        split = stored_split(request.work, posters, groups.groups, labels)
    except TrainingDataError as error:
        raise TrainingError(str(error)) from error
    callbacks.log(
        f"{len(posters)} posters: {len(split.train)} for training, {len(split.validation)} for validation, "
        f"{len(split.test)} for testing (test.csv)."
    )
    return _Posters(listing, posters, left_out, genres, labels, hashes, groups, split)


def _learned_genres(posters: _Posters, plan: TrainingPlan) -> list[int]:
    counts = posters.labels[posters.split.train].sum(axis=0, dtype=np.int64)
    learned = np.flatnonzero(counts >= plan.min_positives).tolist()
    if not learned:
        raise TrainingError(
            f"No genre has {plan.min_positives} posters in the training part: use a larger CSV, or lower "
            "min_positives."
        )
    return learned


def _training_data(
    posters: _Posters, learned: list[int], pixels: npt.NDArray[np.uint8], plan: TrainingPlan
) -> tuple[TrainingData, Indexes, Indexes]:
    """The data over decoded posters, its training rows and its held-out rows."""
    not_test, split = posters.split.not_test, posters.split
    train_rows, validation = (np.searchsorted(not_test, part) for part in (split.train, split.validation))
    held_out = validation
    if plan.rows == "all":
        train_rows, held_out = np.arange(len(not_test)), not_test[:0]
    some = [posters.posters[row] for row in not_test]
    labels, franchise = posters.labels[not_test], posters.groups.franchise[not_test]
    validated_on = None
    if len(held_out):
        movie = group_numbers([poster.movie for poster in some])
        hashes = posters.hashes[not_test]
        validated_on = validation_set(held_out, labels, learned, hashes, movie, franchise)
    groups = np.unique(posters.groups.groups[not_test], return_inverse=True)[1].reshape(-1).astype(np.int64)
    key = hashlib.sha256(plan.digest.encode())
    key.update("\n".join(poster.file for poster in some).encode())
    for array in (labels, groups, franchise, train_rows):
        key.update(np.ascontiguousarray(array).tobytes())
    sampler = BatchSampler(plan, train_rows, franchise)
    data = TrainingData(pixels, labels[:, learned], groups, sampler, validated_on, key.hexdigest())
    return data, train_rows, held_out


def _facts(request: TrainingRequest, posters: _Posters, learned: list[int]) -> dict[str, Any]:
    counts = posters.labels.sum(axis=0, dtype=np.int64).tolist()
    return {
        "posters": {
            "csv_sha256": posters.listing.sha256,
            "rows": posters.listing.rows,
            "used": len(posters.posters),
            "left_out": len(posters.left_out),
            "genres": dict(zip(posters.genres, counts, strict=True)),
            "not_taught": [name for i, name in enumerate(posters.genres) if i not in set(learned)],
            "franchise_posters": int((posters.groups.franchise >= 0).sum()),
        },
        "parts": json.loads((request.work / FACTS).read_bytes()),
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }


def _digests(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"file": path.name, "sha256": file_sha256(path)} for path in paths]


def _weights_facts(weights: WeightsFile | None) -> Any:
    return "random weights" if weights is None else {"file": weights.path.name, "sha256": weights.digest}
