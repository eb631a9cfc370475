"""Facts read from the image files: which cannot be opened, perceptual hashes, which are greyscale."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.imaging.images import MAX_BYTES, ImageRejected, open_safely, perceptual_hash
from ml.labelled_set.array_cache import Arrays, cached, listing_digest, pack_failures, unpack_failures
from ml.labelled_set.listing import LabelledPoster

GREY_SPREAD = 12.0
"""A poster is greyscale if its channels differ by less than this (of 255) on 99% of its surface."""

_SIZE = (48, 72)
_REVISION = "pictures-2"


@dataclass(frozen=True)
class Pictures:
    """Facts about n posters.

    Args:
        hashes: (n,) perceptual hashes.
        spread: (n,) 99th percentile over the picture of the difference between a pixel's largest and smallest
            channel, 0 to 255.
        unreadable: by row, why a picture could not be opened; its other values are 0.
    """

    hashes: npt.NDArray[np.uint64]
    spread: npt.NDArray[np.float32]
    unreadable: dict[int, str]

    @property
    def grey(self) -> npt.NDArray[np.bool_]:
        """Which posters are greyscale, (n,)."""
        return self.spread < GREY_SPREAD

    def subset(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Pictures:
        """The facts about some of the posters, all of them readable."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Pictures(self.hashes[chosen], self.spread[chosen], {})


def read_pictures(
    posters: Sequence[LabelledPoster], cache: Path, progress: Callable[[int], object]
) -> Pictures:
    """Open every poster once; the results are cached in the folder `cache`.

    progress receives the number of posters done. Raises LabelledSetError if the cache can't be written.
    """
    path = cache / f"{listing_digest(posters, _REVISION)}.npz"
    shapes = {"hashes": (len(posters),), "spread": (len(posters),), "bad": None, "reasons": None}
    arrays = cached(path, shapes, lambda: _read_all(posters, progress))
    return Pictures(arrays["hashes"], arrays["spread"], unpack_failures(arrays))


def _read_all(posters: Sequence[LabelledPoster], progress: Callable[[int], object]) -> Arrays:
    hashes = np.zeros(len(posters), dtype=np.uint64)
    spread = np.zeros(len(posters), dtype=np.float32)
    failures: dict[int, str] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, found in enumerate(pool.map(_read, (poster.path for poster in posters))):
            if isinstance(found, str):
                failures[row] = found
            else:
                hashes[row], spread[row] = found
            progress(row + 1)
    return {"hashes": hashes, "spread": spread, **pack_failures(failures)}


def _read(path: Path) -> tuple[int, float] | str:
    """Hash and spread of one picture, or why it can't be opened."""
    try:
        with path.open("rb") as file:
            image = open_safely(file.read(MAX_BYTES + 1))
    except ImageRejected as error:
        return str(error)
    except OSError as error:
        return f"It can't be read: {error.strerror or error}."
    small = np.asarray(image.resize(_SIZE, Image.Resampling.BILINEAR), dtype=np.float32)
    spread = small.max(axis=2) - small.min(axis=2)
    return int(perceptual_hash(image), 16), float(np.percentile(spread, 99))
