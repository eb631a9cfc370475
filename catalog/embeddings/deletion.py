"""Forget an extractor that is no longer used: its embeddings, and the files made from them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Length

from catalog.models import Embedding, Extractor, GenreModel, Run, SimilarityIndex
from catalog.runs import lifecycle
from ml.extractors.export_cache import manifest_path

from . import embedding

ROWS_AT_ONCE = 2000


class CannotForget(ValueError):
    """An extractor is not known, not named clearly, or still used; the message says which and what to do."""


@dataclass(frozen=True)
class Holdings:
    """What there is of one extractor.

    vectors, vector_bytes: its embeddings. file_bytes: its look-alike index and its export, on disk. models:
    genre models that read it. used: why it must stay, in a sentence; empty if it may go. comes_back: whether
    the next embedding run would make the embeddings anew.
    """

    extractor: Extractor
    vectors: int
    vector_bytes: int
    file_bytes: int
    models: int
    used: str
    comes_back: bool


def all_holdings() -> list[Holdings]:
    """Of every extractor that has a row, in the order they came."""
    return [holdings(extractor) for extractor in Extractor.objects.all()]


def named(text: str) -> Extractor:
    """The extractor of that spec, fingerprint or end of a fingerprint (four characters or more).

    Raises CannotForget if there is none, or several: then they are listed.
    """
    every = list(Extractor.objects.all())
    exact = [each for each in every if each.fingerprint == text]
    found = exact or [
        each for each in every if each.spec == text or (len(text) > 3 and each.fingerprint.endswith(text))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(each.fingerprint for each in every) or "none yet"
        raise CannotForget(f"There is no extractor {text!r} here. There are: {known}.")
    which = ", ".join(
        f"{each.fingerprint} ({'in use' if holdings(each).used else 'not in use'})" for each in found
    )
    raise CannotForget(f"{len(found)} extractors are called {text}: name one by its fingerprint: {which}.")


def holdings(extractor: Extractor) -> Holdings:
    """What there is of `extractor`, and whether it may go."""
    made = Embedding.objects.filter(extractor=extractor).aggregate(
        number=Count("pk"), size=Sum(Length("vector"))
    )
    return Holdings(
        extractor=extractor,
        vectors=made["number"],
        vector_bytes=made["size"] or 0,
        file_bytes=sum(_size(path) for path in _files(extractor)),
        models=extractor.genre_models.count(),
        used=_why_used(extractor),
        comes_back=_is_wanted(extractor),
    )


def forget(extractor: Extractor) -> Holdings:
    """Delete the extractor's embeddings, indexes and export, and its row unless a genre model names it.

    Interrupted, it can be done again. Returns what there was. Raises CannotForget for one that is used:
    look-alikes come from it, the genre model in use reads it, or a run is embedding with it.
    """
    had = holdings(extractor)
    if had.used:
        raise CannotForget(had.used)
    vectors = Embedding.objects.filter(extractor=extractor).order_by("pk")
    # A large catalogue's would hold the database for as long as nobody could write to it.
    while keys := list(vectors.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        Embedding.objects.filter(pk__in=keys).delete()
    SimilarityIndex.objects.filter(extractor=extractor).delete()
    for path in _files(extractor):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if not had.models:
        extractor.delete()
    return had


def _why_used(extractor: Extractor) -> str:
    if extractor == embedding.default_extractor():
        return (
            f"Look-alikes come from {extractor}: embed most posters with another extractor first, and name "
            "that in POSTERSITE_EXTRACTORS."
        )
    model = extractor.genre_models.filter(state=GenreModel.State.ACTIVE).first()
    if model is not None:
        return f"Genre model {model.version}, which is in use, reads {extractor}: promote another one first."
    for run in _embedding_runs():
        if extractor.fingerprint in _wanted(run.params.get("extractors", [])):
            return f"{run} is embedding with {extractor}: wait for its end, or cancel it."
    return ""


def _is_wanted(extractor: Extractor) -> bool:
    return extractor.fingerprint in _wanted(embedding.wanted_specs())


def _wanted(specs: list[str]) -> set[str]:
    return {embedding.fingerprint(spec) for spec in embedding.usable(specs)[0]}


def _embedding_runs() -> QuerySet[Run]:
    return lifecycle.live_runs().filter(kind="embed")


def _files(extractor: Extractor) -> list[Path]:
    exported = Path(settings.EXPORTS_DIR) / f"{extractor.fingerprint}.tflite"
    places = [Path(settings.INDEX_DIR) / str(extractor.pk), exported, manifest_path(exported)]
    return [place for place in places if place.exists()]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
