"""What the pictures themselves tell: whether they open, their hashes for near-duplicates, which are grey or
mostly lettering."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.evaluation.lettering import is_mostly_lettering
from ml.imaging.images import MAX_BYTES, ImageRejected, open_safely, perceptual_hash
from ml.labelled_set import array_cache as kept_arrays
from ml.labelled_set.listing import LabelledPoster

GREY_SPREAD = 12.0
"""A poster is greyscale when the spread of its channels stays below this (of 255) on 99% of its surface."""

_SMALL = (48, 72)
_REVISION = "pictures-2"

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Pictures:
    """Facts of n posters.

    hashes (n,) uint64: perceptual hashes. spread (n,) float32: the 99th percentile over the picture of the
    difference between a pixel's largest and smallest channel, 0 to 255. lettering (n,) bool: which look like
    mostly lettering. unreadable: by row, why a picture could not be opened; the rest of it means nothing.
    """

    hashes: npt.NDArray[np.uint64]
    spread: npt.NDArray[np.float32]
    lettering: npt.NDArray[np.bool_]
    unreadable: dict[int, str]

    @property
    def grey(self) -> npt.NDArray[np.bool_]:
        """Which posters are greyscale, (n,)."""
        return self.spread < GREY_SPREAD

    def some(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Pictures:
        """The same for some of the posters, all of them readable."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Pictures(self.hashes[chosen], self.spread[chosen], self.lettering[chosen], {})


def look_at(posters: Sequence[LabelledPoster], cache: Path, progress: Progress) -> Pictures:
    """Open every poster once and measure it; kept in the folder `cache` for the same files.

    progress is told how many are done. Raises EvaluationError if the cache can't be written.
    """
    kept = cache / f"{kept_arrays.listing_digest(posters, _REVISION)}.npz"
    names = ("hashes", "spread", "lettering", "bad", "reasons")
    arrays = kept_arrays.load(kept, len(posters), names)
    if arrays is None:
        arrays = _measured(posters, progress)
        kept_arrays.save(kept, arrays)
    reasons = dict(zip(arrays["bad"].tolist(), arrays["reasons"].tolist(), strict=True))
    return Pictures(arrays["hashes"], arrays["spread"], arrays["lettering"], reasons)


def _measured(posters: Sequence[LabelledPoster], progress: Progress) -> kept_arrays.Arrays:
    hashes = np.zeros(len(posters), dtype=np.uint64)
    spread = np.zeros(len(posters), dtype=np.float32)
    lettering = np.zeros(len(posters), dtype=np.bool_)
    bad: list[int] = []
    reasons: list[str] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, found in enumerate(pool.map(_look, (poster.path for poster in posters))):
            if isinstance(found, str):
                bad.append(row)
                reasons.append(found)
            else:
                hashes[row], spread[row], lettering[row] = found
            progress(row + 1)
    return {
        "hashes": hashes,
        "spread": spread,
        "lettering": lettering,
        "bad": np.array(bad, dtype=np.int64),
        "reasons": np.array(reasons, dtype=np.str_),
    }


def _look(path: Path) -> tuple[int, float, bool] | str:
    try:
        with path.open("rb") as file:
            image = open_safely(file.read(MAX_BYTES + 1))
    except ImageRejected as error:
        return str(error)
    except OSError as error:
        return f"It can't be read: {error.strerror or error}."
    small = np.asarray(image.resize(_SMALL, Image.Resampling.BILINEAR), dtype=np.float32)
    spread = small.max(axis=2) - small.min(axis=2)
    return int(perceptual_hash(image), 16), float(np.percentile(spread, 99)), is_mostly_lettering(image)
