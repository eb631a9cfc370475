"""How pages word durations, rates, extractors and addresses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Extractor, GenreModel, ReviewDecision, Suggestion
from catalog.templatetags.wording import (
    duration,
    evidence_text,
    extractor_name,
    extractor_name_among,
    likelihood,
    rate,
    source_name,
    threshold_text,
    web_address,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0.0, "under a second"), (0.4, "under a second"), (1, "1 s"), (59.6, "1 min"),
        (65, "1 min 5 s"), (3600, "1 h"), (7300, "2 h 1 min"), (7205, "2 h 5 s"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e7))
def test_a_duration_always_says_something(seconds: float) -> None:
    assert duration(seconds)


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (None, ""),
        (0, ""),
        (12.4, "12 a second"),
        (0.25, "15 a minute"),
        (0.001, "4 an hour"),
        (1e-4, "less than 1 an hour"),
    ],
)
def test_rates(per_second: float | None, text: str) -> None:
    assert rate(per_second) == text


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("postersite", "Postersite"),
        ("postersite:/srv/eyes/mine.tflite", "Postersite · mine.tflite"),
        ("pixels", "Raw pixels"),
        ("pixels:64x96", "Raw pixels · 64x96"),
        ("mobilenet_v2", "MobileNetV2"),
        ("inception_v3:mixed8:avg", "Inception-v3 · mixed8 · averaged"),
        ("tfhub:https://tfhub.dev/google/mobilenet_v2/", "TF-Hub model · mobilenet_v2"),
        ("something_new", "something_new"),
    ],
)
def test_extractors(spec: str, name: str) -> None:
    assert extractor_name(Extractor(spec=spec)) == name


@pytest.mark.parametrize("address", ["https://example.org/a", "http://127.0.0.1:8000/movie/1"])
def test_web_addresses_pass(address: str) -> None:
    assert web_address(address) == address


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "JAVASCRIPT://x", "//x", "http:", "http://["])
def test_other_addresses_do_not(address: str) -> None:
    assert web_address(address) == ""


def test_an_unknown_source_is_still_named() -> None:
    assert source_name("tmdb_page") == "The Movie Database" and source_name("my_source") == "my source"


def test_extractors_of_one_name_are_told_apart_by_the_end_of_their_fingerprint() -> None:
    now = Extractor(pk=1, spec="postersite", fingerprint="postersite-224-gap-aaaaaa111111")
    earlier = Extractor(pk=2, spec="postersite", fingerprint="postersite-224-gap-bbbbbb222222")
    pixels = Extractor(pk=3, spec="pixels", fingerprint="pixels-32x48-cccccc333333")
    every = [now, earlier, pixels]
    names = [extractor_name_among(each, every) for each in every]
    assert names == ["Postersite · 111111", "Postersite · 222222", "Raw pixels"]
    assert extractor_name_among(now, [now, pixels]) == "Postersite"


@pytest.mark.parametrize(
    ("calibration", "score", "text"),
    [
        ({"ece_after": {"value": 0.01}}, 0.734, "73% likely"),
        ({"ece_after": {"value": 0.01}}, 0.999, "99% likely"),
        ({"ece_after": {"value": 0.01}}, 0.001, "1% likely"),
        ({}, 0.734, "score .73"),
        ({}, 1.0, "score 1.00"),
    ],
)
def test_a_score_is_a_probability_where_the_model_is_calibrated(
    calibration: dict[str, object], score: float, text: str
) -> None:
    suggestion = Suggestion(model=GenreModel(calibration=calibration), score=score, threshold=0.3)
    assert likelihood(suggestion) == text
    assert threshold_text(suggestion) == ("30%" if calibration else ".30")
    # A decision shows what its reviewer saw.
    assert likelihood(ReviewDecision(suggestion=suggestion, score=score)) == text


def test_the_score_of_a_decision_without_a_suggestion_is_no_probability() -> None:
    assert likelihood(ReviewDecision(score=0.5)) == "score .50"


EXPLANATION = {
    "parts": {"poster": 0.6, "title": 0.9, "year": -2.0},
    "words": ["space", "alien", "a", "b", "c"],
}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"explanation": EXPLANATION}, "title 60%, poster 40% · “space”, “alien”, “a”, “b”"),
        ({"explanation": EXPLANATION, "evidence": "poster"}, ""),
        ({"explanation": {}, "poster_sha256": ""}, "without a poster"),
        ({"explanation": {"parts": {"title": 1}}, "poster_sha256": ""}, "without a poster"),
        (
            {
                "explanation": {"parts": {"title": 1, "year": -1}},
                "poster_sha256": "",
                "evidence": "title,year",
            },
            "title 100%",
        ),
        # A part that is missing or not used contributes nothing.
        ({"explanation": {"parts": {"poster": 1, "title": 0, "year": 0}, "words": ["a"]}}, "“a”"),
        ({"explanation": {"parts": {"poster": 1, "year": 0.001}, "words": "no list"}}, "poster 100%"),
        ({"explanation": {"words": ["x" * 99, 7, None]}}, "“" + "x" * 29 + "…”"),
        ({"explanation": None}, ""),
    ],
)
def test_what_speaks_for_a_suggestion_is_one_line(fields: dict[str, Any], text: str) -> None:
    suggestion = Suggestion(**{"evidence": "poster,title,year", "poster_sha256": "a" * 64, **fields})
    assert evidence_text(suggestion) == text
