"""Validation metrics of sets small enough to compute by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ml.extractor_training.validation import metrics_line, validation_metrics, validation_set

# Six posters of two genres; the last four validate.
LABELS = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.uint8)
ROWS = np.arange(2, 6)
NONE = np.full(6, -1, dtype=np.int64)
HASHES = np.random.default_rng(0).integers(0, 2**63, 6, dtype=np.uint64)
PAIRED = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)


def metrics(vectors=PAIRED, logits=PAIRED, franchise=NONE, hashes=HASHES, learned=(0, 1)):
    data = validation_set(ROWS, LABELS, learned, hashes, NONE, franchise)
    return validation_metrics(vectors, np.asarray(logits, dtype=np.float32), data)


def test_the_lift_is_over_chance():
    # Each poster is among the five nearest of all others: chance level.
    assert metrics()["share_at_5_lift"] == pytest.approx(0)


def test_perfect_and_upside_down_logits():
    right = metrics(logits=[[5, -5], [5, -5], [-5, 5], [-5, 5]])
    assert right["map"] == 1 and right["genre_loss"] == pytest.approx(2 * np.log1p(np.exp(-5)), rel=1e-3)
    wrong = metrics(logits=[[-5, 5], [-5, 5], [5, -5], [5, -5]])
    assert wrong["map"] == pytest.approx(0.5) and wrong["genre_loss"] > 9


def test_franchise_recall_counts_franchises_with_two_validation_posters():
    none = metrics()
    assert (none["franchise_recall_at_5"], none["franchise_queries"]) == (None, 0)
    franchise, hashes = np.array([7, -1, 7, 8, 8, -1]), HASHES.copy()
    pair = metrics(franchise=franchise)
    assert (pair["franchise_recall_at_5"], pair["franchise_queries"]) == (1.0, 2)
    # Near-duplicates are not counted.
    hashes[3] = hashes[4]
    assert metrics(franchise=franchise, hashes=hashes)["franchise_queries"] == 0


def test_only_learned_genres_are_scored():
    one = metrics(logits=[[5], [5], [-5], [-5]], learned=(0,))
    assert one["map"] == 1


def test_one_line_of_text():
    assert metrics_line(metrics()).startswith(
        "mAP 1.000, share@5 lift 0.000, franchise recall@5 undefined (0 queries)"
    )
