"""Genre heads in numpy, dense and linear: scores, pooling, thresholds and refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml.genres.head import ROWS_AT_ONCE, DenseWeights, FeatureMismatch, GenreHead, LinearWeights
from ml.genres.thresholds import NEVER, RECIPE_THRESHOLD, decide
from tests.ml.genres.heads import make_head, make_linear, make_weights


def test_a_dense_head_by_hand():
    weights = DenseWeights(
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


@pytest.mark.slow
def test_a_dense_head_agrees_with_keras():
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


def test_a_linear_head_scores_a_weighted_sum_of_standardised_features():
    head = make_linear()
    rows = np.random.default_rng(1).normal(size=(20, 6))
    weights = head.weights
    assert isinstance(weights, LinearWeights)
    for row, scores in zip(rows, head.scores(rows), strict=True):
        for genre in range(3):
            total = sum(
                (row[i] - weights.mean[i]) / weights.scale[i] * weights.kernel[i, genre] for i in range(6)
            )
            assert scores[genre] == pytest.approx(1 / (1 + np.exp(-(total + weights.bias[genre]))), abs=1e-6)


def test_several_posters_of_a_movie_score_by_the_mean_of_their_logits():
    head = make_linear()
    rows = np.random.default_rng(2).normal(size=(4, 6))
    pooled = head.pooled_scores(rows, [1, 0, 1, 1])
    assert pooled.shape == (2, 3)
    assert pooled[0] == pytest.approx(head.scores(rows[1:2])[0], abs=1e-6)
    logits = head.logits(rows)[[0, 2, 3]].mean(axis=0)
    assert pooled[1] == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


@pytest.mark.parametrize("owners", [[0, 2], [0], [0.5, 1.0], [[0, 1]]])
def test_posters_without_a_proper_owner_are_refused(owners):
    with pytest.raises(ValueError, match="owners"):
        make_linear().pooled_scores(np.zeros((2, 6)), owners)


def test_a_sure_score_is_one_above_its_sure_threshold():
    head = make_linear(sure_thresholds=(0.8, NEVER, 0.7))
    sure = head.sure([[0.81, 1.0, 0.7], [0.8, 0.9, 0.71]])
    assert sure.tolist() == [[True, False, False], [False, False, True]]
    assert not make_linear().sure([[1.0, 1.0, 1.0]]).any()


def test_extreme_features_neither_overflow_nor_leave_zero_to_one(recwarn):
    head = make_head(make_weights(3, 4, 2))
    scores = head.scores(np.array([[1e30, -1e30, 1e30], [0, 0, 0]], dtype=np.float32))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert not recwarn.list


def test_scores_do_not_depend_on_other_rows():
    head = make_head(make_weights(8, 4, 3))
    features = np.random.default_rng(1).normal(size=(ROWS_AT_ONCE + 10, 8))
    whole = head.scores(features)
    assert np.abs(whole[-12:] - head.scores(features[-12:])).max() < 1e-6
    assert head.scores(np.empty((0, 8))).shape == (0, 3)
    assert head.scores(features[:5].astype(np.float16)).dtype == np.float32


def test_its_own_thresholds_decide():
    head = GenreHead(make_weights(3, 4, 2), ("Drama", "Comedy"), (0.3, 0.7))
    assert head.suggested([[0.5, 0.5]]).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((2, 9)), r"8 numbers \(extractor made-up-1\).*\(2, 9\)"),
        (np.where(np.arange(32).reshape(4, 8) == 21, np.nan, 0), "row 2"),
    ],
)
def test_vectors_of_another_extractor_or_with_nan_are_refused(vectors, message):
    with pytest.raises(FeatureMismatch, match=message):
        make_head(make_weights(8, 4, 3)).scores(vectors)


@pytest.mark.parametrize(
    ("genres", "thresholds"),
    [(("Drama",), (0.5, 0.5)), (("Drama", "Drama"), (0.5, 0.5)), (("Drama", "Comedy"), (0.5, float("nan")))],
)
def test_genres_and_thresholds_must_fit(genres, thresholds):
    with pytest.raises(ValueError, match=r"genres|thresholds"):
        GenreHead(make_weights(3, 4, 2), genres, thresholds)


@pytest.mark.parametrize(
    ("scores", "thresholds", "suggested"),
    [
        ([[0.6, 0.61, 0.59]], RECIPE_THRESHOLD, [[False, True, False]]),
        ([[0.5, 0.5], [0.9, 0.2]], [0.4, 0.6], [[True, False], [True, False]]),
        # A threshold is not truncated to the type of whole scores.
        (np.array([[0, 1]]), 0.6, [[False, True]]),
    ],
)
def test_a_score_above_the_threshold_of_its_genre_is_suggested(scores, thresholds, suggested):
    assert decide(scores, thresholds).tolist() == suggested


def test_a_float32_score_of_point_six_is_not_above_point_six():
    scores = np.array([[0.6]], dtype=np.float32)
    assert float(scores[0, 0]) > 0.6  # what a comparison in float64 would fall for
    assert not decide(scores, np.array([0.6])).any()
    assert not decide(scores, 0.6).any()


UNIT = st.floats(0, 1, width=32)


@given(arrays.arrays(np.float32, (4, 3), elements=UNIT), UNIT, UNIT)
def test_a_higher_threshold_never_suggests_more(scores, one, other):
    low, high = sorted((one, other))
    assert not (decide(scores, high) & ~decide(scores, low)).any()


@pytest.mark.parametrize(
    ("scores", "thresholds"),
    [([[np.nan]], 0.6), ([[0.5]], np.nan), ([[0.5, 0.5]], [0.5, 0.5, 0.5]), ([[0.5]], [[0.5]]), (0.5, [0.5])],
)
def test_thresholds_that_do_not_fit_are_refused(scores, thresholds):
    with pytest.raises(ValueError, match=r"NaN|fit"):
        decide(scores, thresholds)
