"""The training data of the network: decoded posters, their labels, and the batches of every step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from ml.imaging.images import DECODER, ImageRejected, load_pixels
from ml.labelled_set.array_cache import listing_digest
from ml.labelled_set.listing import LabelledPoster

from .errors import TrainingError
from .network import SIZE
from .plan import TrainingPlan
from .validation import ValidationSet

# Disk space left for checkpoints and results.
_SPARE_BYTES = 300 * 2**20
_DECODED_TOGETHER = 256
# Streams of random numbers.
_ORDER, _PARTNERS = 0, 1

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BatchSampler:
    """The rows of every step; they depend on the plan's seed and the step's number only.

    rows (n,) int64: the training rows. franchise (all rows,) int64: -1 for none.
    """

    plan: TrainingPlan
    rows: Indexes
    franchise: Indexes

    @property
    def steps(self) -> tuple[int, int]:
        """Steps per epoch, and in all."""
        return self.plan.steps(len(self.rows))

    def batch(self, step: int) -> Indexes:
        """Rows (2 × pairs,) of a step: posters in a new order each epoch, then a partner for each.

        A poster's partner is itself (a second view of it) or another poster of its franchise.
        """
        steps_per_epoch, _ = self.steps
        pairs = self.plan.pairs_of(len(self.rows))
        epoch, place = divmod(step, steps_per_epoch)
        order = np.random.default_rng([self.plan.seed, _ORDER, epoch]).permutation(self.rows)
        chosen = order[place * pairs : (place + 1) * pairs]
        random = np.random.default_rng([self.plan.seed, _PARTNERS, step])
        return np.concatenate([chosen, [self._partner(row, random) for row in chosen.tolist()]])

    def _partner(self, row: int, random: np.random.Generator) -> int:
        others = self._others_of_franchise(row)
        # Always drawn, so that a poster's partner does not depend on the franchises of those before it.
        draw, place = random.random(2)
        return int(others[int(place * len(others))]) if len(others) and draw < self.plan.mate_share else row

    def _others_of_franchise(self, row: int) -> Indexes:
        franchise = self.franchise[row]
        if franchise < 0:
            return self.rows[:0]
        return self.rows[(self.franchise[self.rows] == franchise) & (self.rows != row)]


@dataclass(frozen=True)
class Batch:
    """n posters of a step.

    images (n, 288, 192, 3) uint8; labels (n, genres) float32 of 0 and 1; targets (n, genres) float32: the
    labels mixed with the teacher's scores; features (n, d) float32: ImageNet's, to be kept, d may be 0;
    groups (n,) int32 from 0, equal for posters that belong together.
    """

    images: Bytes
    labels: Floats
    targets: Floats
    features: Floats
    groups: npt.NDArray[np.int32]


@dataclass(frozen=True)
class TrainingData:
    """Everything a training run reads.

    images (n, 288, 192, 3) uint8; labels (n, genres) uint8 of the genres learned; groups (n,) int64 from 0,
    equal for posters that belong together; validation: None to validate on nothing; key: digest of plan and
    data; teacher_scores (n, genres) float32, None without a teacher; features (n, d) float32: ImageNet's, to
    be kept, None for none.
    """

    images: Bytes
    labels: npt.NDArray[np.uint8]
    groups: Indexes
    sampler: BatchSampler
    validation: ValidationSet | None
    key: str
    teacher_scores: Floats | None = None
    features: Floats | None = None

    def batch(self, step: int) -> Batch:
        """The posters of a step."""
        rows = self.sampler.batch(step)
        labels = self.labels[rows].astype(np.float32)
        targets = labels
        if self.teacher_scores is not None:
            share = np.float32(self.sampler.plan.distil)
            targets = labels + share * (self.teacher_scores[rows] - labels)
        features = labels[:, :0] if self.features is None else self.features[rows]
        return Batch(self.images[rows], labels, targets, features, self.groups[rows].astype(np.int32))


def decode(posters: Sequence[LabelledPoster], folder: Path, progress: Callable[[int], object]) -> Bytes:
    """Decode every poster at the extractor's size: (n, 288, 192, 3) uint8 RGB, memory-mapped from `folder`.

    The file is named by the list of posters: the same posters are decoded only once, files of other lists are
    removed. `progress` gets the number of decoded posters. Raises TrainingError if a poster can't be decoded,
    or if the disk is too small or can't be written.
    """
    # "eyes" has been part of the digest from the start: with another word, a resumed run would decode again.
    table = folder / f"pixels-{listing_digest(posters, 'eyes', DECODER, 'x'.join(map(str, SIZE)))[:16]}.npy"
    decoded = _read(table, len(posters))
    if decoded is not None:
        return decoded
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
        reason = error.strerror or error
        raise TrainingError(f"Decoded posters can't be written to {folder}: {reason}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _read(table: Path, count: int) -> Bytes | None:
    try:
        values = np.load(table, mmap_mode="r")
    except (OSError, ValueError):
        return None
    fits = values.shape == (count, *SIZE, 3) and values.dtype == np.uint8
    return np.asarray(values) if fits else None


def _decode_into(draft: Path, posters: Sequence[LabelledPoster], progress: Callable[[int], object]) -> None:
    values = open_memmap(draft, mode="w+", dtype=np.uint8, shape=(len(posters), *SIZE, 3))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        # In portions: on a slow disk, decoded posters would otherwise fill the memory.
        for start in range(0, len(posters), _DECODED_TOGETHER):
            portion = posters[start : start + _DECODED_TOGETHER]
            for row, pixels in enumerate(pool.map(_pixels, portion), start):
                values[row] = pixels
                progress(row + 1)
    values.flush()


def _pixels(poster: LabelledPoster) -> Bytes:
    try:
        return load_pixels(poster.path, SIZE).astype(np.uint8)
    except (ImageRejected, OSError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise TrainingError(
            f"{poster.file} (line {poster.line}) can't be decoded any more: {reason} Repair it or "
            "remove its row."
        ) from error
