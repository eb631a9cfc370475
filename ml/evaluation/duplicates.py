"""Are altered copies of a poster traced to it among all the others: by hash, by features, by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.evaluation.alterations import ALTERATIONS, EVERYDAY, REVISION, copies_of
from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import Places, Vectors
from ml.extractors.runtime import load_extractor
from ml.grouping import Kinship
from ml.imaging.images import DUPLICATE_BITS, MAX_BYTES, ImageRejected, open_safely, perceptual_hash
from ml.labelled_set import array_cache as kept_arrays
from ml.labelled_set.listing import LabelledPoster
from ml.search.neighbours import ExactIndex, Metric
from ml.stats import Figure, bootstrap, weighted_means

WAYS = ("hash", "features", "both")
NOBODY = -1

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True)
class Copies:
    """Altered copies of m of n posters.

    rows (m,) int64: whose. hashes and mirrored (m, alterations) uint64: the perceptual hash of each copy, and
    that of its mirror image.
    """

    rows: Indexes
    hashes: Hashes
    mirrored: Hashes


def copies(
    posters: Sequence[LabelledPoster], kin: Kinship, count: int, seed: int, places: Places, bar: Bar
) -> Copies:
    """Alter `count` posters drawn at random from those that have no near-duplicate in the set, so that each
    copy has one right answer; all of them where there are no more.

    Posters too small to be altered are left out. Raises EvaluationError if none is left.
    """
    alone = np.array([row for row in range(len(kin)) if kin.duplicates(row).sum() == 1], dtype=np.int64)
    rows = np.sort(np.random.default_rng(seed).permutation(alone)[:count])
    chosen = [posters[row] for row in rows]
    kept = places.cache / f"{kept_arrays.listing_digest(chosen, REVISION)}.npz"
    arrays = kept_arrays.load(kept, len(rows), ("usable", "hashes"))
    if arrays is None:
        usable = np.zeros(len(rows), dtype=np.bool_)
        hashes = np.zeros((len(rows), 2, len(ALTERATIONS)), dtype=np.uint64)
        with bar("altering posters", len(rows)) as done:
            for number, poster in enumerate(chosen):
                try:
                    pictures = [open_safely(each) for each in _altered(poster)]
                except (ImageRejected, OSError):
                    continue
                mirrors = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures]
                hashes[number] = [[_hash(each) for each in side] for side in (pictures, mirrors)]
                usable[number] = True
                done(number + 1)
        arrays = {"usable": usable, "hashes": hashes}
        kept_arrays.save(kept, arrays)
    usable = arrays["usable"]
    if not usable.any():
        raise EvaluationError(
            "No poster here can be altered to look for duplicates: each has a near-duplicate in the set, or "
            "is too small. Leave --duplicates out, or name another set."
        )
    return Copies(rows[usable], arrays["hashes"][usable, 0], arrays["hashes"][usable, 1])


def traced(of: Copies, kin: Kinship, looks: Vectors, metric: Metric, copied: Floats) -> Bools:
    """Which copies are traced to their poster in the first place, (m, alterations, WAYS).

    looks: vectors of all n posters. copied: (m, alterations, dims), those of the copies, NaN where there is
    none. Three ways to rank all n posters:

    - hash: by perceptual hash, fewest bits apart first; at equal bits by row.
    - features: by the extractor's vectors and `metric`.
    - both: those whose hash is at most 6 bits from that of the copy or of its mirror image, fewest bits
      first and at equal bits by features; then the rest by features.
    """
    count, ways = copied.shape[:2]
    found = np.full((count, ways, len(WAYS)), NOBODY, dtype=np.int64)
    seen: Bools = np.asarray(np.isfinite(copied).all(axis=2))
    nearest = np.full((count, ways), NOBODY, dtype=np.int64)
    if seen.any():
        nearest[seen] = ExactIndex(looks.values, metric).query(copied[seen], 1)[1][:, 0]
    for number in range(count):
        for way in range(ways):
            bits = np.bitwise_count(kin.hashes ^ of.hashes[number, way]).astype(np.int64)
            either = np.minimum(bits, np.bitwise_count(kin.hashes ^ of.mirrored[number, way]))
            near = np.flatnonzero(either == either.min())
            if either.min() > DUPLICATE_BITS:
                both = nearest[number, way]
            elif len(near) == 1 or not seen[number, way]:
                both = near[0]
            else:
                _, place = ExactIndex(looks.values[near], metric).query(copied[number, way], 1)
                both = near[place[0, 0]]
            found[number, way] = bits.argmin(), nearest[number, way], both
    return np.asarray(found == of.rows[:, None, None])


def duplicate_figures(hits: Bools, among: int, *, resamples: int, seed: int) -> dict[str, Any]:
    """Recall@1 by alteration and way, each with its 95% interval over posters, ready for JSON."""
    return {
        "n": len(hits),
        "among": among,
        "bits": DUPLICATE_BITS,
        "everyday_of": list(EVERYDAY),
        **_figures(_columns(hits), resamples, seed, WAYS),
    }


def duplicate_differences(hits: Bools, other: Bools, *, resamples: int, seed: int) -> dict[str, Any]:
    """Paired differences of what depends on the extractor, ready for JSON."""
    return _figures(_columns(hits) - _columns(other), resamples, seed, WAYS[1:])


def vectors_of_copies(
    of: Copies, posters: Sequence[LabelledPoster], looks: Vectors, places: Places, bar: Bar
) -> Floats:
    """Vectors (m, alterations, dims) float32 of the copies by the extractor of `looks`, rounded as they are;
    NaN where a copy gave none. Kept on disk for the same files and extractor."""
    chosen = [posters[row] for row in of.rows]
    total = len(chosen) * len(ALTERATIONS)
    digest = kept_arrays.listing_digest(chosen, REVISION, looks.fingerprint, looks.precision)
    kept = places.cache / f"{looks.fingerprint}-copies-{digest[:16]}.npz"
    dims = looks.values.shape[1]
    arrays = kept_arrays.load(kept, total, ("vectors",))
    if arrays is None or arrays["vectors"].shape != (total, dims):
        extractor = load_extractor(looks.spec, weights_dir=places.weights, cache_dir=places.exports)
        vectors = np.full((total, dims), np.nan, dtype=looks.precision)
        with bar(f"embedding copies by {looks.spec}", total) as done:
            altered = (copy for poster in chosen for copy in _altered(poster))
            for number, vector in extractor.embed_files(altered, lambda *_: None):
                vectors[number] = vector
                done(number + 1)
        arrays = {"vectors": vectors}
        kept_arrays.save(kept, arrays)
    return arrays["vectors"].astype(np.float32).reshape(len(chosen), len(ALTERATIONS), dims)


def _altered(poster: LabelledPoster) -> Iterator[bytes]:
    with poster.path.open("rb") as file:
        yield from copies_of(file.read(MAX_BYTES + 1))


def _hash(picture: Image.Image) -> int:
    return int(perceptual_hash(picture), 16)


def _columns(hits: Bools) -> npt.NDArray[np.float64]:
    """(m, 1 + alterations, WAYS): the mean over the everyday alterations, then each."""
    everyday = [number for number, name in enumerate(ALTERATIONS) if name in EVERYDAY]
    table = hits.astype(np.float64)
    return np.concatenate([table[:, everyday].mean(axis=1, keepdims=True), table], axis=1)


def _figures(
    table: npt.NDArray[np.float64], resamples: int, seed: int, ways: Sequence[str]
) -> dict[str, Any]:
    found = bootstrap(
        lambda weights: {"recall": weighted_means(weights, table)}, len(table), resamples=resamples, seed=seed
    )["recall"]

    def row(number: int) -> dict[str, Figure]:
        return {way: found[number][WAYS.index(way)] for way in ways}

    return {
        "everyday": row(0),
        "alterations": {
            name: {"what": each.what, **row(1 + number)}
            for number, (name, each) in enumerate(ALTERATIONS.items())
        },
    }
