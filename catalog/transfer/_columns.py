"""Which tables and columns an export contains, and how a column's value is written as JSON and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import BinaryField, Field, FileField, Model
from django.utils.timezone import is_naive

from catalog.models import (
    AuditFinding,
    DecisionBatch,
    DuplicateDecision,
    DuplicateGroup,
    DuplicateMember,
    Embedding,
    Extractor,
    Genre,
    GenreModel,
    GenreOpinion,
    ImportedFile,
    Movie,
    MovieGenre,
    Placeholder,
    Poster,
    ReviewDecision,
    ReviewFlag,
    SecondOpinion,
    SourceLookup,
    Suggestion,
)

AnyField: TypeAlias = "Field[Any, Any]"

# In the order in which they are restored: a table follows those that it refers to.
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
    "review_flags": ReviewFlag,
    "audit_findings": AuditFinding,
    "second_opinions": SecondOpinion,
    "genre_opinions": GenreOpinion,
    "duplicate_groups": DuplicateGroup,
    "duplicate_members": DuplicateMember,
    "duplicate_decisions": DuplicateDecision,
    "placeholders": Placeholder,
    "imported_files": ImportedFile,
}
# Exports of earlier versions do not have these tables.
OPTIONAL_TABLES = {
    *("decision_batches", "imported_files", "review_flags"),
    *("audit_findings", "second_opinions", "genre_opinions"),
}
# Models that are not exported, and why. Columns that refer to them are not exported either.
EXCLUDED = {
    "Run": "describes work on one machine; its results are exported",
    "RunItem": "belongs to a run",
    "RunChunk": "belongs to a run",
    "SimilarityIndex": "names index files, which are built again from the vectors",
    "VectorIndex": "names vectors in a table of its own, which are written again from the embeddings",
    "SearchTitle": "the search index, built again from the movies",
    "ImportChange": "belongs to a run",
    "ReviewReservation": "ends after minutes",
}
# The JSON types of each kind of column. JSON columns: see `json_types`.
JSON_TYPES: tuple[tuple[type[Any], tuple[type, ...]], ...] = (
    (models.BooleanField, (bool,)),
    (models.IntegerField, (int,)),
    (models.FloatField, (int, float)),
    (models.DateTimeField, (str,)),
    (models.FileField, (str,)),
    (models.CharField, (str,)),
    (models.TextField, (str,)),
)
# PostgreSQL stores neither NUL nor half a surrogate pair.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def fields_of(model: type[Model]) -> list[AnyField]:
    """The exported columns of a table. Vectors are exported to files of their own."""
    return [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, BinaryField)
        and not (field.is_relation and _target(field)._meta.object_name in EXCLUDED)
    ]


def file_fields_of(model: type[Model]) -> list[AnyField]:
    """The columns that name pictures in the media folder."""
    return [field for field in fields_of(model) if isinstance(field, FileField)]


def exported_name(field: AnyField) -> str:
    """The column's name in an export, which does not change with the attribute in Python."""
    return field.db_column or field.name


@cache
def is_account(field: AnyField) -> bool:
    """Whether the column refers to an account, which an export identifies by its name."""
    return bool(field.is_relation) and _target(field)._meta.label == settings.AUTH_USER_MODEL


def _target(field: AnyField) -> type[Model]:
    return field.related_model  # type: ignore[return-value]


@cache
def json_types(field: AnyField) -> tuple[type, ...]:
    """The JSON types that values of the column may have. Raises TypeError for an unknown kind of column."""
    if isinstance(field, models.JSONField):
        return (type(field.get_default()),) if field.has_default() else (list,)
    for kind, types in JSON_TYPES:
        if isinstance(field, kind):
            return types
    raise TypeError(f"{field} is a {type(field).__name__}: add its JSON type to JSON_TYPES.")


def to_json(value: Any) -> str:
    """The value of a column that JSON has no type for: a date and time."""
    if not isinstance(value, datetime):
        raise TypeError(f"Exports cannot contain {value!r}.")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_json(field: AnyField, value: Any, accounts: Mapping[str, int]) -> Any:
    """The column's value, validated by the model field. accounts: ids by account name.

    Uniqueness, references and conditions on several columns are for the database to check.
    Raises ValidationError.
    """
    if value is None and field.null:
        return None
    if is_account(field):
        if not isinstance(value, str) or value not in accounts:
            raise ValidationError("The export contains no such account.", code="account")
        return accounts[value]
    column: AnyField = field.target_field if field.is_relation else field  # type: ignore[attr-defined]
    if type(value) not in json_types(column):  # True is no number
        raise ValidationError("The value has the wrong type.", code="type")
    if isinstance(value, str) and _NOT_STORABLE.search(value):
        raise ValidationError("The text contains NUL or half a surrogate pair.", code="characters")
    try:
        value = column.clean(value, None)
    except OverflowError as error:
        raise ValidationError("The number is too large.", code="range") from error
    if isinstance(value, datetime) and is_naive(value):
        raise ValidationError("The time has no time zone.", code="time_zone")
    if column.primary_key and value < 1:
        raise ValidationError("Ids are positive.", code="range")
    return value
