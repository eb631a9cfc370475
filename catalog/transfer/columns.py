"""Which tables an export holds, in the order they are restored, and which it leaves out and why."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from django.conf import settings
from django.db.models import BinaryField, Field, FileField, Model

from catalog.models import (
    DecisionBatch,
    DuplicateDecision,
    DuplicateGroup,
    DuplicateMember,
    Embedding,
    Extractor,
    Genre,
    GenreModel,
    ImportedFile,
    Movie,
    MovieGenre,
    Placeholder,
    Poster,
    ReviewDecision,
    SourceLookup,
    Suggestion,
)

AnyField: TypeAlias = "Field[Any, Any]"

TABLES: dict[str, type[Model]] = {
    "genres": Genre,
    "movies": Movie,
    "movie_genres": MovieGenre,
    "extractors": Extractor,
    "posters": Poster,
    "source_lookups": SourceLookup,
    "embeddings": Embedding,
    "genre_models": GenreModel,
    "suggestions": Suggestion,
    "decision_batches": DecisionBatch,
    "review_decisions": ReviewDecision,
    "duplicate_groups": DuplicateGroup,
    "duplicate_members": DuplicateMember,
    "duplicate_decisions": DuplicateDecision,
    "placeholders": Placeholder,
    "imported_files": ImportedFile,
}
# Exports of earlier versions lack these.
ADDED = {"decision_batches", "imported_files"}
# By the model's name. References to these are left out with them, and must be nullable.
LEFT_OUT = {
    "Run": "how a step went on one machine; what it brought is exported",
    "RunItem": "what a run still owes to its workers",
    "RunChunk": "what a run has not written as items yet",
    "SimilarityIndex": "names index files, which are built again from the vectors",
    "SearchTitle": "what search looks through, made from the movies",
    "ImportChange": "undoes an import by its run, and runs are left out",
}


def fields_of(model: type[Model]) -> list[AnyField]:
    """The columns of a table that are exported, vectors not among them: those lie in files of their own."""
    return [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, BinaryField) and not _leads_to_what_is_left_out(field)
    ]


def file_fields_of(model: type[Model]) -> list[AnyField]:
    """The columns that name pictures in the media folder."""
    return [field for field in fields_of(model) if isinstance(field, FileField)]


@cache
def names_a_person(field: AnyField) -> bool:
    """Whether the column refers to an account: an export knows accounts by their names only."""
    return bool(field.is_relation) and _target(field)._meta.label == settings.AUTH_USER_MODEL


def _leads_to_what_is_left_out(field: AnyField) -> bool:
    return bool(field.is_relation) and _target(field)._meta.object_name in LEFT_OUT


def _target(field: AnyField) -> type[Model]:
    return field.related_model  # type: ignore[return-value]
