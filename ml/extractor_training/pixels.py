"""Posters decoded once, kept on disk as bytes at the network's size, and read back through the page cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from ml.evaluation.kept_arrays import listing_digest
from ml.evaluation.labelled_set import LabelledPoster
from ml.imaging.images import DECODER, ImageRejected, load_pixels

from .errors import TrainingError
from .network import SIZE

# Room left on the disk for checkpoints and the results.
_SPARE_BYTES = 300 * 2**20
_TOGETHER = 256

Bytes = npt.NDArray[np.uint8]


def decode(posters: Sequence[LabelledPoster], folder: Path, progress: Callable[[int], object]) -> Bytes:
    """Decode every poster as the extractor will see it: (n, 288, 192, 3) uint8 RGB, mapped from a file.

    The file lies in `folder`, named by the list of posters: the same files decoded before are only mapped,
    and those of other lists are removed. progress is told how many are done. Raises TrainingError if a poster
    can't be decoded, or if the disk is too small or can't be written.
    """
    table = folder / f"pixels-{listing_digest(posters, 'eyes', DECODER, 'x'.join(map(str, SIZE)))[:16]}.npy"
    kept = _kept(table, len(posters))
    if kept is not None:
        return kept
    for old in folder.glob("pixels-*.npy"):
        old.unlink()
    needed = len(posters) * SIZE[0] * SIZE[1] * 3 + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TrainingError(
            f"{len(posters)} decoded posters need {needed / 2**30:.1f} GiB in {folder}, and "
            f"{free / 2**30:.1f} GiB are free: free some, name another folder with -o, or use --limit."
        )
    draft = folder / f".{table.name}.part"
    try:
        _decode_into(draft, posters, progress)
        os.replace(draft, table)
        return np.asarray(np.load(table, mmap_mode="r"))
    except OSError as error:
        raise TrainingError(
            f"Decoded posters can't be kept in {folder}: {error.strerror or error}."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _kept(table: Path, count: int) -> Bytes | None:
    try:
        values = np.load(table, mmap_mode="r")
    except (OSError, ValueError):
        return None
    fits = values.shape == (count, *SIZE, 3) and values.dtype == np.uint8
    return np.asarray(values) if fits else None


def _decode_into(draft: Path, posters: Sequence[LabelledPoster], progress: Callable[[int], object]) -> None:
    values = open_memmap(draft, mode="w+", dtype=np.uint8, shape=(len(posters), *SIZE, 3))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # In portions, or a slow disk would let decoded posters pile up in memory.
        for start in range(0, len(posters), _TOGETHER):
            portion = posters[start : start + _TOGETHER]
            for row, found in enumerate(pool.map(_pixels, portion), start):
                values[row] = found
                progress(row + 1)
    values.flush()


def _pixels(poster: LabelledPoster) -> Bytes:
    try:
        return load_pixels(poster.path, SIZE).astype(np.uint8)
    except (ImageRejected, OSError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise TrainingError(
            f"{poster.file} (line {poster.line}) opened when the posters were looked through, and can't be "
            f"decoded now: {why} Mend it or take its row out."
        ) from error
