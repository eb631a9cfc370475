"""The only path that makes an embedding: decode ahead in threads, run in batches, one vector a picture.

ConvNets run on LiteRT, so nothing here or above ever loads TensorFlow: `postersite` from the file it was
trained into, the others from one that is exported once into a cache folder. Extractors that need no weights
follow the same protocol.
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

from ml.imaging.images import ImageRejected, load_pixels

from . import histograms
from .export_cache import ExtractorFailed, exported_model
from .litert import LiteRTModel
from .registry import BACKBONES, STANDARD, ExtractorSpec, parse_spec
from .trained import open_trained
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
Source = bytes | str | os.PathLike[str]
WithMap = Callable[[Floats], tuple[Floats, Floats]]
OnError = Callable[[int, Exception], None]

# Decoding is done this many batches ahead: enough to keep inference fed, little enough to keep in memory.
_BATCHES_AHEAD = 3
_MOST_DECODERS = 4

logger = logging.getLogger(__name__)


class NoMap(ExtractorFailed):
    """An extractor was asked where in the picture its vector comes from, and keeps no such map."""


class ResolvedSpec(NamedTuple):
    """An extractor's spec with the layer that its weights allow, its fingerprint, and its weights, if any."""

    spec: ExtractorSpec
    fingerprint: str
    weights: WeightsFile | None


