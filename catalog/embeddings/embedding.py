"""Embed posters: which extractors the site uses, which posters lack one, and the rows that result."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from catalog.models import Embedding, Extractor, GenreModel, Poster, Run, RunItem
from catalog.runs import leases
from ml.extractors import registry, runtime
from ml.extractors.weights import WeightsUnavailable

from . import index_files

log = logging.getLogger(__name__)

# What every site looks at posters with unless POSTERSITE_EXTRACTORS says otherwise, the default first.
USUAL = ("postersite",)
# These see colour and shape and know nothing of what is pictured, the better one first.
WITHOUT_A_NETWORK = ("histograms", "pixels")
POSTERS_PER_WRITE = 32
LARGEST_FLOAT16 = 65504.0
UNUSABLE = (WeightsUnavailable, registry.UnknownExtractor)


class UnusableVector(ValueError):
    """An extractor gave a vector that cannot be stored: not finite, or beyond float16."""


def wanted_specs() -> list[str]:
    """Extractor specs the site embeds with, the default first.

    What POSTERSITE_EXTRACTORS says; else our own ConvNet, which comes with its weights. Raw pixels and the
    published recipes' ConvNets are used where a site names them.
    """
    return list(settings.EXTRACTORS or USUAL)


def specs_to_embed_with() -> list[str]:
    """The wanted specs and, should it not be among them, that of the extractor the active genre model reads.

    Without it a model trained on an earlier extractor could not be asked about new posters until another
    model is promoted.
    """
    specs = wanted_specs()
    read = Extractor.objects.filter(genre_models__state=GenreModel.State.ACTIVE).first()
    if read is None or read.fingerprint in _fingerprints(specs):
        return specs
    return [*specs, read.spec] if can_make(read) else specs


def why_no_convnet() -> Literal["", "weights", "embedding"]:
    """Why look-alikes come from colour and shape only; empty when a ConvNet sees, or none is wanted.

    "weights": those of the ConvNets that POSTERSITE_EXTRACTORS names are not at hand. "embedding": they are,
    and most posters have not been looked at with them yet.
    """
    convnets = [spec for spec in wanted_specs() if is_convnet(spec)]
    default = default_extractor() if convnets else None
    if default is None or is_convnet(default.spec):
        return ""
    return "embedding" if usable(convnets)[0] else "weights"


def is_convnet(spec: str) -> bool:
    return spec.partition(":")[0] not in WITHOUT_A_NETWORK


def _fingerprints(specs: Sequence[str]) -> set[str]:
    return {found for found in map(_fingerprint_or_none, specs) if found is not None}


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


def can_make(extractor: Extractor) -> bool:
    """Whether this site can embed posters with exactly that extractor."""
    return _fingerprint_or_none(extractor.spec) == extractor.fingerprint


def default_extractor() -> Extractor | None:
    """The best extractor that has embedded most of what any has; None before anything is embedded.

    Best are those that POSTERSITE_EXTRACTORS names, in its order, else our own ConvNet; then other ConvNets,
    histograms, pixels. One that has only begun, on a catalogue that others have looked at wholly, does not
    answer for them yet: its forerunner does.
    """
    made = _embeddings_made()
    if not made:
        return None
    enough = max(made.values()) / 2
    named = [_fingerprint_or_none(spec) for spec in settings.EXTRACTORS or USUAL[:1]]

    def rank(extractor: Extractor) -> tuple[int, int, int, int]:
        place = named.index(extractor.fingerprint) if extractor.fingerprint in named else len(named)
        return place, _plainness(extractor.spec), -made[extractor.pk], extractor.pk

    known = [pk for pk, count in made.items() if count >= enough]
    return min(Extractor.objects.filter(pk__in=known), key=rank, default=None)


def _plainness(spec: str) -> int:
    return 0 if is_convnet(spec) else 1 + WITHOUT_A_NETWORK.index(spec.partition(":")[0])


def _fingerprint_or_none(spec: str) -> str | None:
    with suppress(*UNUSABLE):
        return fingerprint(spec)
    return None


def _embeddings_made() -> dict[int, int]:
    """How many posters each extractor has embedded, by its pk; those that have none are left out."""
    counted = Embedding.objects.order_by().values_list("extractor").annotate(Count("pk"))
    return dict(counted)


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
        # The first batch of a ConvNet waits for its export: several together outlast the lease.
        leases.renew(items)
        try:
            with _said_while_exporting(items[0].run, spec):
                load(spec)
            errors |= embed(posters, spec)
        except (*UNUSABLE, runtime.ExtractorFailed) as error:
            errors |= {poster.pk: str(error) for poster in posters}
    leases.finish_all(
        items, errors={item.pk: errors[item.poster_id] for item in items if item.poster_id in errors}
    )
    index_files.build_during_run(items[0].run)


@contextmanager
def _said_while_exporting(run: Run, spec: str) -> Iterator[None]:
    """The first batch of a ConvNet stands still for a minute: its run says why."""
    if (
        not registry.parse_spec(spec).needs_weights
        or (Path(settings.EXPORTS_DIR) / f"{fingerprint(spec)}.tflite").exists()
    ):
        yield
        return
    said = f"Getting {spec} ready: a ConvNet is converted once, which takes a minute or two."
    before = "" if run.message == said else run.message
    Run.objects.filter(pk=run.pk).update(message=said)
    try:
        yield
    finally:
        Run.objects.filter(pk=run.pk, message=said).update(message=before)


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
    with transaction.atomic():
        # A poster that was deleted while its batch was embedded must not cost the others their vectors.
        posters = Poster.objects.select_for_update(no_key=True).filter(pk__in=[row.poster_id for row in rows])
        there = set(posters.values_list("pk", flat=True))
        # A batch that is redelivered writes the same vectors again: that is no error.
        Embedding.objects.bulk_create(
            [row for row in rows if row.poster_id in there],
            update_conflicts=True,
            unique_fields=["poster", "extractor"],
            update_fields=["vector"],
        )
