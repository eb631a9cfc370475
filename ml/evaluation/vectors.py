"""Vectors of the labelled set by one extractor, as they would be stored, kept on disk between evaluations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.evaluation.errors import EvaluationError
from ml.extractors.registry import UnknownExtractor
from ml.extractors.runtime import ExtractorFailed, load_extractor
from ml.extractors.weights import WeightsUnavailable
from ml.labelled_set import array_cache as kept_arrays
from ml.labelled_set.listing import LabelledPoster

Precision = Literal["float16", "float32"]
Progress = Callable[[int], object]

UNUSABLE = (UnknownExtractor, WeightsUnavailable, ExtractorFailed)


@dataclass(frozen=True)
class Places:
    """Folders an evaluation reads and writes: local weight files (if any), exported extractors, genre models,
    and its own cache of vectors."""

    weights: Path | None
    exports: Path
    models: Path
    cache: Path


@dataclass(frozen=True)
class Vectors:
    """Vectors of n posters: values (n, dims) float32, rounded to `precision` as a catalogue stores them.
    `failed` tells, by row, why a poster has none; its values are zero."""

    spec: str
    fingerprint: str
    precision: Precision
    values: npt.NDArray[np.float32]
    failed: dict[int, str]

    @property
    def bytes_per_poster(self) -> int:
        return int(self.values.shape[1]) * np.dtype(self.precision).itemsize

    def some(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Vectors:
        """The same for some of the posters, all of them embedded."""
        chosen = np.asarray(rows, dtype=np.int64)
        # Most often all of them are wanted, and they may fill half the memory.
        whole = np.array_equal(chosen, np.arange(len(self.values)))
        return replace(self, values=self.values if whole else self.values[chosen], failed={})


def vectors_of(
    spec: str, posters: Sequence[LabelledPoster], precision: Precision, places: Places, progress: Progress
) -> Vectors:
    """Embed the posters by extractor `spec`; the same files and extractor are embedded once.

    progress is told how many are done. Raises EvaluationError if the extractor can't be had here, or if the
    vectors would not fit into memory, saying which and what to do.
    """
    try:
        extractor = load_extractor(spec, weights_dir=places.weights, cache_dir=places.exports)
    except UNUSABLE as error:
        raise EvaluationError(str(error)) from error
    except OSError as error:
        raise EvaluationError(f"{spec} can't be made ready in {places.exports}: {error.strerror}.") from error
    _refuse_more_than_fits(len(posters), extractor.dims, extractor.name)
    listing = kept_arrays.listing_digest(posters, extractor.fingerprint, precision)
    kept = places.cache / f"{extractor.fingerprint}-{listing[:16]}.npz"
    arrays = kept_arrays.load(kept, len(posters), ("vectors", "bad", "reasons"))
    if arrays is None or arrays["vectors"].shape != (len(posters), extractor.dims):
        stored = np.zeros((len(posters), extractor.dims), dtype=precision)
        failed: dict[int, str] = {}
        largest = float(np.finfo(precision).max)
        embedded = extractor.embed_files(
            (poster.path for poster in posters), lambda row, error: failed.__setitem__(row, str(error))
        )
        for row, vector in embedded:
            if np.abs(vector).max() > largest:
                failed[row] = f"{extractor.name} gave numbers too large to be stored."
            else:
                stored[row] = vector
            progress(row + 1)
        arrays = {
            "vectors": stored,
            "bad": np.array(list(failed), dtype=np.int64),
            "reasons": np.array(list(failed.values()), dtype=np.str_),
        }
        kept_arrays.save(kept, arrays)
    reasons = dict(zip(arrays["bad"].tolist(), arrays["reasons"].tolist(), strict=True))
    values = arrays["vectors"].astype(np.float32, copy=False)
    return Vectors(extractor.name, extractor.fingerprint, precision, values, reasons)


def _refuse_more_than_fits(rows: int, dims: int, name: str) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # The vectors themselves, and the float64 copy that a ball tree makes.
    needed = rows * dims * 12
    if needed > 0.8 * memory:
        raise EvaluationError(
            f"{rows} posters by {name} ({dims} numbers each) need about {needed / 2**30:.0f} GiB of memory, "
            f"and this machine has {memory / 2**30:.0f}: use --limit {int(0.8 * memory / dims / 12)}, or a "
            "pooled extractor."
        )
