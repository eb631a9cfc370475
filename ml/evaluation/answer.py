"""One contender's figures on the measured posters, and their paired differences from another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation import genre_figures as genre_side
from ml.evaluation.candidates import Contender
from ml.evaluation.curves import genre_curves
from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import Teller
from ml.evaluation.ranking import Progress, lookalikes
from ml.evaluation.slices import Part, slices_of
from ml.evaluation.vectors import Vectors
from ml.genres.head import FeatureMismatch
from ml.grouping import Kinship
from ml.labelled_set.listing import LabelledPoster
from ml.search import lookalike_metrics as similarity


@dataclass(frozen=True)
class Measured:
    """The n posters that every contender is measured on, with what is known of them.

    labels (n, genres) uint8; genres: those that at least one of the posters has; parts: the slices by
    name; resamples and seed: of every bootstrap.
    """

    posters: Sequence[LabelledPoster]
    labels: npt.NDArray[np.uint8]
    genres: tuple[str, ...]
    kin: Kinship
    parts: Mapping[str, Part]
    ground: similarity.Ground
    resamples: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """What one contender says of the measured posters.

    neighbours (n, 10) int64: everybody's look-alikes. told: its genres, None without a genre model. vectors:
    those the look-alikes were found by.
    """

    of: Contender
    vectors: Vectors
    neighbours: npt.NDArray[np.int64]
    terms: similarity.Terms
    told: genre_side.Telling | None

    def report(self, measured: Measured) -> dict[str, Any]:
        """All figures of this contender, ready for JSON."""
        told, again = self.told, {"resamples": measured.resamples, "seed": measured.seed}
        labels, genres = measured.labels, measured.genres
        near = similarity.lookalike_figures(self.terms, self.vectors.bytes_per_poster, **again)
        files = [poster.file for poster in measured.posters]
        return {
            "model": self._facts(),
            "genres": genre_side.genre_figures(labels, told, genres, **again) if told else None,
            "genres_reason": None if told else self.of.no_genres,
            "genre_curves": genre_curves(labels, told, genres) if told else None,
            "lookalikes": {**near, "counts": similarity.counts(self.neighbours, self.terms, files)},
            "slices": slices_of(measured.parts, labels, genres, told, self.terms, **again),
        }

    def minus(self, other: Answer, measured: Measured) -> dict[str, Any]:
        """Paired differences of all figures, this contender's minus the other's, ready for JSON."""
        again = {"resamples": measured.resamples, "seed": measured.seed}
        genres: dict[str, Any] | None = None
        reason: str | None = self.of.no_genres or other.of.no_genres
        if self.told is not None and other.told is not None:
            genres, reason = (
                genre_side.genre_differences(measured.labels, self.told, other.told, **again),
                None,
            )
        bytes_apart = self.vectors.bytes_per_poster - other.vectors.bytes_per_poster
        return {
            "minus": other.of.name,
            "genres": genres,
            "genres_reason": reason,
            "lookalikes": similarity.lookalike_differences(self.terms, other.terms, bytes_apart, **again),
        }

    def _facts(self) -> dict[str, Any]:
        teller = self.of.teller
        cuts = teller and genre_side.model_facts(teller.head.genres, teller.head.thresholds, teller.sure)
        return {
            "name": self.of.name,
            "note": self.of.note,
            "extractor": self.vectors.spec,
            "extractor_fingerprint": self.vectors.fingerprint,
            "dims": int(self.vectors.values.shape[1]),
            "stored_as": self.vectors.precision,
            "neighbours": str(self.of.search),
            "genre_model": teller and {**teller.facts, "thresholds": cuts},
        }


def ask(
    contender: Contender, looks: Vectors, reads: Vectors | None, measured: Measured, progress: Progress
) -> Answer:
    """Let a contender find everybody's look-alikes by the vectors `looks`, and tell genres by `reads`.

    Raises EvaluationError if its genre model can't read them, or gives scores that are none.
    """
    neighbours = lookalikes(looks.values, contender.search, measured.kin, similarity.DEPTH, progress)
    told = None
    if contender.teller is not None and reads is not None:
        told = _tell(contender.teller, reads.values, measured.genres)
    return Answer(contender, looks, neighbours, similarity.terms(neighbours, measured.ground), told)


def _tell(teller: Teller, features: npt.NDArray[np.float32], genres: Sequence[str]) -> genre_side.Telling:
    head = teller.head
    try:
        scores = head.scores(features)
    except FeatureMismatch as error:
        raise EvaluationError(str(error)) from error
    if not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1):
        raise EvaluationError(
            "The genre model gives scores that are no numbers between 0 and 1: its weights are damaged. "
            "Train it again."
        )
    return genre_side.telling(scores, head.genres, head.thresholds, teller.sure, genres, teller.sure_reason)
