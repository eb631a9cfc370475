"""Every table and column is exported or excluded for a reason; values are read back as they were written."""

from __future__ import annotations

import json
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Field, Model
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import (
    Embedding,
    Extractor,
    GenreModel,
    Movie,
    MovieGenre,
    Poster,
    ReviewDecision,
    Suggestion,
)
from catalog.transfer._columns import EXCLUDED, TABLES, fields_of, from_json, is_account, json_types, to_json
from catalog.transfer._layout import is_safe

ACCOUNTS = {"anna": 7}
NOT_SURROGATE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
POSTER_NAMES = st.text("./ab\\~\x00", max_size=30).map(lambda text: f"media/posters/{text}.jpg")
ALL_FIELDS = [column for model in TABLES.values() for column in fields_of(model)]


def column(model: type[Model], name: str) -> Field[Any, Any]:
    return model._meta.get_field(name)  # type: ignore[return-value]


def round_trip(field: Field[Any, Any], value: Any) -> Any:
    return from_json(field, json.loads(json.dumps(value, default=to_json)), ACCOUNTS)


def test_every_table_is_exported_or_excluded() -> None:
    models = [model for model in apps.get_app_config("catalog").get_models() if not model._meta.proxy]
    assert {model._meta.object_name for model in models} == {
        *(model._meta.object_name for model in TABLES.values()),
        *EXCLUDED,
    }


@pytest.mark.parametrize("model", TABLES.values(), ids=list(TABLES))
def test_every_column_is_exported_or_can_be_restored_without(model: type[Model]) -> None:
    for field in model._meta.concrete_fields:
        if field in fields_of(model):
            assert field.is_relation or json_types(field)
        elif isinstance(field, BinaryField):
            assert model is Embedding  # vectors are exported to files of their own
        else:
            assert field.null


def test_a_table_is_restored_after_those_that_it_refers_to() -> None:
    restored: list[type[Model]] = []
    for model in TABLES.values():
        restored.append(model)
        for field in fields_of(model):
            if field.is_relation and not is_account(field):
                assert field.related_model in restored


@given(
    text=st.text(NOT_SURROGATE, min_size=1, max_size=40),
    number=FINITE,
    whole=st.integers(0, 2**31 - 1),
    time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])),
    facts=st.dictionaries(st.text(NOT_SURROGATE, max_size=5), FINITE),
)
def test_values_are_read_as_they_were_written(**values: Any) -> None:
    assert round_trip(column(Movie, "title"), values["text"]) == values["text"]
    assert round_trip(column(Suggestion, "score"), values["number"]) == values["number"]
    assert round_trip(column(Movie, "tmdb_id"), values["whole"]) == values["whole"]
    assert round_trip(column(GenreModel, "metrics"), values["facts"]) == values["facts"]
    if 1 < values["time"].year < 9999:  # else UTC may have no such year
        assert round_trip(column(Movie, "created_at"), values["time"]) == values["time"]


@settings(max_examples=60)
@given(ANY_JSON)
def test_any_value_is_accepted_or_refused(value: Any) -> None:
    for field in ALL_FIELDS:
        try:
            accepted = from_json(field, value, ACCOUNTS)
        except ValidationError:
            continue
        if not is_account(field):
            assert round_trip(field, accepted) == accepted


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        *((Movie, "title", value) for value in (None, 5, "x" * 501, "a\x00b", "\ud800")),
        *((Movie, "id", value) for value in (0, True, 2**63)),
        *((Movie, "year", value) for value in ("1999", 1e3, -1)),
        *((Movie, "created_at", value) for value in ("yesterday", "2026-11-22", "2026-11-22T04:00:00")),
        (Movie, "genres_locked", 1),
        (Movie, "merged_into", -1),
        (MovieGenre, "origin", "invented"),
        (Poster, "sha256", "F" * 64),
        (Poster, "perceptual_hash", "0123456789abcdeg"),
        *((Suggestion, "score", value) for value in ("0.5", 10**400, True)),
        (Extractor, "fingerprint", "../../etc"),
        (Extractor, "fingerprint", ".."),
        (GenreModel, "metrics", []),
        (ReviewDecision, "reviewer", "nobody"),
        (ReviewDecision, "reviewer", 7),
    ],
)
def test_a_value_that_its_column_cannot_have(model: type[Model], name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        from_json(column(model, name), value, ACCOUNTS)


@pytest.mark.parametrize(
    "lists",
    [
        {"genres": ["Drama", 5]},
        {"thresholds": [0.5, "0.5"]},
        {"thresholds": [0.5, 10**400]},
        {"sure_thresholds": [0.5]},
    ],
)
def test_lists_of_a_genre_model_that_do_not_match(lists: dict[str, Any]) -> None:
    model = GenreModel(genres=["Drama", "War"], thresholds=[0.5, 1], no_evidence=["War"])
    model.clean()
    for name, value in lists.items():
        setattr(model, name, value)
    with pytest.raises(ValidationError):
        model.clean()


@given(st.text(max_size=80) | POSTER_NAMES)
def test_a_safe_name_stays_in_the_folder(name: str) -> None:
    if is_safe(name):
        assert not name.startswith("/") and ".." not in name and "\\" not in name and "//" not in name
