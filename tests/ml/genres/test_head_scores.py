"""The numpy head: agreement with Keras, and clear refusals."""

import numpy as np
import pytest

from ml.genres.head import ROWS_AT_ONCE, FeatureMismatch, GenreHead, HeadWeights
from tests.ml.genres.heads import make_head, make_weights


def test_by_hand():
    weights = HeadWeights(
        hidden_kernel=np.array([[1.0, -1.0], [0.0, 2.0]]),
        hidden_bias=np.array([0.0, -1.0]),
        output_kernel=np.array([[1.0], [0.5]]),
        output_bias=np.array([-1.0]),
        mean=np.array([1.0, 0.0]),
        scale=np.array([2.0, 1.0]),
    )
    # (5, 3) -> (2, 3) -> relu(2, -2 + 6 - 1) = (2, 3) -> 2 + 1.5 - 1 = 2.5
    scores = GenreHead(weights, ("Drama",), (0.6,)).scores([[5.0, 3.0]])
    assert scores == pytest.approx(np.array([[1 / (1 + np.exp(-2.5))]]), abs=1e-6)
    assert scores.dtype == np.float32


def test_agrees_with_keras():
    import keras

    weights = make_weights(30, 16, 4)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(4, activation="sigmoid"),
        ]
    )
    model.set_weights(
        [weights.hidden_kernel, weights.hidden_bias, weights.output_kernel, weights.output_bias]
    )
    features = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32)
    theirs = model.predict((features - weights.mean) / weights.scale, verbose=0)
    assert np.abs(make_head(weights).scores(features) - theirs).max() < 1e-5


def test_extreme_features_neither_overflow_nor_leave_zero_to_one(recwarn):
    head = make_head(make_weights(3, 4, 2))
    scores = head.scores(np.array([[1e30, -1e30, 1e30], [0, 0, 0]], dtype=np.float32))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert not recwarn.list


def test_scores_do_not_depend_on_the_rows_beside_them():
    head = make_head(make_weights(8, 4, 3))
    features = np.random.default_rng(1).normal(size=(ROWS_AT_ONCE + 10, 8))
    whole = head.scores(features)
    assert np.abs(whole[-12:] - head.scores(features[-12:])).max() < 1e-6
    assert head.scores(np.empty((0, 8))).shape == (0, 3)


def test_float16_features_are_scored_as_float32():
    head = make_head(make_weights(8, 4, 3))
    features = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float16)
    assert head.scores(features).dtype == np.float32


def test_its_own_thresholds_decide():
    head = GenreHead(make_weights(3, 4, 2), ("Drama", "Comedy"), (0.3, 0.7))
    assert head.suggested([[0.5, 0.5]]).tolist() == [[True, False]]


def test_vectors_of_another_extractor_are_refused():
    head = make_head(make_weights(8, 4, 3))
    with pytest.raises(FeatureMismatch, match=r"8 numbers \(extractor made-up-1\).*\(2, 9\)"):
        head.scores(np.zeros((2, 9)))


def test_a_broken_vector_is_named():
    vectors = np.zeros((4, 8))
    vectors[2, 5] = np.nan
    with pytest.raises(FeatureMismatch, match="row 2"):
        make_head(make_weights(8, 4, 3)).scores(vectors)


@pytest.mark.parametrize(
    ("genres", "thresholds"),
    [(("Drama",), (0.5, 0.5)), (("Drama", "Drama"), (0.5, 0.5)), (("Drama", "Comedy"), (0.5, float("nan")))],
)
def test_genres_and_thresholds_must_fit(genres, thresholds):
    with pytest.raises(ValueError, match=r"genres|thresholds"):
        GenreHead(make_weights(3, 4, 2), genres, thresholds)
