"""N-grams of titles and overviews, and linear models over them."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.genres.evidence.text import (
    COMMON_IDF,
    MAX_CHARACTERS,
    TEXTS_AT_ONCE,
    TextModel,
    analyse,
    hashed,
    overview_ngrams,
    plain,
    title_ngrams,
)
from tests.ml.genres.evidence.made_models import OVERVIEWS, make_text

MODELS = [make_text(part, OVERVIEWS) for part in ("title", "overview")]


def test_ngrams():
    assert [ngram for ngram, _ in overview_ngrams(["haunted", "house"])] == [
        "haunted", "house", "haunted house", "p haun", "p haunte", "p hous",
    ]  # fmt: skip
    assert {"p kill"} == {ngram for ngram, _ in overview_ngrams(["kill"])} - {"kill"}
    found = dict(title_ngrams(["it", "ii"]))
    assert {"it", "it ii", "c <i", "c it>", "c <it>"} <= set(found)
    assert found["c ii>"] == 1


def test_case_accents_and_unicode_forms_do_not_matter():
    assert plain("Amélie") == plain("AME\u0301LIE") == "amelie"
    assert plain("ǅ") == plain("dž")


def test_a_hash_is_the_same_everywhere():
    assert hashed(["space"]).tolist() == [12514878861104951193]
    assert len(set(hashed([f"word {i}" for i in range(10_000)]).tolist())) == 10_000


def test_models_of_version_1_count_as_they_learned():
    new, old = analyse("overview", ["Kill the killer."]), analyse("overview", ["Kill the killer."], version=1)
    beginning, killer = hashed(["p kill", "killer"])
    assert new.counts[new.hashes == beginning].tolist() == [2]
    assert old.counts[old.hashes == beginning].tolist() == [1]
    some = np.sort(np.array([beginning, killer]))
    arrays = (some, np.full(2, 3, np.float16), np.ones((2, 1), np.float16), np.zeros(1, np.float32), 0)
    assert TextModel("overview", *arrays, version=1).logits(["killer"])[0] == pytest.approx(math.sqrt(2))
    later = TextModel("overview", *arrays).logits(["kill killer"])[0]
    assert later != pytest.approx(TextModel("overview", *arrays, version=1).logits(["kill killer"])[0])


def slow_logits(model, text):
    """The docstring of TextModel, one n-gram at a time."""
    words = [plain(word) for word in text.replace(".", " ").replace(",", " ").split()]
    counts = Counter(ngram for ngram, _ in overview_ngrams(words))
    row = {int(one): place for place, one in enumerate(model.hashes)}
    values = {}
    for ngram, count in counts.items():
        place = row.get(int(hashed([ngram])[0]))
        if place is not None:
            values[place] = (1 + math.log(count)) * float(model.idf[place]) ** 1.75
    length = math.sqrt(sum(value**2 for value in values.values()))
    return model.bias + sum(
        value / length * model.kernel[place].astype(float) for place, value in values.items()
    )


def test_logits_agree_with_a_slow_reference():
    model = make_text("overview", OVERVIEWS)
    texts = [*OVERVIEWS, OVERVIEWS[0] + " " + OVERVIEWS[0], "A new haunted ship, and a house in space."]
    logits, readable = model.logits(texts)
    assert readable.all()
    assert logits == pytest.approx(np.array([slow_logits(model, text) for text in texts]), abs=1e-4)


def test_many_texts_are_scored_like_each_alone():
    model = make_text("overview", OVERVIEWS)
    texts = [*OVERVIEWS, "", "?!"] * (TEXTS_AT_ONCE // 4)
    logits, readable = model.logits(texts)
    alone, known = model.logits(texts[:5])
    assert (logits == np.tile(alone, (len(texts) // 5, 1))).all()
    assert readable.tolist() == known.tolist() * (len(texts) // 5)


@given(st.text(max_size=200))
def test_any_text_can_be_scored(text):
    for model in MODELS:
        assert np.isfinite(model.logits([text])[0]).all()


def test_only_the_beginning_of_a_long_text_is_read():
    text = "word " * MAX_CHARACTERS["overview"]
    assert analyse("overview", [text]).counts.max() <= MAX_CHARACTERS["overview"] / 5 + 1


def test_the_words_of_a_text_add_up_to_its_logit():
    model = make_text("overview", OVERVIEWS)
    logits, _ = model.logits(OVERVIEWS)
    for text, row in zip(OVERVIEWS, logits, strict=True):
        for genre in range(3):
            added = model.word_logits(text)[1][:, genre].sum()
            assert added + model.bias[genre] == pytest.approx(row[genre], abs=1e-4)


def test_words_of_very_many_texts_are_common():
    hashes = np.sort(hashed(["the", "life"]))
    idf = np.where(hashes == hashed(["the"])[0], COMMON_IDF - 0.5, COMMON_IDF + 0.5).astype(np.float16)
    model = TextModel("overview", hashes, idf, np.ones((2, 1), np.float16), np.zeros(1, np.float32), 0)
    assert model.is_common(["The", "life", "unknown"]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    "change",
    [
        {"hashes": np.array([2, 1, 3], dtype=np.uint64)},
        {"hashes": np.array([1, 1, 3], dtype=np.uint64)},
        {"idf": np.array([1, 0, 1], dtype=np.float16)},
        {"kernel": np.full((3, 2), np.nan, dtype=np.float16)},
        {"bias": np.zeros(3, dtype=np.float32)},
        {"part": "poster"},
        {"least_known": float("nan")},
        {"version": 0},
    ],
)
def test_arrays_that_do_not_fit_are_refused(change):
    arrays: dict[str, Any] = {
        "part": "title",
        "hashes": np.array([1, 2, 3], dtype=np.uint64),
        "idf": np.ones(3, dtype=np.float16),
        "kernel": np.zeros((3, 2), dtype=np.float16),
        "bias": np.zeros(2, dtype=np.float32),
        "least_known": 0.5,
    }
    TextModel(**arrays)
    with pytest.raises(ValueError):
        TextModel(**{**arrays, **change})
