"""Delete an extractor that is no longer used: its embeddings, its index and its exported model."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Length

from catalog import shared_files
from catalog.models import Embedding, Extractor, GenreModel, SimilarityIndex
from catalog.runs import lifecycle
from ml.extractors.export_cache import manifest_path

from . import extractors

ROWS_PER_DELETE = 2000


class CannotDelete(ValueError):
    """An extractor is unknown, ambiguous or in use; the message says what to do."""


@dataclass(frozen=True)
class StoredData:
    """What is stored for one extractor.

    vectors, vector_bytes: its embeddings. file_bytes: its index and its exported model. models: the genre
    models that use it. in_use: a sentence that says why it cannot be deleted, or "". configured: whether the
    next embedding run would create its embeddings again.
    """

    extractor: Extractor
    vectors: int
    vector_bytes: int
    file_bytes: int
    models: int
    in_use: str
    configured: bool


def find(text: str) -> Extractor:
    """The extractor with that spec, fingerprint or end of a fingerprint (at least four characters).

    Raises CannotDelete if there is none or more than one.
    """
    every = list(Extractor.objects.all())
    exact = [each for each in every if each.fingerprint == text]
    found = exact or [
        each for each in every if each.spec == text or (len(text) > 3 and each.fingerprint.endswith(text))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(each.fingerprint for each in every) or "none"
        raise CannotDelete(f"There is no extractor {text!r}. Known extractors: {known}.")
    listed = ", ".join(f"{each.fingerprint} ({'' if _why_in_use(each) else 'not '}in use)" for each in found)
    raise CannotDelete(f"{len(found)} extractors match {text}. Give the fingerprint of one: {listed}.")


def stored_data(extractor: Extractor) -> StoredData:
    """What is stored for `extractor`, and whether it can be deleted."""
    embeddings = Embedding.objects.filter(extractor=extractor)
    totals = embeddings.aggregate(number=Count("pk"), size=Sum(Length("vector")))
    return StoredData(
        extractor=extractor,
        vectors=totals["number"],
        vector_bytes=totals["size"] or 0,
        file_bytes=sum(_size(path) for path in _files(extractor)),
        models=extractor.genre_models.count(),
        in_use=_why_in_use(extractor),
        configured=_includes(extractors.required_specs(), extractor),
    )


def delete(extractor: Extractor) -> StoredData:
    """Delete the extractor's embeddings, index and exported model, and its row unless a genre model uses it.

    After an interruption it can be called again. Returns what there was. Raises CannotDelete if look-alikes,
    the active genre model or a live run use the extractor.
    """
    before = stored_data(extractor)
    if before.in_use:
        raise CannotDelete(before.in_use)
    vectors = Embedding.objects.filter(extractor=extractor).order_by("pk")
    # In steps, so that others can write to the database in between.
    while keys := list(vectors.values_list("pk", flat=True)[:ROWS_PER_DELETE]):
        Embedding.objects.filter(pk__in=keys).delete()
    SimilarityIndex.objects.filter(extractor=extractor).delete()
    for path in _files(extractor):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    shared_files.delete_published(Path(settings.INDEX_DIR) / str(extractor.pk))
    exported = extractors.exported_file(extractor.fingerprint)
    shared_files.delete_starting_with(exported.with_name(f"{exported.stem}."))
    if not before.models:
        extractor.delete()
    return before


def _why_in_use(extractor: Extractor) -> str:
    if extractor == extractors.default_extractor():
        return (
            f"Look-alikes come from {extractor}: configure another extractor in POSTERSITE_EXTRACTORS and "
            "embed most posters with it first."
        )
    model = extractor.genre_models.filter(state=GenreModel.State.ACTIVE).first()
    if model is not None:
        return f"The active genre model {model.version} uses {extractor}: promote another one first."
    for run in lifecycle.live_runs().filter(kind="embed"):
        if _includes(run.params.get("extractors", []), extractor):
            return f"{run} is embedding with {extractor}: wait until it has finished, or cancel it."
    return ""


def _includes(specs: list[str], extractor: Extractor) -> bool:
    return extractor.fingerprint in extractors.available(specs)[0].values()


def _files(extractor: Extractor) -> list[Path]:
    exported = extractors.exported_file(extractor.fingerprint)
    paths = [Path(settings.INDEX_DIR) / str(extractor.pk), exported, manifest_path(exported)]
    return [path for path in paths if path.exists()]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
