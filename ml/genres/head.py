"""The genre head in plain numpy: features in, one score a genre out. Files: see head_file.py."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml.genres.thresholds import RECIPE_THRESHOLD, decide

if TYPE_CHECKING:
    from typing import Self

Float32 = npt.NDArray[np.float32]

# Rows scored at once: bounds the hidden activations to some 16 MB.
ROWS_AT_ONCE = 4096


class ModelFileError(Exception):
    """A genre model's file can't be used; the message says which file, why, and what to do."""


class FeatureMismatch(ValueError):
    """Vectors of another extractor, or broken ones, were given to a genre head."""


@dataclass(frozen=True)
class HeadWeights:
    """The numbers of one head, all float32: d features, h hidden units, g genres.

    hidden_kernel (d, h), hidden_bias (h,), output_kernel (h, g), output_bias (g,); mean (d,) and scale (d,)
    are those of the training rows, or zeros and ones for a head that does not standardise.

    Raises ValueError if the shapes don't belong together, or if a number is not finite.
    """

    hidden_kernel: Float32
    hidden_bias: Float32
    output_kernel: Float32
    output_bias: Float32
    mean: Float32
    scale: Float32

    def __post_init__(self) -> None:
        for field in fields(self):
            array = np.ascontiguousarray(getattr(self, field.name), dtype=np.float32)
            object.__setattr__(self, field.name, array)
        if self.hidden_kernel.ndim != 2 or self.output_kernel.ndim != 2:
            raise ValueError("The kernels of a head are tables of two dimensions.")
        for name, shape in self.shapes(*self.dims).items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, and {shape} was expected.")
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds numbers that are not finite.")
        if (self.scale <= 0).any():
            raise ValueError("scale must be above zero everywhere.")

    @property
    def dims(self) -> tuple[int, int, int]:
        """(features, hidden units, genres)."""
        features, hidden = self.hidden_kernel.shape
        return features, hidden, self.output_kernel.shape[1]

    @staticmethod
    def shapes(features: int, hidden: int, genres: int) -> dict[str, tuple[int, ...]]:
        """The shape every array must have, by name."""
        return {
            "hidden_kernel": (features, hidden),
            "hidden_bias": (hidden,),
            "output_kernel": (hidden, genres),
            "output_bias": (genres,),
            "mean": (features,),
            "scale": (features,),
        }


@dataclass(frozen=True)
class GenreHead:
    """A trained head with all that its scores depend on.

    genres: names in the order of the scores. thresholds: one a genre. extractor: fingerprint of the extractor
    whose vectors it was trained on ("" if unknown). recipe: the name of the training recipe.
    """

    weights: HeadWeights
    genres: tuple[str, ...]
    thresholds: tuple[float, ...]
    extractor: str = ""
    recipe: str = ""

    def __post_init__(self) -> None:
        count = self.weights.dims[2]
        if len(self.genres) != count or len(self.thresholds) != count:
            raise ValueError(
                f"A head with {count} outputs needs {count} genres and thresholds; "
                f"got {len(self.genres)} and {len(self.thresholds)}."
            )
        if len(set(self.genres)) != count or not all(self.genres):
            raise ValueError("The genres of a head must be named, each once.")
        if not all(np.isfinite(self.thresholds)):
            raise ValueError("The thresholds of a head must be finite numbers.")

    @classmethod
    def with_threshold(
        cls,
        weights: HeadWeights,
        genres: Sequence[str],
        threshold: float = RECIPE_THRESHOLD,
        *,
        extractor: str = "",
        recipe: str = "",
    ) -> "Self":
        """A head with one threshold for all genres."""
        return cls(weights, tuple(genres), (float(threshold),) * len(genres), extractor, recipe)

    def scores(self, features: npt.ArrayLike) -> Float32:
        """Score every genre for every poster.

        features: (n, d) vectors of the head's extractor, any float dtype. Returns (n, genres) float32 in [0,
        1]. A score ranks posters and passes a threshold; it is not a probability unless shown to be
        calibrated.

        Raises FeatureMismatch if d differs from the trained one, or if a vector holds NaN or infinity.
        """
        vectors = np.asarray(features, dtype=np.float32)
        expected, _, genres = self.weights.dims
        if vectors.ndim != 2 or vectors.shape[1] != expected:
            made_for = f" (extractor {self.extractor})" if self.extractor else ""
            raise FeatureMismatch(
                f"The genre model was trained on vectors of {expected} numbers{made_for} and was given an "
                f"array of shape {vectors.shape}: embed these posters with the model's own extractor first."
            )
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if broken.size:
            raise FeatureMismatch(
                f"{broken.size} of {len(vectors)} vectors hold NaN or infinity, the first in row {broken[0]}"
                ": embed those posters again."
            )
        result = np.empty((len(vectors), genres), dtype=np.float32)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            result[start : start + ROWS_AT_ONCE] = self._forward(vectors[start : start + ROWS_AT_ONCE])
        return result

    def suggested(self, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of `scores` (n, genres) pass the head's own thresholds, as bool (n, genres)."""
        return decide(scores, self.thresholds)

    def save(self, path: Path) -> str:
        """Write the weights to `path` (.npz) and the manifest beside it (.json); returns their sha256."""
        from ml.genres.head_file import save_head

        return save_head(self, path)

    def _forward(self, rows: Float32) -> Float32:
        weights = self.weights
        standard = (rows - weights.mean) / weights.scale
        hidden = np.maximum(standard @ weights.hidden_kernel + weights.hidden_bias, np.float32(0))
        logits = hidden @ weights.output_kernel + weights.output_bias
        # The logistic function by tanh: exact to float32 and never overflows.
        return np.asarray(
            np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1)), dtype=np.float32
        )


def load_head(path: Path, sha256: str | None = None) -> GenreHead:
    """Read a head written by `GenreHead.save`.

    path: the .npz; its manifest is the .json of the same name. sha256: the digest the file must have, if the
    caller keeps one (a database row does); the manifest's own digest is checked in any case.

    Raises ModelFileError for a missing, truncated, tampered or foreign file.
    """
    from ml.genres.head_file import read_head

    return read_head(path, sha256)
