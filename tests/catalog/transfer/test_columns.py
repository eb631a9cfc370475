"""Values become JSON and come back the same; what a column cannot have is refused with a sentence."""

from __future__ import annotations

import json
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from django.db.models import Field, Model
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import Extractor, GenreModel, Movie, MovieGenre, Poster, ReviewDecision, Suggestion
from catalog.transfer.columns import TABLES, fields_of
from catalog.transfer.layout import is_safe
from catalog.transfer.values import BadValue, from_json, to_json

PEOPLE = {"anna": 7}
NOT_SURROGATE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
POSTER_NAMES = st.text("./ab\\~\x00", max_size=30).map(lambda text: f"media/posters/{text}.jpg")
ALL_FIELDS = [column for model in TABLES.values() for column in fields_of(model)]


def column(model: type[Model], name: str) -> Field[Any, Any]:
    return model._meta.get_field(name)  # type: ignore[return-value]


def round_trip(model: type[Model], name: str, value: Any) -> Any:
    field = column(model, name)
    return from_json(field, json.loads(json.dumps(to_json(field, value, {7: "anna"}))), PEOPLE)


@given(st.text(NOT_SURROGATE, max_size=40))
def test_text_comes_back(text: str) -> None:
    assert round_trip(Movie, "title", text) == text


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])))
def test_moments_come_back_to_the_microsecond(moment: Any) -> None:
    try:
        assert round_trip(Movie, "created_at", moment) == moment
    except OverflowError:
        assert moment.year in (1, 9999)  # in UTC it is of no year


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_to_the_last_bit(number: float) -> None:
    assert round_trip(Suggestion, "score", number) == number


@given(st.integers(0, 2**31 - 1))
def test_ids_come_back(number: int) -> None:
    assert round_trip(Movie, "tmdb_id", number) == number


@given(st.dictionaries(st.text(NOT_SURROGATE, max_size=5), st.floats(allow_nan=False, allow_infinity=False)))
def test_structures_come_back(metrics: dict[str, float]) -> None:
    assert round_trip(GenreModel, "metrics", metrics) == metrics


def test_people_travel_by_name() -> None:
    assert to_json(column(ReviewDecision, "reviewer"), 7, {7: "anna"}) == "anna"
    assert round_trip(ReviewDecision, "reviewer", 7) == 7


@settings(max_examples=60)
@given(ANY_JSON)
def test_whatever_is_read_is_taken_or_refused_with_a_sentence(value: Any) -> None:
    for field in ALL_FIELDS:
        try:
            taken = from_json(field, value, PEOPLE)
        except BadValue as error:
            assert str(error)
        else:
            # What is taken could have been written.
            again = to_json(field, taken, {7: "anna"})
            assert from_json(field, again, PEOPLE) == taken


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (Movie, "title", None),
        (Movie, "title", 5),
        (Movie, "title", "x" * 501),
        (Movie, "title", "a\x00b"),
        (Movie, "title", "\ud800"),
        (Movie, "id", 0),
        (Movie, "id", True),
        (Movie, "id", 2**63),
        (Movie, "year", "1999"),
        (Movie, "year", 1e3),
        (Movie, "genres_locked", 1),
        (Movie, "created_at", "yesterday"),
        (Movie, "created_at", "2026-11-22T04:00:00"),
        (Movie, "merged_into", -1),
        (MovieGenre, "origin", "invented"),
        (Poster, "file", "../secret.jpg"),
        (Poster, "file", "/etc/passwd.jpg"),
        (Poster, "file", "posters/../../x.jpg"),
        (Poster, "file", "posters/a/x.html"),
        (Poster, "file", "learning_curves/x.jpg"),
        (Poster, "file", ""),
        (Poster, "file", "posters/.hidden.jpg"),
        (Poster, "sha256", "F" * 64),
        (Poster, "perceptual_hash", "0123456789abcdeg"),
        (Suggestion, "score", float("nan")),
        (Suggestion, "score", 10**400),
        (Suggestion, "score", True),
        (Extractor, "fingerprint", "../../etc"),
        (Extractor, "fingerprint", ".."),
        (GenreModel, "weights_file", "../weights.npz"),
        (GenreModel, "weights_file", "weights.pickle"),
        (GenreModel, "genres", ["Drama", 5]),
        (GenreModel, "thresholds", "0.5"),
        (GenreModel, "thresholds", [float("inf")]),
        (GenreModel, "metrics", []),
        (ReviewDecision, "reviewer", "nobody"),
        (ReviewDecision, "reviewer", 7),
    ],
)
def test_what_a_column_cannot_have_is_refused(model: type[Model], name: str, value: Any) -> None:
    with pytest.raises(BadValue):
        from_json(column(model, name), value, PEOPLE)


@given(st.text(max_size=80) | POSTER_NAMES)
def test_no_listed_name_leads_out_of_the_folder(name: str) -> None:
    if is_safe(name):
        assert not name.startswith("/") and ".." not in name and "\\" not in name and "//" not in name


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "tables/movies.jsonl",
        "embeddings/12.npy",
        "models/0a.npz",
        "models/0a.json",
        "media/posters/ab/abc-original.jpg",
        "media/learning_curves/abc.png",
    ],
)
def test_names_that_exports_have_are_known(name: str) -> None:
    assert is_safe(name)
