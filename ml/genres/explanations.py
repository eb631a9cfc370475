"""Class activation maps: how much each place of a poster contributes to each genre, and where most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from ml.genres.head import AnyWeights, DenseWeights, FeatureMismatch, GenreHead, LinearWeights

Float32 = npt.NDArray[np.float32]

NINTHS = (
    ("top left", "top", "top right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)
EVERYWHERE = "spread over the whole poster"
# A part is named if its share of the strong places is this many times its share of the area.
NINTH_FACTOR = 3.2
EACH_OF_TWO_FACTOR = 2.0
BAND_FACTOR = 1.6


@dataclass(frozen=True)
class Evidence:
    """Contributions of the places of one poster to the logit of every genre.

    genres: names, in the order of the last axis. places: (h, w, genres) float32, how much each place raises
    or lowers the logit compared with an average poster; row 0 is the top, column 0 the left. average:
    (genres,) float32, the logit of an average poster. `average` plus the sum of `places` is the logit.
    """

    genres: tuple[str, ...]
    places: Float32
    average: Float32

    @property
    def logits(self) -> Float32:
        """The logits of the poster, (genres,) float32."""
        return np.asarray(self.average + self.places.sum(axis=(0, 1)), dtype=np.float32)

    def of(self, genre: str) -> Float32:
        """The contributions (h, w) float32 to one genre. Raises KeyError for an unknown genre."""
        if genre not in self.genres:
            raise KeyError(genre)
        return self.places[:, :, self.genres.index(genre)]


def evidence(head: GenreHead, feature_map: npt.ArrayLike) -> Evidence:
    """Compute how much each place of a poster contributes to each genre of `head`.

    feature_map: (h, w, d), the map of `Extractor.embed_with_map`, whose spatial mean is the vector.

    For a linear head, contributions are class activations (Zhou et al., "Learning deep features for
    discriminative localization", 2016) and their sum is exact. For a dense head, the gradient at the poster's
    vector replaces the weights (Selvaraju et al., "Grad-CAM: visual explanations from deep networks via
    gradient-based localization", 2017). A ReLU head is linear around each vector, so contributions still sum
    to the logit; `average` is then the logit of the average poster in that linear piece.

    Raises FeatureMismatch if d is not the head's, or if the map holds NaN or infinity.
    """
    places = np.asarray(feature_map, dtype=np.float32)
    expected = head.weights.dims[0]
    if places.ndim != 3 or places.shape[2] != expected or not places.size:
        raise FeatureMismatch(
            f"The genre model needs {expected} numbers per place, not a map of shape {places.shape}: use the "
            "extractor that it was trained with."
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
    """The gradient of the logits at a vector (d,): (d, genres) float32."""
    if isinstance(weights, LinearWeights):
        return weights.kernel / weights.scale[:, None]
    if isinstance(weights, DenseWeights):
        standard = (vector - weights.mean) / weights.scale
        active = standard @ weights.hidden_kernel + weights.hidden_bias > 0
        through = (weights.hidden_kernel * active) @ weights.output_kernel
        return np.asarray(through / weights.scale[:, None], dtype=np.float32)
    assert_never(weights)


def where(places: npt.ArrayLike) -> str:
    """Describe where contributions (h, w) are strong: "lower left", "along the bottom", ...

    Strong places have at least half the maximum; a heat map outlines them. The result is the smallest part
    with clearly more of them than its share of the area: a ninth of the poster or two separate ones, a third
    (row or column), or else the whole poster. Empty if no contribution is positive.
    """
    table = np.asarray(places, dtype=np.float64)
    if not table.max() > 0:
        return ""
    strong = np.where(table >= table.max() / 2, table, 0.0)
    share = _thirds(table.shape[0]) @ (strong / strong.sum()) @ _thirds(table.shape[1]).T
    order = np.argsort(-share, axis=None)
    (row, column), (other_row, other_column) = (divmod(int(place), 3) for place in order[:2])
    least, most = share[other_row, other_column], share[row, column]
    apart = max(abs(row - other_row), abs(column - other_column)) > 1
    if apart and least >= EACH_OF_TWO_FACTOR / 9 and least >= most / 2:
        return f"{NINTHS[row][column]} and {NINTHS[other_row][other_column]}"
    if most >= NINTH_FACTOR / 9:
        return NINTHS[row][column]
    across, down = share.sum(axis=1), share.sum(axis=0)
    if max(across.max(), down.max()) < BAND_FACTOR / 3:
        return EVERYWHERE
    if across.max() >= down.max():
        return ("along the top", "across the middle", "along the bottom")[int(across.argmax())]
    return ("left side", "down the middle", "right side")[int(down.argmax())]


def _thirds(cells: int) -> npt.NDArray[np.float64]:
    """(3, cells): the part of each cell that lies in each third."""
    edges = np.arange(4) * cells / 3
    starts = np.arange(cells)
    return np.clip(np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts), 0, 1)
