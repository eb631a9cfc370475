"""One training run, from a CSV of labelled posters to the files that a site uses."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.weights import WeightsFile
from ml.files import file_sha256, write_json
from ml.grouping import group_numbers

from .bundle import BundleData, write_bundle
from .errors import TrainingError
from .exported_weights import EXPORTED, load_exported
from .further import FURTHER_PARTS
from .initial_weights import (
    KEPT,
    MOBILENET,
    InitialNetwork,
    features_to_keep,
    first_feature_head,
    first_head,
    first_projection,
    imagenet_weights,
    initial_network,
)
from .learner import Learner
from .loop import CHECKPOINT, Callbacks, train
from .network import DIMS, build_network, pooled_depths
from .plan import TrainingPlan
from .posters import LEFT_OUT_ROWS, Listing, Posters, Sources, read_posters
from .splits import FACTS, HELD_OUT, TRAIN
from .teacher import TEACHER, cached_teacher_scores, evidence_scores, teacher_scores
from .trained_network import (
    TRAINED,
    Head,
    apply_pooled_features,
    apply_transform,
    final_transform,
    load_networks,
    save_network,
)
from .training_data import BatchSampler, TrainingData, decode
from .validation import validation_set

BUNDLE, REQUEST = "shipped", "training.json"

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train.

    listing: the CSV. images: the folder of its files. more: the same of further posters, for training only.
    texts: a CSV of overviews. work: the folder for everything the run writes.
    weights: an ImageNet file or a folder with one, None for Keras' own. from_scratch: use random weights
    instead. start_from: saved networks (trained.npz) whose mean is the start instead, or an exported one
    (.tflite). trained: the same, bundled without training. limit: number of posters of each CSV, drawn
    with the plan's seed. resume: continue the run in `work`.
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
    more: tuple[Path, Path] | None = None
    texts: Path | None = None


def train_extractor(request: TrainingRequest, callbacks: Callbacks) -> dict[str, Any]:
    """Train, and write postersite.tflite, genres.npz, genres.json and card.json into `work`/shipped.

    Returns the card. `work` also gets parts.csv, test.csv, history.json, decoded posters and the checkpoint
    from which a stopped run resumes. Raises TrainingError, LabelledSetError and SourceError for unusable
    input, TrainingInterrupted when asked to stop.
    """
    _prepare(request)
    with _lock(request.work):
        plan = request.plan
        # Before an hour of decoding, not after it.
        weights = _Weights.of(request)
        posters = _read(request, callbacks)
        learned = _learned_genres(posters, plan)
        # Test posters are not even decoded: from here on, rows count the other posters only.
        not_test = posters.split.not_test
        with callbacks.bar("Decoding posters", len(not_test)) as show:
            pixels = decode([posters.posters[row] for row in not_test], request.work, show)
        data, train_rows, measured = _training_data(posters, learned, pixels, request)

        def teach(features: Floats) -> Floats:
            callbacks.log("Training the teacher ...")
            if request.texts is None:
                return teacher_scores(features, data.labels[train_rows], data.groups[train_rows])
            films = posters.evidence(not_test[train_rows], features)
            return evidence_scores(films, learned, callbacks.should_stop)

        facts = _facts(request, posters, learned)
        network = build_network(plan.backbone)
        if request.trained:
            head = _load_trained(request.trained, network)
            facts["trained"] = _digests(request.trained)
        else:
            head, history = _train_network(network, data, train_rows, teach, weights, request, callbacks)
            start = _digests(request.start_from) if request.start_from else _weights_facts(weights.start)
            facts |= {"start": start, "plan": asdict(plan), "history": history}
            if weights.kept:
                facts["kept"] = _weights_facts(weights.kept)
        if not head.transformed or plan.pooled_share:
            callbacks.log("Computing the final projection ...")
            pooled = pooled_depths(network, pixels, train_rows)
            if not head.transformed:
                kernel, bias = network.get_layer("projection").get_weights()
                vectors = pooled @ kernel[0, 0] + bias
                apply_transform(network, final_transform(vectors, head.kernel, plan.genre_pull))
            if plan.pooled_share:
                apply_pooled_features(network, pooled, plan.pooled_share, plan.whitening)
        genres = tuple(posters.genres[column] for column in learned)
        fit_only = np.concatenate([train_rows, np.searchsorted(not_test, posters.split.held_out)])
        bundle = BundleData(pixels, data.labels, data.groups, genres, fit_only, measured, facts)
        return write_bundle(network, bundle, request.work / BUNDLE, callbacks)


@dataclass(frozen=True)
class _Weights:
    """ImageNet weights: `start`: of the backbone; None if the run starts from others. `kept`: those whose
    features training keeps, of MobileNetV2."""

    start: WeightsFile | None
    kept: WeightsFile | None

    @classmethod
    def of(cls, request: TrainingRequest) -> _Weights:
        plan = request.plan
        if request.trained:
            return cls(None, None)
        needed = not request.from_scratch and (not request.start_from or plan.distil > 0)
        start = imagenet_weights(request.weights, plan.backbone) if needed else None
        return cls(start, imagenet_weights(request.weights, MOBILENET) if plan.keep else None)


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
    teach: Callable[[Floats], Floats],
    weights: _Weights,
    request: TrainingRequest,
    callbacks: Callbacks,
) -> tuple[Head, list[dict[str, Any]]]:
    """Train and fill `network`; its genre head, and the history. Also writes trained.npz.

    teach: turns features (m, d) of the training posters into scores (m, genres).
    """
    plan = request.plan

    @cache
    def initial() -> InitialNetwork:
        callbacks.log("Computing features with the initial weights ...")
        return initial_network(plan.backbone, data.images, rows, weights.start, plan.seed)

    def initialise(learner: Learner) -> None:
        if request.start_from:
            _start_from(learner, request.start_from, data, rows)
        else:
            start = initial()
            learner.network.set_weights(start.weights)
            projection = first_projection(start.features, DIMS)
            learner.network.get_layer("projection").set_weights([projection[None, None], np.zeros(DIMS)])
            learner.head.set_weights(list(first_head(start.features @ projection, data.labels[rows])))
        if learner.features is not None and data.features is not None:
            vectors = learner.vectors(data.images, rows)
            learner.features.set_weights(list(first_feature_head(vectors, data.features[rows])))

    if plan.distil:
        scores = cached_teacher_scores(
            request.work / TEACHER, data.key, data.labels.shape, rows, lambda: teach(initial().features)
        )
        data = replace(data, teacher_scores=scores)
    if weights.kept is not None:
        callbacks.log("Computing the features to keep ...")
        features = features_to_keep(
            data.images, rows, weights.kept, request.work / f"{KEPT}-{data.key[:16]}.npz"
        )
        data = replace(data, features=features)
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
        if started and not request.trained and (work / FURTHER_PARTS).exists() != bool(request.more):
            began = "without" if request.more else "with"
            raise TrainingError(f"The run in {work} was started {began} --more: continue it in the same way.")
        if request.from_scratch and request.plan.backbone != MOBILENET:
            raise TrainingError(f"Random weights can be drawn for the backbone {MOBILENET} only.")
        if request.plan.held_out and not request.more:
            raise TrainingError("held_out is the number of further posters to hold out: give some by --more.")
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


def _read(request: TrainingRequest, callbacks: Callbacks) -> Posters:
    plan = request.plan
    sources = Sources(request.listing, request.images, request.more, request.texts, request.limit, plan.seed)
    posters = read_posters(sources, request.work, plan.held_out, callbacks.bar)
    if left_out := posters.left_out:
        callbacks.log(
            f"{len(left_out)} rows are left out, the first because {left_out[0]['reason']}. See "
            f"{request.work / LEFT_OUT_ROWS}."
        )
    split = posters.split
    held_out = f", {len(split.held_out)} held out" if len(split.held_out) else ""
    callbacks.log(
        f"{len(posters.posters)} posters: {len(split.train)} for training, {len(split.validation)} for "
        f"validation, {len(split.test)} for testing (test.csv){held_out}."
    )
    return posters


def _learned_genres(posters: Posters, plan: TrainingPlan) -> list[int]:
    counts = posters.labels[posters.split.train].sum(axis=0, dtype=np.int64)
    learned = np.flatnonzero(counts >= plan.min_positives).tolist()
    if not learned:
        raise TrainingError(
            f"No genre has {plan.min_positives} posters in the training part: use a larger CSV, or lower "
            "min_positives."
        )
    return learned


def _training_data(
    posters: Posters, learned: list[int], pixels: npt.NDArray[np.uint8], request: TrainingRequest
) -> tuple[TrainingData, Indexes, Indexes]:
    """The data over decoded posters, its training rows, and the rows to measure on."""
    plan = request.plan
    not_test, split = posters.split.not_test, posters.split
    train_rows, measured = (np.searchsorted(not_test, part) for part in (split.train, split.validation))
    if plan.rows == "all":
        train_rows, measured = np.sort(np.concatenate([train_rows, measured])), measured[:0]
    some = [posters.posters[row] for row in not_test]
    labels, franchise = posters.labels[not_test], posters.groups.franchise[not_test]
    validated_on = None
    if len(measured):
        movie = group_numbers([poster.movie for poster in some])
        hashes = posters.hashes[not_test]
        validated_on = validation_set(measured, labels, learned, hashes, movie, franchise)
    groups = np.unique(posters.groups.groups[not_test], return_inverse=True)[1].reshape(-1).astype(np.int64)
    key = hashlib.sha256(plan.digest.encode())
    key.update("\n".join(poster.file for poster in some).encode())
    for array in (labels, groups, franchise, train_rows):
        key.update(np.ascontiguousarray(array).tobytes())
    if request.texts is not None:
        texts = [
            (poster.title, poster.year, posters.overviews[row], posters.keywords[row])
            for row, poster in zip(not_test.tolist(), some, strict=True)
        ]
        key.update(json.dumps(texts).encode())
    sampler = BatchSampler(plan, train_rows, franchise)
    data = TrainingData(pixels, labels[:, learned], groups, sampler, validated_on, key.hexdigest())
    return data, train_rows, measured


def _facts(request: TrainingRequest, posters: Posters, learned: list[int]) -> dict[str, Any]:
    first, split = len(posters.listing.posters), posters.split
    facts: dict[str, Any] = {
        "posters": {
            **_listing_facts(posters, posters.listing, slice(first)),
            "not_taught": [name for i, name in enumerate(posters.genres) if i not in set(learned)],
            "franchise_posters": int((posters.groups.franchise >= 0).sum()),
        },
        "parts": json.loads((request.work / FACTS).read_bytes()),
        "machine": {"system": platform.platform(), "processor": platform.machine()},
    }
    if posters.more:
        facts["further_posters"] = {
            **_listing_facts(posters, posters.more, slice(first, None)),
            "counts": {TRAIN: int((split.train >= first).sum()), HELD_OUT: len(split.held_out)},
        }
    if request.texts:
        known = sum(map(bool, posters.overviews))
        facts["texts"] = {"csv_sha256": file_sha256(request.texts), "overviews": known}
    return facts


def _listing_facts(posters: Posters, listing: Listing, rows: slice) -> dict[str, Any]:
    """What became of a CSV, whose posters have these rows."""
    counts = posters.labels[rows].sum(axis=0, dtype=np.int64).tolist()
    return {
        "csv_sha256": listing.content.sha256,
        "rows": listing.content.rows,
        "used": len(posters.labels[rows]),
        "left_out": len(listing.left_out),
        "genres": dict(zip(posters.genres, counts, strict=True)),
    }


def _digests(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"file": path.name, "sha256": file_sha256(path)} for path in paths]


def _weights_facts(weights: WeightsFile | None) -> Any:
    return "random weights" if weights is None else {"file": weights.path.name, "sha256": weights.digest}
