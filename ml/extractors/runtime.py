"""Compute embeddings: decode images and run them in threads, one vector per image.

ConvNets run on LiteRT, so nothing here loads TensorFlow: `postersite` is a LiteRT file, the others are
exported once into a cache folder. Extractors without weights have the same interface.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.imaging.images import ImageRejected, load_image

from . import histograms
from .errors import ExtractorFailed
from .export_cache import exported_model
from .litert import MOST_AT_ONCE, LiteRTModel, open_trained
from .registry import BACKBONES, STANDARD, ExtractorSpec, parse_spec
from .weights import WeightsFile, find_weights, require_weights, resolve_spec

__all__ = [
    "Extractor",
    "ExtractorFailed",
    "NoMap",
    "ResolvedSpec",
    "available_extractors",
    "load_extractor",
    "load_resolved",
    "resolve",
    "resolve_fingerprint",
]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8] | Floats
Source = bytes | str | os.PathLike[str]
WithMap = Callable[[Floats], tuple[Floats, Floats]]
OnError = Callable[[int, Exception], None]

# Vectors computed ahead: enough that inference goes on while the caller stores some, and few enough for the
# memory, since each source may have 20 MB.
_AHEAD = 24

logger = logging.getLogger(__name__)


class NoMap(ExtractorFailed):
    """The extractor has no map of where in the image its vector comes from."""


class ResolvedSpec(NamedTuple):
    """An extractor's spec with the layer that its weights allow, its fingerprint, and its weights, if any."""

    spec: ExtractorSpec
    fingerprint: str
    weights: WeightsFile | None


