"""The genre head in numpy: features in, one score per genre out. `head_file` reads and writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ml.genres.thresholds import NEVER, RECIPE_THRESHOLD, decide

Float32 = npt.NDArray[np.float32]

# Rows scored at once; limits the hidden activations to about 16 MB.
ROWS_AT_ONCE = 4096


class _Weights:
    """Contiguous float32 arrays, checked: shapes that fit, finite numbers, scale above zero."""

    scale: Float32

    @property
    def dims(self) -> tuple[int, ...]:
        raise NotImplementedError

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError

    def _check(self, kernels: tuple[str, ...]) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            array = np.ascontiguousarray(getattr(self, field.name), dtype=np.float32)
            object.__setattr__(self, field.name, array)
        if any(getattr(self, name).ndim != 2 for name in kernels):
            raise ValueError("The kernels of a head must have two dimensions.")
        for name, shape in self.shapes(*self.dims).items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}; got {getattr(self, name).shape}.")
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds numbers that are not finite.")
        if (self.scale <= 0).any():
            raise ValueError("scale must be above zero everywhere.")


@dataclass(frozen=True)
class DenseWeights(_Weights):
    """Weights of a dense head, all float32: d features, h hidden units, g genres.

    hidden_kernel (d, h), hidden_bias (h,), output_kernel (h, g), output_bias (g,); mean (d,) and scale (d,)
    of the training rows, or zeros and ones without standardisation.

    Raises ValueError if the shapes don't fit, or if a number is not finite.
    """

    kind: ClassVar[str] = "dense-relu-dense-sigmoid"
    dim_names: ClassVar[tuple[str, ...]] = ("features", "hidden", "genres")

    hidden_kernel: Float32
    hidden_bias: Float32
    output_kernel: Float32
    output_bias: Float32
    mean: Float32
    scale: Float32

    def __post_init__(self) -> None:
        self._check(("hidden_kernel", "output_kernel"))

    @property
    def dims(self) -> tuple[int, int, int]:
        """(features, hidden units, genres)."""
        features, hidden = self.hidden_kernel.shape
        return features, hidden, self.output_kernel.shape[1]

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        """The shape of each array by name, for the dimensions of `dim_names`."""
        features, hidden, genres = dims
        return {
            "hidden_kernel": (features, hidden),
            "hidden_bias": (hidden,),
            "output_kernel": (hidden, genres),
            "output_bias": (genres,),
            "mean": (features,),
            "scale": (features,),
        }

    def logits(self, rows: Float32) -> Float32:
        """Logits (n, genres) float32 of rows (n, features)."""
        standard = (rows - self.mean) / self.scale
        hidden = np.maximum(standard @ self.hidden_kernel + self.hidden_bias, np.float32(0))
        return np.asarray(hidden @ self.output_kernel + self.output_bias, dtype=np.float32)


@dataclass(frozen=True)
class LinearWeights(_Weights):
    """Weights of a linear head, all float32: d features, g genres.

    kernel (d, g) and bias (g,) include the calibration; mean (d,) and scale (d,) standardise the features.

    Raises ValueError if the shapes don't fit, or if a number is not finite.
    """

    kind: ClassVar[str] = "linear-sigmoid"
    dim_names: ClassVar[tuple[str, ...]] = ("features", "genres")

    kernel: Float32
    bias: Float32
    mean: Float32
    scale: Float32

    def __post_init__(self) -> None:
        self._check(("kernel",))

    @property
    def dims(self) -> tuple[int, int]:
        """(features, genres)."""
        features, genres = self.kernel.shape
        return features, genres

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        """The shape of each array by name, for the dimensions of `dim_names`."""
        features, genres = dims
        return {"kernel": (features, genres), "bias": (genres,), "mean": (features,), "scale": (features,)}

    def logits(self, rows: Float32) -> Float32:
        """Logits (n, genres) float32 of rows (n, features)."""
        return np.asarray(((rows - self.mean) / self.scale) @ self.kernel + self.bias, dtype=np.float32)


AnyWeights = DenseWeights | LinearWeights
ARCHITECTURES: dict[str, type[DenseWeights] | type[LinearWeights]] = {
    weights.kind: weights for weights in (DenseWeights, LinearWeights)
}


class FeatureMismatch(ValueError):
    """A genre head got vectors of another extractor, or vectors that are not finite."""


@dataclass(frozen=True)
class GenreHead:
    """A trained genre model: weights, genres and thresholds.

    genres: names in the order of the scores. thresholds: one per genre; a higher score is a suggestion.
    extractor: fingerprint of the extractor that it was trained with ("" if unknown). recipe: name of the
    training recipe. sure_thresholds: one per genre; a higher score may be accepted without review. None for a
    head without this operating point. no_evidence: genres that it scores and never suggests, because they
    are not ranked better than by chance. No score exceeds a threshold of `thresholds.NEVER`.

    Raises ValueError if the parts do not fit.
    """

    weights: AnyWeights
    genres: tuple[str, ...]
    thresholds: tuple[float, ...]
    extractor: str = ""
    recipe: str = ""
    sure_thresholds: tuple[float, ...] | None = None
    no_evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = self.weights.dims[-1]
        if len(self.genres) != count or len(self.thresholds) != count:
            raise ValueError(
                f"A head with {count} outputs needs {count} genres and thresholds; "
                f"got {len(self.genres)} and {len(self.thresholds)}."
            )
        if len(set(self.genres)) != count or not all(self.genres):
            raise ValueError("The genres of a head must be named, each once.")
        if not all(np.isfinite(self.thresholds)):
            raise ValueError("The thresholds of a head must be finite numbers.")
        if self.sure_thresholds is not None and (
            len(self.sure_thresholds) != count or not all(np.isfinite(self.sure_thresholds))
        ):
            raise ValueError(f"The sure thresholds of a head must be {count} finite numbers, one per genre.")
        if unknown := set(self.no_evidence) - set(self.genres):
            raise ValueError(f"no_evidence names {sorted(unknown)[0]!r}, which is no genre of the head.")

    @classmethod
    def with_threshold(
        cls,
        weights: AnyWeights,
        genres: Sequence[str],
        threshold: float = RECIPE_THRESHOLD,
        *,
        extractor: str = "",
        recipe: str = "",
    ) -> GenreHead:
        """Make a head with one threshold for all genres."""
        return cls(weights, tuple(genres), (float(threshold),) * len(genres), extractor, recipe)

    def scores(self, features: npt.ArrayLike) -> Float32:
        """Score every genre for every poster.

        features: (n, d) vectors of the head's extractor, any float dtype. Returns (n, genres) float32 in [0,
        1]. Scores rank posters; they are probabilities only if the recipe calibrates them.

        Raises FeatureMismatch if d differs from the trained one, or if a vector holds NaN or infinity.
        """
        return sigmoid(self.logits(features))

    def pooled_scores(self, features: npt.ArrayLike, owners: npt.ArrayLike) -> Float32:
        """Score every genre for every movie: the sigmoid of the mean logits of its posters.

        features: (n, d) as for `scores`. owners: (n,) whole numbers from 0 without a gap, the movie of each
        poster. Returns (movies, genres) float32.

        Raises FeatureMismatch as `scores` does, ValueError for other owners.
        """
        owner = np.asarray(owners)
        logits = self.logits(features)
        if owner.shape != (len(logits),) or owner.dtype.kind not in "iu":
            raise ValueError("owners must be one whole number per vector.")
        count = np.bincount(owner)
        if not count.all():
            raise ValueError("owners must be numbered from 0 without a gap.")
        total = np.zeros((len(count), logits.shape[1]), dtype=np.float64)
        np.add.at(total, owner, logits)
        return sigmoid((total / count[:, None]).astype(np.float32))

    def logits(self, features: npt.ArrayLike) -> Float32:
        """Logits (n, genres) float32 of features (n, d). Raises FeatureMismatch."""
        vectors = np.asarray(features, dtype=np.float32)
        expected, genres = self.weights.dims[0], self.weights.dims[-1]
        if vectors.ndim != 2 or vectors.shape[1] != expected:
            made_for = f" (extractor {self.extractor})" if self.extractor else ""
            raise FeatureMismatch(
                f"The genre model needs vectors of {expected} numbers{made_for}, not an array of shape "
                f"{vectors.shape}: embed the posters with the model's extractor."
            )
        broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if broken.size:
            raise FeatureMismatch(
                f"{broken.size} of {len(vectors)} vectors hold NaN or infinity (first: row {broken[0]}): "
                "embed these posters again."
            )
        result = np.empty((len(vectors), genres), dtype=np.float32)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            result[start : start + ROWS_AT_ONCE] = self.weights.logits(vectors[start : start + ROWS_AT_ONCE])
        return result

    def suggested(self, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which scores (n, genres) exceed the thresholds, as bool (n, genres)."""
        return decide(scores, self.thresholds)

    def sure(self, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which scores (n, genres) exceed the sure thresholds, as bool (n, genres); none without them."""
        return decide(scores, NEVER if self.sure_thresholds is None else self.sure_thresholds)


def sigmoid(logits: Float32) -> Float32:
    """The logistic function, computed with tanh: exact to float32, and without overflow."""
    return np.asarray(np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1)), dtype=np.float32)
