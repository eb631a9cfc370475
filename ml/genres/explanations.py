"""What each place of a poster says for each genre: class activation maps, and where they are strongest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from ml.genres.head import FeatureMismatch, GenreHead
from ml.genres.head_weights import AnyWeights, HeadWeights, LinearWeights

Float32 = npt.NDArray[np.float32]

NINTHS = (
    ("top left", "top", "top right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)
EVERYWHERE = "spread over the whole poster"
# How much more than its area a part must hold to be named; a map without any structure holds once its area.
NINTH_HOLDS = 3.2
EACH_OF_TWO_HOLDS = 2.0
BAND_HOLDS = 1.6


@dataclass(frozen=True)
class Evidence:
    """What the places of one poster say for every genre, in logits.

    genres: names, in the order of the last axis. places: (h, w, genres) float32, how much each place raises
    or lowers the genre against a poster that is average everywhere; row 0 is the top, column 0 the left.
    average: (genres,) float32, the logit of that poster. `average` plus the sum of `places` is the logit of
    this one.
    """

    genres: tuple[str, ...]
    places: Float32
    average: Float32

    @property
    def logits(self) -> Float32:
        """(genres,) float32: what the head gives for the poster itself."""
        return np.asarray(self.average + self.places.sum(axis=(0, 1)), dtype=np.float32)

    def of(self, genre: str) -> Float32:
        """(h, w) float32 of one genre. Raises KeyError for one that the head does not know."""
        if genre not in self.genres:
            raise KeyError(genre)
        return self.places[:, :, self.genres.index(genre)]


def evidence(head: GenreHead, feature_map: npt.ArrayLike) -> Evidence:
    """What each place of a poster says for each genre of `head`.

    feature_map: (h, w, d), the map of `Extractor.embed_with_map`, whose mean over the places is the vector.

    For a head that is linear in the vector the sum is exact: its score is a mean over places, so each place's
    share is its class activation (Zhou et al., "Learning deep features for discriminative localization",
    2016). For a head with a hidden layer, the gradient at this poster's vector stands for the weights
    (Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization",
    2017; for a linear head the two are the same). A ReLU head is linear around each vector, so the places
    still sum to the logit; `average` is then what that linear piece gives the average poster.

    Raises FeatureMismatch if d is not the head's, or if the map holds NaN or infinity.
    """
    places = np.asarray(feature_map, dtype=np.float32)
    expected = head.weights.dims[0]
    if places.ndim != 3 or places.shape[2] != expected or not places.size:
        raise FeatureMismatch(
            f"The genre model reads {expected} numbers a place and was given a map of shape {places.shape}: "
            "only the extractor it was trained on can say where it looks."
        )
    if not np.isfinite(places).all():
        raise FeatureMismatch("The map of this poster holds NaN or infinity: embed the poster again.")
    vector = places.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    slopes = gradient(head.weights, vector)
    count = places.shape[0] * places.shape[1]
    shares = np.asarray((places - head.weights.mean) @ slopes / count, dtype=np.float32)
    logits = head.logits(vector[None])[0]
    return Evidence(head.genres, shares, logits - shares.sum(axis=(0, 1)))


def gradient(weights: AnyWeights, vector: Float32) -> Float32:
    """How much each number of a vector (d,) moves each logit, at this vector: (d, genres) float32."""
    if isinstance(weights, LinearWeights):
        return weights.kernel / weights.scale[:, None]
    if isinstance(weights, HeadWeights):
        standard = (vector - weights.mean) / weights.scale
        lit = standard @ weights.hidden_kernel + weights.hidden_bias > 0
        through = (weights.hidden_kernel * lit) @ weights.output_kernel
        return np.asarray(through / weights.scale[:, None], dtype=np.float32)
    assert_never(weights)


def where(places: npt.ArrayLike) -> str:
    """In words, where (h, w) evidence is strong: "lower left", "along the bottom", …

    Strong are places of at least half the most, those that a heat map outlines. The smallest part is named
    that holds clearly more of them than its area: a ninth of the poster, or two that do not touch; a third
    across or down; else the whole. Empty if nothing speaks for the genre.
    """
    table = np.asarray(places, dtype=np.float64)
    if not table.max() > 0:
        return ""
    strong = np.where(table >= table.max() / 2, table, 0.0)
    held = _thirds(table.shape[0]) @ (strong / strong.sum()) @ _thirds(table.shape[1]).T
    order = np.argsort(-held, axis=None)
    (row, column), (other_row, other_column) = (divmod(int(place), 3) for place in order[:2])
    least, most = held[other_row, other_column], held[row, column]
    apart = max(abs(row - other_row), abs(column - other_column)) > 1
    if apart and least >= EACH_OF_TWO_HOLDS / 9 and least >= most / 2:
        return f"{NINTHS[row][column]} and {NINTHS[other_row][other_column]}"
    if most >= NINTH_HOLDS / 9:
        return NINTHS[row][column]
    across, down = held.sum(axis=1), held.sum(axis=0)
    if max(across.max(), down.max()) < BAND_HOLDS / 3:
        return EVERYWHERE
    if across.max() >= down.max():
        return ("along the top", "across the middle", "along the bottom")[int(across.argmax())]
    return ("left side", "down the middle", "right side")[int(down.argmax())]


def _thirds(cells: int) -> npt.NDArray[np.float64]:
    """(3, cells): which part of each cell lies in each third of their row."""
    edges = np.arange(4) * cells / 3
    starts = np.arange(cells)
    return np.clip(np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts), 0, 1)
