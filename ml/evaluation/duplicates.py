"""Finding the original of an altered copy among all posters: by hash, by features, by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps

from ml.command_line import ProgressBar
from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import Folders, Vectors
from ml.extractors.runtime import load_extractor
from ml.grouping import PosterRelations
from ml.imaging.images import (
    DUPLICATE_BITS,
    MAX_BYTES,
    ImageRejected,
    encode_jpeg,
    open_safely,
    perceptual_hash,
)
from ml.labelled_set.array_cache import Arrays, cached, listing_digest
from ml.labelled_set.listing import LabelledPoster
from ml.search.neighbours import ExactIndex, Metric
from ml.stats import Figure, bootstrap, weighted_means

METHODS = ("hash", "features", "both")
NOT_FOUND = -1

REVISION = "alterations-1"
"""Part of the names of cached files: change it when an alteration changes."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Alteration:
    """One way to alter a picture: a description, a function, and the JPEG quality of the result."""

    what: str
    alter: Callable[[Image.Image], Image.Image]
    quality: int = 90


def _resized(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * 0.6), round(image.height * 0.6)), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


ALTERATIONS = {
    "resize": Alteration("60% of its width and height", _resized),
    "jpeg": Alteration("JPEG of quality 40", lambda image: image, quality=40),
    "grey": Alteration("greyscale", lambda image: image.convert("L").convert("RGB")),
    "crop_5": Alteration("5% cut off at every edge", lambda image: _cropped(image, 0.05)),
    "mirror": Alteration("mirrored", ImageOps.mirror),
    "crop_10": Alteration("10% cut off at every edge", lambda image: _cropped(image, 0.10)),
    "border": Alteration(
        "a white border of 5%", lambda image: ImageOps.expand(image, round(image.width * 0.05), "white")
    ),
    "rotate": Alteration(
        "turned by 3° and cut to fit",
        lambda image: _cropped(image.rotate(3, Image.Resampling.BICUBIC), 0.06),
    ),
    "fade": Alteration(
        "half the contrast, a fifth lighter",
        lambda image: ImageEnhance.Brightness(ImageEnhance.Contrast(image).enhance(0.5)).enhance(1.2),
    ),
}
EVERYDAY = ("resize", "jpeg", "grey", "crop_5", "mirror")
"""Alterations whose mean recall is reported as one figure."""


def altered_copies(picture: bytes) -> list[bytes]:
    """The altered copies of a picture, JPEGs in the order of ALTERATIONS.

    Raises ImageRejected if `picture` is not an acceptable image.
    """
    image = open_safely(picture)
    return [encode_jpeg(each.alter(image), each.quality) for each in ALTERATIONS.values()]


@dataclass(frozen=True)
class Copies:
    """Altered copies of m of n posters.

    Args:
        rows: (m,), which posters.
        hashes, mirrored: (m, alterations), perceptual hashes of each copy and of its mirror image.
    """

    rows: Indexes
    hashes: Hashes
    mirrored: Hashes


def make_copies(
    posters: Sequence[LabelledPoster],
    relations: PosterRelations,
    count: int,
    seed: int,
    folders: Folders,
    bar: ProgressBar,
) -> Copies:
    """Alter at most `count` posters, drawn at random from those without a near-duplicate in the set, so that
    each copy has one right answer.

    Posters too small to be altered are left out. Raises EvaluationError if none is left.
    """
    unique = [row for row in range(len(relations)) if relations.near_duplicates(row).sum() == 1]
    rows = np.sort(np.random.default_rng(seed).permutation(np.array(unique, dtype=np.int64))[:count])
    chosen = [posters[row] for row in rows]
    arrays = cached(
        folders.cache / f"{listing_digest(chosen, REVISION)}.npz",
        {"usable": (len(rows),), "hashes": (len(rows), 2, len(ALTERATIONS))},
        lambda: _hash_copies(chosen, bar),
    )
    usable = arrays["usable"]
    if not usable.any():
        raise EvaluationError(
            "No poster here can be altered to search for duplicates: each has a near-duplicate in the set or "
            "is too small. Leave --duplicates out, or name another set."
        )
    return Copies(rows[usable], arrays["hashes"][usable, 0], arrays["hashes"][usable, 1])


def vectors_of_copies(
    copies: Copies, posters: Sequence[LabelledPoster], originals: Vectors, folders: Folders, bar: ProgressBar
) -> Floats:
    """Vectors (m, alterations, dims) of the copies, by the extractor and rounding of `originals`; NaN where a
    copy could not be embedded."""
    chosen = [posters[row] for row in copies.rows]
    total, dims = len(chosen) * len(ALTERATIONS), originals.values.shape[1]

    def embed() -> Arrays:
        extractor = load_extractor(originals.spec, weights_dir=folders.weights, cache_dir=folders.exports)
        vectors = np.full((total, dims), np.nan, dtype=originals.precision)
        with bar(f"embedding copies by {originals.spec}", total) as done:
            pictures = (copy for poster in chosen for copy in _copies(poster))
            for number, vector in extractor.embed_files(pictures, lambda *_: None):
                vectors[number] = vector
                done(number + 1)
        return {"vectors": vectors}

    digest = listing_digest(chosen, REVISION, originals.fingerprint, originals.precision)
    path = folders.cache / f"{originals.fingerprint}-copies-{digest[:16]}.npz"
    vectors = cached(path, {"vectors": (total, dims)}, embed)["vectors"]
    return vectors.astype(np.float32).reshape(len(chosen), len(ALTERATIONS), dims)


