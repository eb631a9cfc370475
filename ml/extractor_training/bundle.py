"""Write the files that a site uses, from a trained network: extractor, genre model, and a card of facts."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.litert import LiteRTModel
from ml.extractors.runtime import Extractor, load_extractor
from ml.files import write_bytes, write_json
from ml.genres.head import GenreHead
from ml.genres.head_file import manifest_path, save_head
from ml.genres.logistic_training import train_logistic
from ml.genres.recipes import LOGISTIC, LogisticConfig
from ml.genres.training_set import training_set
from ml.versions import versions

from .errors import TrainingError
from .loop import Callbacks

EXTRACTOR, GENRES, CARD = "postersite.tflite", "genres.npz", "card.json"
MIN_COSINE = 0.99
"""The least cosine between a vector of the exported file and one of the network: rounded weights turn vectors
a little, a faulty export turns them by any angle."""
OPTIMISTIC = (
    "posters that the extractor learned from: scores, thresholds and figures are too good, because it was "
    "trained on all rows and left none to judge by"
)
_BATCH = 16
_TEST_IMAGES = 8

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BundleData:
    """The posters that a bundle is made with.

    images (n, 288, 192, 3) uint8; labels (n, genres) uint8; groups (n,) int64; genres: names of the labels.
    measured (m,) int64: rows for calibration, thresholds and figures, unseen by the network. fit_only: rows
    that only help to fit the genre model, because the network learned from them, or because their genres have
    other frequencies. None are of the test part. facts: further facts for the card.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    groups: Indexes
    genres: tuple[str, ...]
    fit_only: Indexes
    measured: Indexes
    facts: dict[str, Any]


@dataclass(frozen=True)
class LabelledVectors:
    """Vectors (n, d) float32 as a site stores them, labels (n, genres) uint8 and groups (n,) of n posters."""

    vectors: Floats
    labels: npt.NDArray[np.uint8]
    groups: Indexes


def write_bundle(network: Any, data: BundleData, out: Path, callbacks: Callbacks) -> dict[str, Any]:
    """Write postersite.tflite, genres.npz with genres.json, and card.json into `out`; return the card.

    network: from `build_network`, with the final transform. Each file is written completely or not at all;
    the card, which quotes the digests of the others, comes last. Raises TrainingError if the exported file
    disagrees with the network or the folder can't be written, TrainingDataError if there are too few posters.
    """
    callbacks.log("Exporting ...")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / CARD).unlink(missing_ok=True)
        content = to_litert(network)
        agreement = compare_with_network(content, network, _test_images(data.images))
        write_bytes(out / EXTRACTOR, content)
        extractor = load_extractor(
            f"postersite:{(out / EXTRACTOR).resolve()}", weights_dir=None, cache_dir=out
        )
        fit_only, measured = (
            _embed(extractor, data, rows, callbacks) for rows in (data.fit_only, data.measured)
        )
        callbacks.log("Training the genre model ...")
        head, metrics = fit_genres(fit_only, measured, data.genres, extractor.fingerprint)
        digest = save_head(head, out / GENRES)
        _add_to_manifest(manifest_path(out / GENRES), metrics)
        card = data.facts | {
            "extractor": {
                "file": EXTRACTOR,
                "fingerprint": extractor.fingerprint,
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
                "dims": extractor.dims,
                "agreement": agreement,
            },
            "genres": {"file": GENRES, "sha256": digest, "metrics": metrics},
            "versions": versions(),
        }
        write_json(out / CARD, card)
    except OSError as error:
        raise TrainingError(f"The results can't be written to {out}: {error.strerror or error}.") from error
    return card


def to_litert(network: Any) -> bytes:
    """Convert a Keras network with outputs `vector` and `map` to a LiteRT file with float16 weights.

    The weights are widened to float32 when the file is loaded: half the size, the same speed.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def compare_with_network(content: bytes, network: Any, images: Floats) -> dict[str, float]:
    """Compare a LiteRT file with its network on images (n, 288, 192, 3) in [0, 255]; facts for the card.

    least_cosine: between the two vectors of one image; max_abs_difference: between numbers of the two
    vectors, with largest_number for scale; map_mean_difference: between a vector of the file and its map's
    mean. Raises TrainingError if a cosine is below `MIN_COSINE`, or numbers are not finite.
    """
    expected = np.asarray(network(images, training=False)["vector"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(content)
        vectors, maps = LiteRTModel(file, threads=1).with_map(images)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = float(((vectors * expected).sum(axis=1) / lengths).min())
    if not cosine >= MIN_COSINE:
        raise TrainingError(
            f"The exported network gives other vectors than the trained one (cosine {cosine:.4f}): its "
            "weights do not fit into half precision, most likely because the learning rates were too high."
        )
    return {
        "least_cosine": cosine,
        "max_abs_difference": float(np.abs(vectors - expected).max()),
        "largest_number": float(np.abs(expected).max()),
        "map_mean_difference": float(np.abs(maps.mean(axis=(1, 2)) - vectors).max()),
    }


def fit_genres(
    fit_only: LabelledVectors,
    measured: LabelledVectors,
    genres: Sequence[str],
    extractor: str,
    config: LogisticConfig = LOGISTIC,
) -> tuple[GenreHead, dict[str, Any]]:
    """Train the recipe `logistic` on all posters; calibration, thresholds and metrics use `measured` only.

    The network has learned the labels of its training posters: genre scores of their vectors are too good,
    even out of fold. measured: posters in other groups; if there are none, the others are used and the
    metrics say so. genres: names of the labels. extractor: fingerprint. Raises TrainingDataError.
    """
    data = training_set(
        np.concatenate([fit_only.vectors, measured.vectors]),
        np.concatenate([fit_only.labels, measured.labels]),
        genres,
        np.concatenate([fit_only.groups, measured.groups]),
        extractor,
    )
    if not len(measured.vectors):
        head, metrics, _ = train_logistic(data, config)
        return head, metrics | {"measured_on": OPTIMISTIC}
    train_only = np.arange(len(data.labels)) < len(fit_only.vectors)
    head, metrics, _ = train_logistic(data, config, train_only=train_only)
    return head, metrics


def _test_images(images: npt.NDArray[np.uint8]) -> Floats:
    rows = np.unique(np.linspace(0, len(images) - 1, _TEST_IMAGES).astype(np.int64))
    return images[rows].astype(np.float32)


def _embed(extractor: Extractor, data: BundleData, rows: Indexes, callbacks: Callbacks) -> LabelledVectors:
    """Vectors as a site stores them, from the exported file."""
    vectors = np.empty((len(rows), extractor.dims), dtype=np.float32)
    with callbacks.bar("Embedding", len(rows)) as show:
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            vectors[start : start + len(some)] = extractor.embed(data.images[some])
            show(start + len(some))
    half = vectors.astype(np.float16).astype(np.float32)
    return LabelledVectors(half, data.labels[rows], data.groups[rows])


def _add_to_manifest(manifest: Path, metrics: dict[str, Any]) -> None:
    """State in the genre model's manifest which posters its thresholds come from."""
    facts = json.loads(manifest.read_bytes())
    write_json(manifest, facts | {"measured_on": metrics["measured_on"], "rows": metrics["rows"]})
