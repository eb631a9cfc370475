"""Embed posters: run an extractor over their files and store one vector for each poster and extractor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Embedding, Extractor, Poster, Run, RunItem
from catalog.runs import leases
from ml.extractors import runtime

from . import extractors, index_files, vector_index

POSTERS_PER_WRITE = 32
MAX_FLOAT16 = 65504.0


class UnusableVector(ValueError):
    """An extractor returned a vector that cannot be stored: not finite, or beyond float16."""


def not_embedded(posters: QuerySet[Poster], fingerprints: Sequence[str]) -> QuerySet[Poster]:
    """Those of `posters` that lack an embedding of at least one of these extractors."""
    missing = Q(pk__in=[])
    for fingerprint in fingerprints:
        present = Embedding.objects.filter(poster=OuterRef("pk"), extractor__fingerprint=fingerprint)
        missing |= Q(~Exists(present))
    return posters.filter(missing)


def embed_items(items: Sequence[RunItem]) -> None:
    """Embed each item's poster with every extractor of the run, and finish or fail the item."""
    run = items[0].run
    posters = [item.poster for item in items if item.poster is not None]
    errors: dict[int, str] = {}
    for spec in run.params["extractors"]:
        # The first batch of a ConvNet waits for its export: several together outlast the lease.
        leases.renew(items)
        try:
            errors |= embed(posters, _load(spec, run))
        except (*extractors.UNAVAILABLE, runtime.ExtractorFailed) as error:
            errors |= {poster.pk: str(error) for poster in posters}
    leases.finish_all(
        items, errors={item.pk: errors[item.poster_id] for item in items if item.poster_id in errors}
    )
    index_files.build_during_run(run)


def _load(spec: str, run: Run) -> runtime.Extractor:
    resolved = extractors.resolve(spec)
    if not extractors.needs_export(resolved):
        return extractors.load(resolved)
    with _export_message(run, spec):
        return extractors.load(resolved)


@contextmanager
def _export_message(run: Run, spec: str) -> Iterator[None]:
    """Show on the run why its first batch takes so long."""
    message = f"Preparing {spec}: a ConvNet is converted once, which takes a minute or two."
    before = "" if run.message == message else run.message
    Run.objects.filter(pk=run.pk).update(message=message)
    try:
        yield
    finally:
        Run.objects.filter(pk=run.pk, message=message).update(message=before)


def embed(posters: Sequence[Poster], extractor: runtime.Extractor) -> dict[int, str]:
    """Store the embeddings of `posters` that are missing for one extractor.

    Returns error messages by poster id; a damaged poster does not affect the others.
    """
    row, _ = Extractor.objects.get_or_create(
        fingerprint=extractor.fingerprint, defaults={"spec": extractor.name, "dims": extractor.dims}
    )
    present = set(
        Embedding.objects.filter(extractor=row, poster__in=posters).values_list("poster_id", flat=True)
    )
    missing = [poster for poster in posters if poster.pk not in present]
    errors: dict[int, str] = {}

    def add_error(index: int, error: Exception) -> None:
        errors.setdefault(missing[index].pk, f"{missing[index]}: {error}")

    rows: list[Embedding] = []
    for index, vector in extractor.embed_files(_read_files(missing, errors), on_error=add_error):
        try:
            rows.append(Embedding(poster=missing[index], extractor=row, vector=pack(vector)))
        except UnusableVector as error:
            add_error(index, error)
        if len(rows) == POSTERS_PER_WRITE:
            _store(rows)
            rows = []
    _store(rows)
    return errors


def pack(vector: np.ndarray) -> bytes:
    """A float32 vector, shape (dims,), as little-endian float16. Raises UnusableVector."""
    if not np.isfinite(vector).all() or float(np.abs(vector).max(initial=0.0)) > MAX_FLOAT16:
        raise UnusableVector(
            "its embedding has numbers that are not finite or too large; the poster may be damaged."
        )
    return vector.astype("<f2").tobytes()


def _read_files(posters: Sequence[Poster], errors: dict[int, str]) -> Iterator[bytes]:
    for poster in posters:
        try:
            with poster.file.open("rb") as file:
                data = file.read()
        except OSError as error:
            reason = error.strerror or error
            errors[poster.pk] = f"{poster}: {poster.file.name} cannot be read ({reason}). Fetch it again."
            data = b""  # The extractor rejects it as no image; the first error of a poster counts.
        yield data


def _store(rows: Sequence[Embedding]) -> None:
    with transaction.atomic():
        # One process at a time, so that the order of ids is that of commits: an open index reads those that
        # are newer than what it has.
        used = {row.extractor_id for row in rows}
        list(Extractor.objects.select_for_update(no_key=True).filter(pk__in=used).order_by("pk"))
        # Posters may have been deleted while they were embedded.
        posters = Poster.objects.select_for_update(no_key=True).filter(pk__in=[row.poster_id for row in rows])
        existing = set(posters.values_list("pk", flat=True))
        # A batch that is redelivered writes the same vectors again.
        stored = Embedding.objects.bulk_create(
            [row for row in rows if row.poster_id in existing],
            update_conflicts=True,
            unique_fields=["poster", "extractor"],
            update_fields=["vector"],
        )
        vector_index.add(stored)