def find_originals(
    copies: Copies, hashes: Hashes, originals: Vectors, metric: Metric, vectors: Floats
) -> Bools:
    """Whether each method ranks the original of each copy first, (m, alterations, METHODS).

    hashes (n,) and `originals` are those of all posters; vectors (m, alterations, dims) those of the copies,
    NaN where there is none. The methods rank all n posters:

    - hash: by perceptual hash, fewest bits apart first; at equal bits by row.
    - features: by the extractor's vectors and `metric`.
    - both: first those whose hash is at most 6 bits from that of the copy or of its mirror image, fewest bits
      first and at equal bits by features; then the rest by features.
    """
    count, alterations = vectors.shape[:2]
    found = np.full((count, alterations, len(METHODS)), NOT_FOUND, dtype=np.int64)
    embedded = np.asarray(np.isfinite(vectors).all(axis=2))
    nearest = np.full((count, alterations), NOT_FOUND, dtype=np.int64)
    if embedded.any():
        nearest[embedded] = ExactIndex(originals.values, metric).query(vectors[embedded], 1)[1][:, 0]
    for copy in np.ndindex(count, alterations):
        bits = np.bitwise_count(hashes ^ copies.hashes[copy]).astype(np.int64)
        either = np.minimum(bits, np.bitwise_count(hashes ^ copies.mirrored[copy]))
        near = np.flatnonzero(either == either.min())
        if either.min() > DUPLICATE_BITS:
            both = nearest[copy]
        elif len(near) == 1 or not embedded[copy]:
            both = near[0]
        else:
            both = near[ExactIndex(originals.values[near], metric).query(vectors[copy], 1)[1][0, 0]]
        found[copy] = bits.argmin(), nearest[copy], both
    return np.asarray(found == copies.rows[:, None, None])


def duplicate_figures(hits: Bools, among: int, *, resamples: int, seed: int) -> dict[str, Any]:
    """Recall@1 by alteration and method, each with its 95% interval over posters, ready for JSON."""
    return {
        "n": len(hits),
        "among": among,
        "bits": DUPLICATE_BITS,
        "everyday_of": list(EVERYDAY),
        **_figures(_with_everyday(hits), resamples, seed, METHODS),
    }


def duplicate_differences(hits: Bools, other: Bools, *, resamples: int, seed: int) -> dict[str, Any]:
    """Paired differences of the methods that use an extractor, ready for JSON."""
    return _figures(_with_everyday(hits) - _with_everyday(other), resamples, seed, METHODS[1:])


def _hash_copies(posters: Sequence[LabelledPoster], bar: ProgressBar) -> Arrays:
    usable = np.zeros(len(posters), dtype=np.bool_)
    hashes = np.zeros((len(posters), 2, len(ALTERATIONS)), dtype=np.uint64)
    with bar("altering posters", len(posters)) as done:
        for number, poster in enumerate(posters):
            try:
                pictures = [open_safely(each) for each in _copies(poster)]
            except (ImageRejected, OSError):
                continue
            for side, images in enumerate((pictures, map(ImageOps.mirror, pictures))):
                hashes[number, side] = [int(perceptual_hash(image), 16) for image in images]
            usable[number] = True
            done(number + 1)
    return {"usable": usable, "hashes": hashes}


def _copies(poster: LabelledPoster) -> Iterator[bytes]:
    with poster.path.open("rb") as file:
        yield from altered_copies(file.read(MAX_BYTES + 1))


def _with_everyday(hits: Bools) -> npt.NDArray[np.float64]:
    """(m, 1 + alterations, METHODS): the mean over the everyday alterations, then each."""
    everyday = [number for number, name in enumerate(ALTERATIONS) if name in EVERYDAY]
    table = hits.astype(np.float64)
    return np.concatenate([table[:, everyday].mean(axis=1, keepdims=True), table], axis=1)


def _figures(
    table: npt.NDArray[np.float64], resamples: int, seed: int, methods: Sequence[str]
) -> dict[str, Any]:
    recall: list[list[Figure]] = bootstrap(
        lambda weights: {"recall": weighted_means(weights, table)}, len(table), resamples=resamples, seed=seed
    )["recall"]
    everyday, *rows = [{name: row[METHODS.index(name)] for name in methods} for row in recall]
    return {
        "everyday": everyday,
        "alterations": {
            name: {"what": each.what, **row}
            for (name, each), row in zip(ALTERATIONS.items(), rows, strict=True)
        },
    }
