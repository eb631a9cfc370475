"""From a finished network to files that a site can use: extractor, genre model, and the facts of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.report import versions
from ml.extractors.runtime import Extractor, load_extractor
from ml.files import write_bytes, write_json
from ml.genres.head_file import manifest_path

from .errors import TrainingError
from .export import agreement, lite_bytes, probes
from .genre_model import Told, fit_genres
from .loop import Watch

EXTRACTOR, GENRES, CARD = "postersite.tflite", "genres.npz", "card.json"
_TOGETHER = 16

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cargo:
    """What is shipped beside the network. images (n, 288, 192, 3) uint8; labels (n, genres) uint8; groups
    (n,) int64; genres: names of the labels. seen (m,) int64: rows that the network learned from; unseen: rows
    that it did not, for calibration, none of the test part among them. facts: further ones for the card."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    groups: Indexes
    genres: tuple[str, ...]
    seen: Indexes
    unseen: Indexes
    facts: dict[str, Any]


def ship(network: Any, cargo: Cargo, out: Path, watch: Watch) -> dict[str, Any]:
    """Write postersite.tflite, genres.npz with genres.json, and card.json into `out`; gives the card.

    network: finished, as `build_network` makes it. Each file is written whole or not at all; the card, which
    quotes the digests of the others, comes last. Raises TrainingError if the file disagrees with the network or
    the folder can't be written, TrainingDataError if genres can't be told from so few posters.
    """
    watch.say("Exporting ...")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / CARD).unlink(missing_ok=True)
        content = lite_bytes(network)
        near = agreement(content, network, probes(cargo.images))
        write_bytes(out / EXTRACTOR, content)
        extractor = load_extractor(
            f"postersite:{(out / EXTRACTOR).resolve()}", weights_dir=None, cache_dir=out, batch_size=_TOGETHER
        )
        seen, unseen = (_told(extractor, cargo, rows, watch) for rows in (cargo.seen, cargo.unseen))
        watch.say("Fitting genres ...")
        head, metrics = fit_genres(seen, unseen, cargo.genres, extractor.fingerprint)
        digest = head.save(out / GENRES)
        _say_what_it_was_judged_by(manifest_path(out / GENRES), metrics)
        card = cargo.facts | {
            "extractor": {
                "file": EXTRACTOR,
                "fingerprint": extractor.fingerprint,
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
                "dims": extractor.dims,
                "agreement": near,
            },
            "genres": {"file": GENRES, "sha256": digest, "metrics": metrics},
            "versions": versions(),
        }
        write_json(out / CARD, card)
    except OSError as error:
        raise TrainingError(f"The results can't be written to {out}: {error.strerror or error}.") from error
    return card


def _told(extractor: Extractor, cargo: Cargo, rows: Indexes, watch: Watch) -> Told:
    """Vectors as a catalogue stores them, by the very file that is shipped."""
    vectors = np.empty((len(rows), extractor.dims), dtype=np.float32)
    with watch.bar("Embedding", len(rows)) as show:
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            vectors[start : start + len(some)] = extractor.embed(cargo.images[some])
            show(start + len(some))
    half = vectors.astype(np.float16).astype(np.float32)
    return Told(half, cargo.labels[rows], cargo.groups[rows])


def _say_what_it_was_judged_by(manifest: Path, metrics: dict[str, Any]) -> None:
    """Whoever opens the genre model's manifest reads there which posters its thresholds come from."""
    facts = json.loads(manifest.read_bytes())
    write_json(manifest, facts | {"measured_on": metrics["measured_on"], "rows": metrics["rows"]})