class Extractor:
    """Turns pictures into vectors. Made by `load_extractor`; safe to share between threads.

    Attributes:
        spec: what it is, with the layer its weights allow.
        name: the spec string of that, such as `inception_v3:mixed8:avg`.
        fingerprint: names these very numbers; vectors of different fingerprints are never compared.
        dims: length of a vector.
        has_map: whether it also tells where in a picture the vector comes from.
    """

    def __init__(
        self,
        spec: ExtractorSpec,
        fingerprint: str,
        dims: int,
        infer: Callable[[Floats], Floats],
        batch_size: int,
        infer_with_map: WithMap | None = None,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.fingerprint = fingerprint
        self.dims = dims
        self.has_map = infer_with_map is not None
        self._infer = infer
        self._infer_with_map = infer_with_map
        self._batch_size = batch_size

    def __repr__(self) -> str:
        return f"<Extractor {self.fingerprint}, {self.dims} numbers>"

    def embed(self, images: npt.ArrayLike) -> Floats:
        """Vectors (n, dims) float32 of pictures (n, height, width, 3) in [0, 255], of the extractor's size.

        A picture's vector depends on that picture alone, not on those beside it.

        Raises:
            ValueError: pictures of another shape.
        """
        batch = self._checked(images)
        if not len(batch):
            return np.empty((0, self.dims), dtype=np.float32)
        return self._infer(batch)

    def embed_with_map(self, images: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Vectors (n, dims), as `embed` gives, and maps (n, rows, columns, dims), both float32, in one pass.

        The mean of a picture's map over its places is its vector: what is linear in the vector is thereby a
        mean over places (Zhou et al., "Learning Deep Features for Discriminative Localization", 2016).

        Raises:
            NoMap: this extractor keeps none; `has_map` tells beforehand.
            ValueError: no picture, or pictures of another shape.
        """
        if self._infer_with_map is None:
            raise NoMap(f"{self.name} keeps no map of where in a poster it sees what: postersite does.")
        batch = self._checked(images)
        if not len(batch):
            raise ValueError(f"{self.name} was given no picture to map.")
        return self._infer_with_map(batch)

    def _checked(self, images: npt.ArrayLike) -> Floats:
        batch = np.asarray(images, dtype=np.float32)
        expected = (*self.spec.size, 3)
        if batch.ndim != 4 or batch.shape[1:] != expected:
            raise ValueError(f"{self.name} takes pictures of shape {expected}, not {batch.shape}.")
        return batch

    def embed_image(self, source: Source) -> Floats:
        """The vector (dims,) float32 of one file, given as bytes or a path.

        Raises:
            ImageRejected: the file is not an acceptable image.
            OSError: the path cannot be read.
            ExtractorFailed: the picture gave numbers that are not finite.
        """
        failures: list[Exception] = []
        for _, vector in self.embed_files([source], lambda _, error: failures.append(error)):
            return vector
        raise failures[0]

    def embed_files(
        self, sources: Iterable[Source], on_error: OnError | None = None
    ) -> Iterator[tuple[int, Floats]]:
        """Give (index, vector) for each source that is an image, in order, reading a few batches ahead.

        Args:
            sources: bytes or paths; consumed lazily, so a generator over millions is fine.
            on_error: called with (index, error) for a source that is no acceptable image (ImageRejected),
                cannot be read (OSError) or gives no finite vector (ExtractorFailed); the rest go on. Without
                it such sources are logged as warnings.

        Yields:
            The position of the source, from 0, and its vector (dims,) float32.
        """
        report = on_error or _log
        numbered = enumerate(sources)
        waiting: deque[tuple[int, Future[Floats]]] = deque()
        pool = ThreadPoolExecutor(min(_MOST_DECODERS, _cores()), thread_name_prefix="decode")
        try:
            while True:
                for index, source in islice(numbered, _BATCHES_AHEAD * self._batch_size - len(waiting)):
                    waiting.append((index, pool.submit(self._decode, source)))
                if not waiting:
                    return
                indexes: list[int] = []
                pictures: list[Floats] = []
                while waiting and len(pictures) < self._batch_size:
                    index, future = waiting.popleft()
                    try:
                        pictures.append(future.result())
                    except (ImageRejected, OSError) as error:
                        report(index, error)
                    else:
                        indexes.append(index)
                if not pictures:
                    continue
                for index, vector in zip(indexes, self.embed(np.stack(pictures)), strict=True):
                    if np.isfinite(vector).all():
                        yield index, vector
                    else:
                        report(index, ExtractorFailed(f"{self.name} gave numbers that are not finite."))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _decode(self, source: Source) -> Floats:
        return load_pixels(source, self.spec.size, resize=self.spec.resize)


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
    batch_size: int = 8,
) -> Extractor:
    """Make an extractor ready; the first time for given weights, export it into `cache_dir`.

    Args:
        spec: such as `postersite`, `pixels`, `inception_v3:mixed8:avg`, `tfhub:FOLDER`, `postersite:FILE`.
        weights_dir: folder of local weight files, if any.
        cache_dir: where exported models are kept, shared by all processes; `postersite` needs no export.
        threads: CPU threads of one inference; by default as many as there are cores to use.
        batch_size: pictures run at once.

    Raises:
        UnknownExtractor: the spec names nothing.
        WeightsUnavailable: its weights are not at hand; the text says where they belong.
        ExtractorFailed: its weights could not be turned into a model, or a trained file is none.
    """
    return load_resolved(
        resolve(spec, weights_dir),
        weights_dir=weights_dir,
        cache_dir=cache_dir,
        threads=threads,
        batch_size=batch_size,
    )


def load_resolved(
    extractor: ResolvedSpec,
    *,
    weights_dir: Path | None,
    cache_dir: Path,
    threads: int | None = None,
    batch_size: int = 8,
) -> Extractor:
    """`load_extractor` for a spec that `resolve` has resolved against the same weights."""
    if batch_size < 1:
        raise ValueError(f"A batch of {batch_size} pictures cannot be run.")
    resolved, fingerprint, weights = extractor
    height, width = resolved.size
    if resolved.backbone == "pixels":
        return Extractor(resolved, fingerprint, height * width * 3, _flatten, batch_size)
    if resolved.backbone == "histograms":
        return Extractor(resolved, fingerprint, histograms.DIMS, _describe, batch_size)
    if weights is not None and BACKBONES[resolved.backbone].trained:
        trained = open_trained(
            weights.path, resolved.size, threads=threads or _cores(), batch_size=batch_size
        )
        return Extractor(resolved, fingerprint, trained.vector[0], trained, batch_size, trained.with_map)
    file, manifest = exported_model(resolved, fingerprint, weights_dir=weights_dir, cache_dir=cache_dir)
    model = LiteRTModel(file, threads=threads or _cores(), batch_size=batch_size)
    return Extractor(resolved, fingerprint, manifest["dims"], model, batch_size)


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
    """The fingerprint `load_extractor` would give, without loading or exporting anything.

    Raises:
        UnknownExtractor, WeightsUnavailable: as `load_extractor`.
    """
    return resolve(spec, weights_dir).fingerprint


def available_extractors(weights_dir: Path | None) -> list[str]:
    """Those of the standard extractors that need no weights or whose weights are at hand, cheapest first."""
    parsed = [parse_spec(name) for name in STANDARD]
    return [
        spec.name
        for spec in parsed
        if not BACKBONES[spec.backbone].has_weights or find_weights(spec, weights_dir)
    ]


def _flatten(images: Floats) -> Floats:
    return images.reshape(len(images), -1) / np.float32(255)


def _describe(images: Floats) -> Floats:
    return np.stack([histograms.describe(image) for image in images])
