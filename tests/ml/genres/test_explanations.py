"""Contributions of places add up to the logit, and are described in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.genres.explanations import EVERYWHERE, evidence, gradient, where
from ml.genres.head import FeatureMismatch, GenreHead, LinearWeights
from tests.ml.genres.heads import make_head, make_linear

RANDOM = np.random.default_rng(7)

both_heads = pytest.mark.parametrize("head", [make_linear(), make_head()], ids=["linear", "dense"])


def numbers(*shape: int) -> npt.NDArray[np.float32]:
    return RANDOM.normal(size=shape).astype(np.float32)


@both_heads
def test_average_and_places_add_up_to_the_logit(head: GenreHead) -> None:
    feature_map = numbers(7, 7, 6)
    found = evidence(head, feature_map)
    logits = head.logits(feature_map.mean(axis=(0, 1))[None])[0]
    assert found.places.shape == (7, 7, 3)
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    np.testing.assert_allclose(found.average + found.places.sum(axis=(0, 1)), logits, atol=1e-5)


@both_heads
def test_a_place_like_the_average_poster_contributes_nothing(head: GenreHead) -> None:
    feature_map = numbers(3, 3, 6)
    feature_map[1, 2] = head.weights.mean
    assert np.abs(evidence(head, feature_map).places[1, 2]).max() < 1e-6


def test_a_map_of_two_places_by_hand() -> None:
    # score = 2 * (first - 1) / 2 + 3 * second + 0.5: the left place has (5, 0), the right one (1, 4)
    weights = LinearWeights(
        np.array([[2.0], [3.0]]), np.array([0.5]), np.array([1.0, 0.0]), np.array([2.0, 1.0])
    )
    found = evidence(GenreHead.with_threshold(weights, ("Drama",)), [[[5.0, 0.0], [1.0, 4.0]]])
    np.testing.assert_allclose(found.of("Drama"), [[2.0, 6.0]])
    np.testing.assert_allclose(found.average, [0.5])
    np.testing.assert_allclose(found.logits, [8.5])


@both_heads
def test_the_gradient_agrees_with_small_steps(head: GenreHead) -> None:
    weights, vector, step = head.weights, numbers(6), 1e-3
    steps = np.eye(6, dtype=np.float32) * step
    slow = (weights.logits(vector + steps) - weights.logits(vector - steps)) / (2 * step)
    np.testing.assert_allclose(gradient(weights, vector), slow, atol=5e-3)


@pytest.mark.parametrize("shape", [(7, 7, 5), (7, 6), (0, 7, 6)])
def test_a_map_of_another_extractor_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FeatureMismatch, match="6 numbers per place"):
        evidence(make_linear(), np.zeros(shape))


def test_a_map_with_nan_is_refused() -> None:
    with pytest.raises(FeatureMismatch, match="NaN or infinity"):
        evidence(make_linear(), np.where(np.arange(294).reshape(7, 7, 6) == 100, np.nan, 0))


def test_a_genre_the_head_does_not_know_has_no_evidence() -> None:
    with pytest.raises(KeyError):
        evidence(make_linear(), numbers(7, 7, 6)).of("Western")


def lit(*cells: tuple[int, int], size: int = 7) -> npt.NDArray[np.float64]:
    table = np.full((size, size), -0.2)
    for cell in cells:
        table[cell] = 1.0
    return table


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (lit((0, 0)), "top left"),
        (lit((0, 3)), "top"),
        (lit((1, 6)), "top right"),
        (lit((3, 0)), "left"),
        (lit((3, 3)), "middle"),
        (lit((3, 6)), "right"),
        (lit((6, 0), (5, 1)), "lower left"),
        (lit((6, 3)), "bottom"),
        (lit((6, 6)), "lower right"),
        (lit((0, 0), (6, 6)), "top left and lower right"),
        (lit(*((0, column) for column in range(7))), "along the top"),
        (lit(*((3, column) for column in range(7))), "across the middle"),
        (lit(*((6, column) for column in range(7))), "along the bottom"),
        (lit(*((row, 0) for row in range(7))), "left side"),
        (lit(*((row, 3) for row in range(7))), "down the middle"),
        (lit(*((row, 6) for row in range(7))), "right side"),
        (np.ones((7, 7)), EVERYWHERE),
        (np.zeros((7, 7)), ""),
        (-np.ones((7, 7)), ""),
    ],
)
def test_words_name_the_smallest_part_that_holds_most(places: npt.ArrayLike, words: str) -> None:
    assert where(places) == words


def test_of_two_places_apart_a_much_weaker_one_is_not_named() -> None:
    places = lit((0, 0), (0, 1), (1, 0), (1, 1), (6, 6))
    assert where(places) == "top left"


@given(arrays(np.float32, (7, 7), elements=st.floats(-8, 8, width=32)))
@settings(max_examples=60, deadline=None)
def test_turning_the_poster_over_turns_the_words_over(places: npt.NDArray[np.float32]) -> None:
    left, right = (where(table).replace("lower ", "") for table in (places, places[:, ::-1]))
    if " and " not in left and " and " not in right and not _tied(places):
        assert right == left.replace("left", "#").replace("right", "left").replace("#", "right")


def _tied(places: npt.NDArray[np.float32]) -> bool:
    """Two ninths may hold the same: which of them is named is then left open."""
    return len(np.unique(places)) < places.size
