"""The label audit: corrupted labels come first, and its file."""

import numpy as np
import pytest

from ml.genres.audit import (
    Contradiction,
    OutOfFoldError,
    OutOfFoldScores,
    contradictions,
    strengths,
)
from tests.ml.genres.catalogues import names


def test_the_strongest_contradiction_of_each_film_counts():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]])
    scores = np.array([[0.9, 0.1, 0.2], [0.9, 0.02, 0.1], [0.1, 0.98, 0.6], [0.3, 0.3, 0.3]])
    found = contradictions(labels, scores, names(3))
    assert [(one.row, one.genre, one.present) for one in found] == [
        (1, "Comedy", True),
        (2, "Comedy", False),
        (3, "Drama", True),
    ]
    assert found[0] == Contradiction(1, "Comedy", True, 0.02, found[0].strength)
    assert found[0].strength == pytest.approx(np.log(49))
    assert contradictions(labels, scores, names(3), limit=1) == found[:1]


def test_corrupted_labels_come_first():
    random = np.random.default_rng(0)
    labels = (random.random((600, 5)) < 0.3).astype(np.uint8)
    logits = 3.0 * (2.0 * labels - 1) + random.normal(size=labels.shape)
    scores = 1 / (1 + np.exp(-logits))
    wrong = random.permutation(600)[:30]
    labels[wrong, random.integers(0, 5, 30)] ^= 1
    first = [one.row for one in contradictions(labels, scores, names(5), limit=30)]
    assert len(set(first) & set(wrong.tolist())) >= 25


def test_certain_scores_have_finite_strengths():
    found = strengths(np.array([[1, 0]]), np.array([[0.0, 1.0]]))
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(2 * found[0, 1])
    assert found[0, 1] > 0


def test_films_without_a_contradiction_are_left_out():
    assert contradictions(np.array([[1, 0]]), np.array([[0.9, 0.2]]), names(2)) == []


@pytest.mark.parametrize("scores", [np.zeros((2, 2)), np.zeros(3), np.zeros((1, 3))])
def test_other_shapes_are_refused(scores):
    with pytest.raises(ValueError, match="shape"):
        contradictions(np.zeros((2, 3)), scores, names(3))


def test_scores_survive_their_file(tmp_path):
    saved = OutOfFoldScores(np.array([3, 1]), np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32))
    saved.save(tmp_path / "scores.npz")
    read = OutOfFoldScores.read(tmp_path / "scores.npz")
    assert (read.rows == saved.rows).all()
    assert (read.scores == saved.scores).all()


@pytest.mark.parametrize(
    "arrays",
    [
        {"rows": np.zeros(2)},
        {"rows": np.zeros(3, dtype=np.int64), "scores": np.zeros((2, 2), dtype=np.float32)},
        {"rows": np.zeros(2, dtype=np.int64), "scores": np.array([{}, {}], dtype=object)},
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "scores.npz", **arrays)
    with pytest.raises(OutOfFoldError):
        OutOfFoldScores.read(tmp_path / "scores.npz")
    with pytest.raises(OutOfFoldError):
        OutOfFoldScores.read(tmp_path / "none.npz")
