"""The figures after an epoch: right on sets small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.validation import asked, figures, sentence

# Six posters, of which the last four are asked: two of a franchise, and two genres.
LABELS = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.uint8)
ROWS = np.arange(2, 6)
NOBODY = np.full(6, -1, dtype=np.int64)
HASHES = np.random.default_rng(0).integers(0, 2**63, 6, dtype=np.uint64)
PAIRED = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)


def told(vectors=PAIRED, logits=PAIRED, franchise=NOBODY, hashes=HASHES, taught=(0, 1)):
    of = asked(ROWS, LABELS, taught, hashes, NOBODY, franchise)
    return figures(vectors, np.asarray(logits, dtype=np.float32), of)


def test_the_lift_is_over_chance():
    # Everybody is among everybody's five, so nobody does better than chance.
    assert told()["share_at_5_lift"] == pytest.approx(0)


def test_perfect_and_upside_down_logits():
    right = told(logits=[[5, -5], [5, -5], [-5, 5], [-5, 5]])
    assert right["map"] == 1 and right["genre_loss"] == pytest.approx(2 * np.log1p(np.exp(-5)), rel=1e-3)
    wrong = told(logits=[[-5, 5], [-5, 5], [5, -5], [5, -5]])
    assert wrong["map"] == pytest.approx(0.5) and wrong["genre_loss"] > 9


def test_franchise_recall_asks_those_with_mates_among_the_asked_only():
    none = told()
    assert (none["franchise_recall_at_5"], none["franchise_queries"]) == (None, 0)
    pair = told(franchise=np.array([7, -1, 7, 8, 8, -1]))
    assert (pair["franchise_recall_at_5"], pair["franchise_queries"]) == (1.0, 2)


def test_copies_of_a_picture_are_nobodys_look_alikes():
    hashes = HASHES.copy()
    hashes[3] = hashes[4]
    pair = told(franchise=np.array([7, -1, 7, 8, 8, -1]), hashes=hashes)
    assert pair["franchise_queries"] == 0


def test_only_taught_genres_are_scored():
    one = told(logits=[[5], [5], [-5], [-5]], taught=(0,))
    assert one["map"] == 1


def test_a_sentence_for_a_person():
    assert sentence(told()).startswith(
        "mAP 1.000, share@5 lift 0.000, franchise recall@5 undefined (0 asked)"
    )
