"""Embed posters: which extractors the site uses, which posters lack one, and the rows that result."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Embedding, Extractor, Poster, RunItem
from ml import backbones, runtime
from ml.weights import WeightsUnavailable

from . import claims

log = logging.getLogger(__name__)

WITHOUT_WEIGHTS = ("histograms", "pixels")
POSTERS_PER_WRITE = 32
LARGEST_FLOAT16 = 65504.0
UNUSABLE = (WeightsUnavailable, backbones.UnknownExtractor)


class UnusableVector(ValueError):
    """An extractor gave a vector that cannot be stored: not finite, or beyond float16."""


def wanted_specs() -> list[str]:
    """Extractor specs the site embeds with, the default first.

    What POSTERSITE_EXTRACTORS says; else every ConvNet whose weights are at hand, with raw pixels beside it;
    else, without any weights, colour and gradient histograms with raw pixels beside them.
    """
    if settings.EXTRACTORS:
        return list(settings.EXTRACTORS)
    available = runtime.available_extractors(settings.WEIGHTS_DIR)
    convnets = [spec for spec in available if needs_weights(spec)]
    return [*convnets, "pixels"] if convnets else list(WITHOUT_WEIGHTS)


def no_convnet() -> bool:
    """True while the site sees with colour and shape only, because no pretrained weights are at hand."""
    return not any(needs_weights(spec) for spec in wanted_specs())


def needs_weights(spec: str) -> bool:
    return backbones.parse_spec(spec).backbone not in WITHOUT_WEIGHTS


def usable(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of `specs` that can be had here, and for each of the others a sentence saying why not."""
    had: list[str] = []
    problems: list[str] = []
    for spec in specs:
        try:
            fingerprint(spec)
        except UNUSABLE as error:
            problems.append(str(error))
        else:
            had.append(spec)
    return had, problems


def fingerprint(spec: str) -> str:
    """Fingerprint of the extractor that `spec` names here. Raises WeightsUnavailable, UnknownExtractor."""
    return runtime.resolve_fingerprint(spec, settings.WEIGHTS_DIR)


def default_extractor() -> Extractor | None:
    """The first wanted extractor that has made embeddings already; None before any has."""
    for spec in wanted_specs():
        try:
            found = Extractor.objects.filter(fingerprint=fingerprint(spec)).first()
        except UNUSABLE:
            continue
        if found is not None:
            return found
    return Extractor.objects.order_by("pk").first()


def lacking(posters: QuerySet[Poster], specs: Sequence[str]) -> QuerySet[Poster]:
    """Those of `posters` that lack an embedding of at least one extractor. Raises as `fingerprint`."""
    missing = Q(pk__in=[])
    for spec in specs:
        made = Embedding.objects.filter(poster=OuterRef("pk"), extractor__fingerprint=fingerprint(spec))
        missing |= Q(~Exists(made))
    return posters.filter(missing)


def embed_items(items: Sequence[RunItem]) -> None:
    """Embed each item's poster with every extractor the run asks for, and finish or fail the item."""
    posters = [item.poster for item in items if item.poster is not None]
    errors: dict[int, str] = {}
    for spec in items[0].run.params["extractors"]:
        try:
            errors |= embed(posters, spec)
        except (*UNUSABLE, runtime.ExtractorFailed) as error:
            errors |= {poster.pk: str(error) for poster in posters}
    for item in items:
        assert item.poster is not None  # noqa: S101  an embedding run has posters for items
        if item.poster.pk in errors:
            claims.fail(item, errors[item.poster.pk])
        else:
            claims.finish(item)


def embed(posters: Sequence[Poster], spec: str) -> dict[int, str]:
    """Store the embeddings of `posters` that are missing for one extractor.

    Returns what went wrong, by poster id; one bad poster never costs the others. Raises WeightsUnavailable
    or ExtractorFailed when the extractor itself cannot be had.
    """
    extractor = load(spec)
    row, _ = Extractor.objects.get_or_create(
        fingerprint=extractor.fingerprint, defaults={"spec": extractor.name, "dims": extractor.dims}
    )
    made = set(
        Embedding.objects.filter(extractor=row, poster__in=posters).values_list("poster_id", flat=True)
    )
    todo = [poster for poster in posters if poster.pk not in made]
    errors: dict[int, str] = {}

    def note(index: int, error: Exception) -> None:
        errors.setdefault(todo[index].pk, f"{todo[index]}: {error}")

    rows: list[Embedding] = []
    for index, vector in extractor.embed_files(_files(todo, errors), on_error=note):
        try:
            rows.append(Embedding(poster=todo[index], extractor=row, vector=packed(vector)))
        except UnusableVector as error:
            note(index, error)
        if len(rows) == POSTERS_PER_WRITE:
            _write(rows)
            rows = []
    _write(rows)
    return errors


def load(spec: str) -> runtime.Extractor:
    """The extractor, ready to embed; kept for the life of the process, or until its weights change.

    Raises WeightsUnavailable, UnknownExtractor, ExtractorFailed.
    """
    return _load(spec, fingerprint(spec))


@lru_cache(maxsize=4)
def _load(spec: str, fingerprint: str) -> runtime.Extractor:
    return runtime.load_extractor(
        spec,
        weights_dir=settings.WEIGHTS_DIR,
        cache_dir=settings.EXPORTS_DIR,
        threads=settings.INFERENCE_THREADS,
    )


def packed(vector: np.ndarray) -> bytes:
    """A float32 vector, shape (dims,), as little-endian float16. Raises UnusableVector if it can't be."""
    if not np.isfinite(vector).all() or float(np.abs(vector).max(initial=0.0)) > LARGEST_FLOAT16:
        raise UnusableVector(
            "its embedding has numbers that are not finite or too large; the poster may be damaged."
        )
    return vector.astype("<f2").tobytes()


def _files(posters: Sequence[Poster], errors: dict[int, str]) -> Iterator[bytes]:
    for poster in posters:
        try:
            with poster.file.open("rb") as file:
                data = file.read()
        except OSError as error:
            why = error.strerror or error
            errors[poster.pk] = f"{poster}: {poster.file.name} cannot be read ({why}). Fetch it again."
            data = b""  # rejected as no image; the sentence above is the one that is kept
        yield data


def _write(rows: Sequence[Embedding]) -> None:
    # A batch that is redelivered writes the same vectors again: that is no error.
    Embedding.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["poster", "extractor"], update_fields=["vector"]
    )
