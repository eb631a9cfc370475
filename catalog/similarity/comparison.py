"""Compare extractors on a folder of labelled images by the nearest neighbours of one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from catalog.embeddings import extractors
from catalog.embeddings.index_files import metric_of
from ml.files import replacing
from ml.imaging.images import load_pixels
from ml.search.neighbours import ExactIndex

NEIGHBOURS = 5


class CannotCompare(ValueError):
    """The folder, its labels or the query image cannot be used; the message says why."""


@dataclass(frozen=True)
class LabelledImages:
    """Images of one folder, each with a text label (empty when the labels file has none)."""

    paths: list[Path]
    labels: list[str]


@dataclass(frozen=True)
class Neighbour:
    """One image near the query, its label, and its distance by the extractor's metric."""

    path: Path
    label: str
    distance: float


def nearest(
    images: LabelledImages, query: Path, spec: str, progress: Callable[[int], object] | None = None
) -> list[Neighbour]:
    """The NEIGHBOURS images nearest to `query`, without the query itself and images that cannot be read.

    The metric is Euclidean for pixels, else cosine. Raises WeightsUnavailable, ImageRejected (of the query)
    and CannotCompare.
    """
    rows, vectors = _vectors(images, spec, progress)
    if not rows:
        raise CannotCompare("None of the images could be read.")
    vector = extractors.load(spec).embed_image(query)[None]
    distances, found = ExactIndex(vectors, metric=metric_of(spec)).query(vector, NEIGHBOURS + 1)
    same = query.resolve()
    neighbours = [
        Neighbour(images.paths[rows[index]], images.labels[rows[index]], float(distance))
        for index, distance in zip(found[0], distances[0], strict=True)
    ]
    return [neighbour for neighbour in neighbours if neighbour.path != same][:NEIGHBOURS]


def _vectors(
    images: LabelledImages, spec: str, progress: Callable[[int], object] | None
) -> tuple[list[int], np.ndarray]:
    """The rows of the images that have a vector, and the vectors (m, dims) float16; cached on disk."""
    extractor = extractors.load(spec)
    facts = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in images.paths]
    name = hashlib.sha256("\n".join([extractor.fingerprint, *facts]).encode()).hexdigest()
    cache = Path(settings.INDEX_DIR) / "compared" / f"{name}.npz"
    if cache.exists():
        with np.load(cache, allow_pickle=False) as arrays:
            return arrays["rows"].tolist(), arrays["vectors"]
    rows: list[int] = []
    vectors = np.empty((len(images.paths), extractor.dims), dtype=np.float16)
    for row, vector in extractor.embed_files(images.paths, on_error=lambda *_: None):
        vectors[len(rows)] = vector
        rows.append(row)
        if progress is not None:
            progress(row + 1)
    vectors = vectors[: len(rows)]
    cache.parent.mkdir(parents=True, exist_ok=True)
    with replacing(cache) as file:
        np.savez(file, rows=np.array(rows, dtype=np.int64), vectors=vectors)
    return rows, vectors


def check_readable(query: Path) -> None:
    """Raise CannotCompare unless the query is an image that can be read."""
    try:
        load_pixels(query, (32, 32))
    except FileNotFoundError as error:
        raise CannotCompare(
            f"There is no file {query}: give the path of an image, or its name in the folder of images."
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CannotCompare(f"{query} cannot be compared: {why}") from error


def exact_name(spec: str) -> str:
    """The spec with the layer that its weights allow."""
    return extractors.load(spec).name


def default_specs() -> Sequence[str]:
    """Raw pixels first, as in the article, then the site's other extractors."""
    return ["pixels", *(spec for spec in extractors.configured_specs() if spec != "pixels")]
