"""A column's value as JSON, and back from JSON that nobody vouches for."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from .columns import AnyField, names_a_person

NO_TEXT = re.compile("[\x00\ud800-\udfff]")
SHA256 = re.compile(r"[0-9a-f]{64}")
# What the media view hands out (catalog/web/views/media.py), and nothing that leads elsewhere.
PICTURE = re.compile(r"(posters|learning_curves)(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}){1,3}\.(jpg|png|webp)")
WEIGHTS = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,180}\.npz")
# By the column's name, what its text must be: these are taken apart as numbers, or become names of files.
FORMS = {
    "sha256": SHA256,
    "poster_sha256": re.compile(r"([0-9a-f]{64})?"),
    "weights_sha256": SHA256,
    "perceptual_hash": re.compile(r"[0-9a-f]{16}"),
    "fingerprint": re.compile(r"[A-Za-z0-9][^/\\\x00-\x20\x7f]*"),
    "weights_file": WEIGHTS,
}
LISTS_OF_TEXT = ("genres", "no_evidence")
LISTS_OF_NUMBERS = ("thresholds", "sure_thresholds")


class BadValue(ValueError):
    """A value that its column cannot have; the message says what is wrong, without naming the column."""


def to_json(field: AnyField, value: Any, people: Mapping[int, str]) -> Any:
    """What stands for `value` in an export. people: account names by id, for columns that refer to one.

    Raises TypeError for a kind of column that exports do not know yet.
    """
    if value is None or names_a_person(field):
        return None if value is None else people[value]
    return _kind(field)[0](value)


def from_json(field: AnyField, value: Any, people: Mapping[str, int]) -> Any:
    """The value that `value`, as read from an export, stands for. people: ids of accounts by name.

    Raises BadValue for one of the wrong type, form or range. Whether what it refers to exists, and whether
    rows fit each other, is for the database to say.
    """
    if value is None:
        if not field.null:
            raise BadValue("is missing")
        return None
    if names_a_person(field):
        if not isinstance(value, str) or value not in people:
            raise BadValue(f"names {value!r}, who is not among the people of this export")
        return people[value]
    read = _kind(field)[1](field, value)
    _check(field, read)
    return read


def _check(field: AnyField, value: Any) -> None:
    form = FORMS.get(field.name)
    if form is not None and not form.fullmatch(value):
        raise BadValue(f"is {_shown(value)}, which it cannot be")
    if field.choices and value not in _choices(field):
        raise BadValue(f"is {_shown(value)}, which is none of its values")
    try:
        field.run_validators(value)
    except ValidationError as error:
        raise BadValue(f"is {_shown(value)}: {' '.join(error.messages)}") from error


@cache
def _choices(field: AnyField) -> frozenset[Any]:
    return frozenset(choice for choice, _ in field.flatchoices)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _as_it_is(value: Any) -> Any:
    return value


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _read_text(field: AnyField, value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"is {_shown(value)}, and should be text")
    if NO_TEXT.search(value):
        raise BadValue("holds a NUL or half a character")
    return value


def _read_picture(field: AnyField, value: Any) -> str:
    name = _read_text(field, value)
    inside = name.startswith(f"{field.upload_to}/")  # type: ignore[attr-defined]
    if not (name == "" and field.blank) and not (inside and PICTURE.fullmatch(name) and ".." not in name):
        raise BadValue(f"is {_shown(name)}, which is no name of a stored picture")
    return name


def _read_whole(field: AnyField, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValue(f"is {_shown(value)}, and should be a whole number")
    if (field.primary_key or field.is_relation) and not 0 < value < 2**63:
        raise BadValue(f"is {value}, and ids are positive")
    return value


def _read_number(field: AnyField, value: Any) -> float:
    if not _is_number(value):
        raise BadValue(f"is {_shown(value)}, and should be a finite number")
    return float(value)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False  # more digits than a float can have


def _read_yes_or_no(field: AnyField, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"is {_shown(value)}, and should be true or false")
    return value


def _read_moment(field: AnyField, value: Any) -> datetime:
    try:
        read = datetime.fromisoformat(_read_text(field, value))
        if read.tzinfo is None:
            raise BadValue(f"is {_shown(value)}, a time without its zone")
        return read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(f"is {_shown(value)}, and should be a time like 2026-11-22T04:00:00Z") from error


def _read_uuid(field: AnyField, value: Any) -> uuid.UUID:
    try:
        return uuid.UUID(_read_text(field, value))
    except ValueError as error:
        raise BadValue(f"is {_shown(value)}, and should be a UUID") from error


def _read_structure(field: AnyField, value: Any) -> Any:
    if field.name in LISTS_OF_TEXT:
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
    elif field.name in LISTS_OF_NUMBERS:
        fits = isinstance(value, list) and all(map(_is_number, value))
    else:
        fits = isinstance(value, field.default if field.default in (list, dict) else (list, dict))
    if not fits:
        raise BadValue(f"is {_shown(value)}, which has another shape than it should")
    return value


Kind = tuple[Callable[[Any], Any], Callable[[AnyField, Any], Any]]
# The first that a column is an instance of says how it is written and read.
KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (models.ForeignKey, (_as_it_is, _read_whole)),
    (models.FileField, (str, _read_picture)),
    (models.BooleanField, (_as_it_is, _read_yes_or_no)),
    (models.IntegerField, (_as_it_is, _read_whole)),
    (models.FloatField, (_as_it_is, _read_number)),
    (models.DateTimeField, (_moment, _read_moment)),
    (models.JSONField, (_as_it_is, _read_structure)),
    (models.UUIDField, (str, _read_uuid)),
    (models.CharField, (_as_it_is, _read_text)),
    (models.TextField, (_as_it_is, _read_text)),
)


@cache
def _kind(field: AnyField) -> Kind:
    for known, kind in KINDS:
        if isinstance(field, known):
            return kind
    raise TypeError(
        f"Exports do not know columns such as {field}, a {type(field).__name__}: say how in KINDS."
    )
