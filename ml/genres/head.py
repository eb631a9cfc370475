"""The genre head in plain numpy: features in, one score a genre out. Files: see head_file.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ml.genres.head_weights import AnyWeights, HeadWeights, LinearWeights
from ml.genres.thresholds import NEVER, RECIPE_THRESHOLD, decide

if TYPE_CHECKING:
    from typing import Self

Float32 = npt.NDArray[np.float32]

__all__ = ["FeatureMismatch", "GenreHead", "HeadWeights", "LinearWeights", "ModelFileError", "load_head"]

# Rows scored at once: bounds the hidden activations to some 16 MB.
ROWS_AT_ONCE = 4096


class ModelFileError(Exception):
    """A genre model's file can't be used; the message says which file, why, and what to do."""


class FeatureMismatch(ValueError):
    """Vectors of another extractor, or broken ones, were given to a genre head."""


@dataclass(frozen=True)
class GenreHead:
    """A trained head with all that its scores depend on.

    genres: names in the order of the scores. thresholds: one a genre, above which it is suggested. extractor:
    fingerprint of the extractor whose vectors it was trained on ("" if unknown). recipe: the name of the
    training recipe. sure_thresholds: one a genre, above which a suggestion may be accepted unseen; None for a
    head that has no such operating point. no_evidence: genres that it scores and never suggests, because
    nothing shows that it tells them. A threshold of `thresholds.NEVER` is passed by no score.
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
            raise ValueError(f"The sure thresholds of a head must be {count} finite numbers, one a genre.")
        if unknown := set(self.no_evidence) - set(self.genres):
            raise ValueError(f"{sorted(unknown)[0]!r} is named without evidence and is no genre of the head.")

    @classmethod
    def with_threshold(
        cls,
        weights: AnyWeights,
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
        return sigmoid(self.logits(features))

    def pooled_scores(self, features: npt.ArrayLike, owners: npt.ArrayLike) -> Float32:
        """Score every genre for every movie by all its posters: the sigmoid of the mean of their logits.

        features: (n, d) as for `scores`. owners: (n,) whole numbers, the movie of each poster, from 0 without
        a gap. Returns (movies, genres) float32; a movie of one poster scores as that poster does.

        Raises FeatureMismatch as `scores` does, ValueError if owners are not such numbers.
        """
        of = np.asarray(owners)
        logits = self.logits(features)
        if of.shape != (len(logits),) or of.dtype.kind not in "iu":
            raise ValueError("owners must be one whole number a vector.")
        count = np.bincount(of)
        if not count.all():
            raise ValueError("owners must be numbered from 0 without a gap.")
        total = np.zeros((len(count), logits.shape[1]), dtype=np.float64)
        np.add.at(total, of, logits)
        return sigmoid((total / count[:, None]).astype(np.float32))

    def logits(self, features: npt.ArrayLike) -> Float32:
        """What `scores` takes the sigmoid of: (n, genres) float32. Raises FeatureMismatch."""
        vectors = np.asarray(features, dtype=np.float32)
        expected, genres = self.weights.dims[0], self.weights.dims[-1]
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
            result[start : start + ROWS_AT_ONCE] = self.weights.logits(vectors[start : start + ROWS_AT_ONCE])
        return result

    def suggested(self, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of `scores` (n, genres) pass the head's own thresholds, as bool (n, genres)."""
        return decide(scores, self.thresholds)

    def sure(self, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of `scores` (n, genres) pass the sure thresholds, as bool (n, genres); none without them."""
        return decide(scores, NEVER if self.sure_thresholds is None else self.sure_thresholds)

    def save(self, path: Path) -> str:
        """Write the weights to `path` (.npz) and the manifest beside it (.json); returns their sha256."""
        from ml.genres.head_file import save_head

        return save_head(self, path)


def sigmoid(logits: Float32) -> Float32:
    """The logistic function by tanh: exact to float32, and it never overflows."""
    return np.asarray(np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1)), dtype=np.float32)


def load_head(path: Path, sha256: str | None = None) -> GenreHead:
    """Read a head written by `GenreHead.save`.

    path: the .npz; its manifest is the .json of the same name. sha256: the digest the file must have, if the
    caller keeps one (a database row does); the manifest's own digest is checked in any case.

    Raises ModelFileError for a missing, truncated, tampered or foreign file.
    """
    from ml.genres.head_file import read_head

    return read_head(path, sha256)