class Extractor:
    """Computes vectors of images. Made by `load_extractor`; safe to share between threads.

    Attributes:
        spec: the specification, with the resolved layer.
        name: its spec string, such as `inception_v3:mixed8:avg`.
        fingerprint: identifies the vectors; those with different fingerprints must not be compared.
        dims: length of a vector.
        has_map: whether `embed_with_map` works.
    """

    def __init__(
        self,
        spec: ExtractorSpec,
        fingerprint: str,
        dims: int,
        infer: Callable[[Pixels], Floats],
        at_once: int = 1,
        infer_with_map: WithMap | None = None,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.fingerprint = fingerprint
        self.dims = dims
        self.has_map = infer_with_map is not None
        self._infer = infer
        self._infer_with_map = infer_with_map
        self._at_once = at_once

    def __repr__(self) -> str:
        return f"<Extractor {self.fingerprint}, {self.dims} numbers>"

    def embed(self, images: npt.ArrayLike) -> Floats:
        """Compute vectors (n, dims) float32 of images (n, height, width, 3) in [0, 255].

        Height and width are those of `spec.size`. The vector of an image does not depend on the others.

        Raises:
            ValueError: images of another shape.
        """
        batch = self._checked(images)
        if not len(batch):
            return np.empty((0, self.dims), dtype=np.float32)
        return self._infer(batch)

    def embed_with_map(self, images: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Compute vectors (n, dims), as `embed`, and maps (n, rows, columns, dims), both float32, in one
        pass.

        The spatial mean of a map is the vector, so a linear score of the vector is the mean of the scores of
        the places (Zhou et al., "Learning Deep Features for Discriminative Localization", 2016).

        Raises:
            NoMap: this extractor has none; see `has_map`.
            ValueError: no image, or images of another shape.
        """
        if self._infer_with_map is None:
            raise NoMap(f"{self.name} has no map of where in a poster its vector comes from: use postersite.")
        batch = self._checked(images)
        if not len(batch):
            raise ValueError(f"{self.name} got no image.")
        return self._infer_with_map(batch)

    def _checked(self, images: npt.ArrayLike) -> Floats:
        batch = np.asarray(images, dtype=np.float32)
        expected = (*self.spec.size, 3)
        if batch.ndim != 4 or batch.shape[1:] != expected:
            raise ValueError(f"{self.name} needs images of shape {expected}, not {batch.shape}.")
        return batch

    def embed_image(self, source: Source) -> Floats:
        """Compute the vector (dims,) float32 of one file, given as bytes or a path.

        Raises:
            ImageRejected: the file is not an acceptable image.
            OSError: the path cannot be read.
            ExtractorFailed: the vector is not finite.
        """
        failures: list[Exception] = []
        for _, vector in self.embed_files([source], lambda _, error: failures.append(error)):
            return vector
        raise failures[0]

    def embed_files(
        self, sources: Iterable[Source], on_error: OnError | None = None
    ) -> Iterator[tuple[int, Floats]]:
        """Yield (index, vector) of each source that is an image, in order, computing a few ahead.

        Args:
            sources: bytes or paths; consumed lazily.
            on_error: called with (index, error) for a source that is no acceptable image (ImageRejected),
                cannot be read (OSError) or has no finite vector (ExtractorFailed). By default, such sources
                are logged as warnings.

        Yields:
            The position of the source, from 0, and its vector (dims,) float32.
        """
        report = on_error or _log
        numbered = enumerate(sources)
        waiting: deque[tuple[int, Future[Floats]]] = deque()
        # At least two, so that one decodes while the other's image is run.
        pool = ThreadPoolExecutor(max(2, self._at_once), thread_name_prefix="embed")
        try:
            while True:
                for index, source in islice(numbered, _AHEAD - len(waiting)):
                    waiting.append((index, pool.submit(self._vector_of, source)))
                if not waiting:
                    return
                index, future = waiting.popleft()
                try:
                    vector = future.result()
                except (ImageRejected, OSError, ExtractorFailed) as error:
                    report(index, error)
                else:
                    yield index, vector
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _vector_of(self, source: Source) -> Floats:
        image = load_image(source, self.spec.size, resize=self.spec.resize)
        vector = self._infer(np.asarray(image)[None])[0]
        if not np.isfinite(vector).all():
            raise ExtractorFailed(f"{self.name} computed numbers that are not finite.")
        return vector


def _log(index: int, error: Exception) -> None:
    logger.warning("Image %d was left out: %s", index, error)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_extractor(
    spec: str,
    *,
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int | None = None,
) -> Extractor:
    """Load an extractor; it is exported into `cache_dir` if that has not been done for these weights.

    Args:
        spec: such as `postersite`, `pixels`, `inception_v3:mixed8:avg`, `tfhub:FOLDER`, `postersite:FILE`.
        weights_dir: folder of local weight files, if any.
        cache_dir: folder of exported models, shared by all processes; `postersite` needs no export.
        threads: CPU threads of inference; by default the number of available cores.

    Raises:
        UnknownExtractor: the spec names no extractor.
        WeightsUnavailable: its weights are missing; the message says where to put them.
        ExtractorFailed: the export failed, or a trained file is not valid.
    """
    return load_resolved(
        resolve(spec, weights_dir),
        weights_dir=weights_dir,
        cache_dir=cache_dir,
        threads=threads,
    )


def load_resolved(
    extractor: ResolvedSpec,
    *,
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int | None = None,
) -> Extractor:
    """`load_extractor` for a spec that `resolve` has resolved against the same weights."""
    resolved, fingerprint, weights = extractor
    threads = threads or _cores()
    height, width = resolved.size
    if resolved.backbone == "pixels":
        return Extractor(resolved, fingerprint, height * width * 3, _flatten, min(threads, MOST_AT_ONCE))
    if resolved.backbone == "histograms":
        return Extractor(resolved, fingerprint, histograms.DIMS, _describe, min(threads, MOST_AT_ONCE))
    if weights is not None and BACKBONES[resolved.backbone].trained:
        trained = open_trained(weights.path, resolved.size, threads=threads)
        return Extractor(resolved, fingerprint, trained.vector[0], trained, trained.at_once, trained.with_map)
    file, manifest = exported_model(resolved, fingerprint, weights_dir=weights_dir, cache_dir=cache_dir)
    model = LiteRTModel(file, threads=threads)
    return Extractor(resolved, fingerprint, manifest["dims"], model, model.at_once)


def resolve(spec: str, weights_dir: Path | None) -> ResolvedSpec:
    """Read a spec string and find its weights, without loading or exporting anything.

    Raises:
        UnknownExtractor, WeightsUnavailable: as `load_extractor`.
    """
    parsed = parse_spec(spec)
    if not BACKBONES[parsed.backbone].has_weights:
        return ResolvedSpec(parsed, parsed.fingerprint(), None)
    weights = require_weights(parsed, weights_dir)
    resolved = resolve_spec(parsed, weights)
    return ResolvedSpec(resolved, resolved.fingerprint(weights.digest), weights)


def resolve_fingerprint(spec: str, weights_dir: Path | None) -> str:
    """The fingerprint that `load_extractor` would give, without loading or exporting anything.

    Raises:
        UnknownExtractor, WeightsUnavailable: as `load_extractor`.
    """
    return resolve(spec, weights_dir).fingerprint


def available_extractors(weights_dir: Path | None) -> list[str]:
    """The standard extractors that need no weights or whose weights are found, cheapest first."""
    parsed = [parse_spec(name) for name in STANDARD]
    return [
        spec.name
        for spec in parsed
        if not BACKBONES[spec.backbone].has_weights or find_weights(spec, weights_dir)
    ]


def _flatten(images: Pixels) -> Floats:
    vectors: Floats = np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)
    return vectors


def _describe(images: Pixels) -> Floats:
    return np.stack([histograms.describe(image) for image in images])
