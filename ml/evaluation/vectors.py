"""Vectors of the labelled set by one extractor, rounded as a site stores them; cached between evaluations."""

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
from ml.extractors.runtime import Extractor, ExtractorFailed, load_extractor
from ml.extractors.weights import WeightsUnavailable
from ml.labelled_set.array_cache import Arrays, cached, listing_digest, pack_failures, unpack_failures
from ml.labelled_set.listing import LabelledPoster

Precision = Literal["float16", "float32"]


@dataclass(frozen=True)
class Folders:
    """Folders of an evaluation: local weight files (if any), exported extractors, genre models, its cache."""

    weights: Path | None
    exports: Path
    models: Path
    cache: Path


@dataclass(frozen=True)
class Vectors:
    """Vectors of n posters.

    Args:
        spec, fingerprint: of the extractor.
        precision: of storage; `values` are rounded to it.
        values: (n, dims) float32; zero for a poster that could not be embedded.
        failed: by row, why a poster could not be embedded.
    """

    spec: str
    fingerprint: str
    precision: Precision
    values: npt.NDArray[np.float32]
    failed: dict[int, str]

    @property
    def bytes_per_poster(self) -> int:
        return int(self.values.shape[1]) * np.dtype(self.precision).itemsize

    def subset(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Vectors:
        """The vectors of some of the posters, all of them embedded."""
        chosen = np.asarray(rows, dtype=np.int64)
        # Most often these are all rows, and a copy may need half the memory.
        everything = np.array_equal(chosen, np.arange(len(self.values)))
        return replace(self, values=self.values if everything else self.values[chosen], failed={})


def vectors_of(
    spec: str,
    posters: Sequence[LabelledPoster],
    precision: Precision,
    folders: Folders,
    progress: Callable[[int], object],
) -> Vectors:
    """Embed the posters by extractor `spec`, or read the vectors from the cache.

    progress receives the number of posters done. Raises EvaluationError if the extractor is not available, or
    if the vectors would not fit into memory; LabelledSetError if the cache can't be written.
    """
    try:
        extractor = load_extractor(spec, weights_dir=folders.weights, cache_dir=folders.exports)
    except (UnknownExtractor, WeightsUnavailable, ExtractorFailed) as error:
        raise EvaluationError(str(error)) from error
    except OSError as error:
        raise EvaluationError(f"{spec} can't be prepared in {folders.exports}: {error.strerror}.") from error
    _check_memory(len(posters), extractor.dims, extractor.name)
    digest = listing_digest(posters, extractor.fingerprint, precision)
    arrays = cached(
        folders.cache / f"{extractor.fingerprint}-{digest[:16]}.npz",
        {"vectors": (len(posters), extractor.dims), "bad": None, "reasons": None},
        lambda: _embed(extractor, posters, precision, progress),
    )
    values = arrays["vectors"].astype(np.float32, copy=False)
    return Vectors(extractor.name, extractor.fingerprint, precision, values, unpack_failures(arrays))


def _embed(
    extractor: Extractor,
    posters: Sequence[LabelledPoster],
    precision: Precision,
    progress: Callable[[int], object],
) -> Arrays:
    stored = np.zeros((len(posters), extractor.dims), dtype=precision)
    failures: dict[int, str] = {}
    largest = float(np.finfo(precision).max)
    embedded = extractor.embed_files(
        (poster.path for poster in posters), lambda row, error: failures.__setitem__(row, str(error))
    )
    for row, vector in embedded:
        if np.abs(vector).max() > largest:
            failures[row] = f"{extractor.name} gave numbers too large to be stored."
        else:
            stored[row] = vector
        progress(row + 1)
    return {"vectors": stored, **pack_failures(failures)}


def _check_memory(rows: int, dims: int, name: str) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # The vectors, and the float64 copy that a ball tree makes.
    needed = rows * dims * 12
    if needed > 0.8 * memory:
        raise EvaluationError(
            f"{rows} posters by {name} ({dims} numbers each) need about {needed / 2**30:.0f} GiB of memory, "
            f"and this machine has {memory / 2**30:.0f}. Use --limit {int(0.8 * memory / dims / 12)}, or a "
            "pooled extractor."
        )
