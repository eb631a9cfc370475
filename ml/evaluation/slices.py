"""Metrics on parts of the set: those that are known to be hard, other languages, and decades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.evidence_figures import FEWEST, EvidencePredictions, evidence_figures
from ml.evaluation.genre_figures import Predictions, genre_figures
from ml.evaluation.languages import has_other_language, is_english, is_other_language
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import GREY_SPREAD, Pictures
from ml.search.lookalike_metrics import PosterScores, share_figures

OLD_BEFORE = 1970


@dataclass(frozen=True)
class Slice:
    """A part of n posters: what defines it, its members (n,), and why membership is unknown, if it is."""

    what: str
    member: npt.NDArray[np.bool_]
    unknown: str = ""


def slices_of(posters: Sequence[LabelledPoster], pictures: Pictures) -> dict[str, Slice]:
    """The slices by name, as `slices` of the report has them."""
    grey = f"channels differ by less than {GREY_SPREAD:g} of 255 on 99% of the poster"
    old = np.array([poster.year is not None and poster.year < OLD_BEFORE for poster in posters])
    text_only = np.array([bool(poster.text_only) for poster in posters])
    dated = any(poster.year is not None for poster in posters)
    marked = any(poster.text_only is not None for poster in posters)
    slices = {
        "greyscale": Slice(grey, pictures.grey),
        "old": Slice(
            f"year before {OLD_BEFORE}",
            old,
            "" if dated else "The CSV has no column `year` with a year in it.",
        ),
        "text_only": Slice(
            "mostly lettering, by the column `text_only`",
            text_only,
            "" if marked else "The CSV has no column `text_only` with a yes or no in it.",
        ),
        "non_english": _non_english(posters),
        "overview_not_english": Slice(
            "an overview whose function words or letters are of another language than English "
            "(an approximation)",
            np.array([is_other_language(poster.overview) for poster in posters]),
            ""
            if any(poster.overview for poster in posters)
            else "The CSV has no column `overview` with text in it.",
        ),
    }
    decades = np.array([(poster.year or 0) // 10 * 10 for poster in posters])
    for decade in np.unique(decades[decades > 0]).tolist():
        slices[f"{decade}s"] = Slice(f"year from {decade} to {decade + 9}", decades == decade)
    return slices


def slice_figures(
    slices: Mapping[str, Slice],
    labels: npt.NDArray[np.uint8],
    genres: Sequence[str],
    predictions: Predictions | None,
    by_evidence: EvidencePredictions | None,
    scores: PosterScores,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """For each slice `what` it is, its `n`, its metrics and those by evidence, without genres that none has.

    Look-alikes are those found in the whole set for the posters of the slice. A slice of fewer than FEWEST
    posters has `reason` instead.
    """
    found: dict[str, Any] = {}
    for name, part in slices.items():
        rows = np.flatnonzero(part.member)
        found[name] = {"what": part.what, "n": len(rows)}
        if len(rows) < FEWEST:
            found[name]["reason"] = part.unknown or f"Fewer than {FEWEST} such posters: too few to measure."
            continue
        if predictions is not None:
            columns = np.flatnonzero(labels[rows].any(axis=0))
            found[name]["genres"] = genre_figures(
                labels[rows][:, columns],
                predictions.subset(rows, columns),
                [genres[column] for column in columns.tolist()],
                resamples=resamples,
                seed=seed,
            )
        if by_evidence is not None:
            found[name] |= evidence_figures(
                labels, by_evidence, member=part.member, resamples=resamples, seed=seed
            )
        found[name]["lookalikes"] = share_figures(scores, rows, resamples=resamples, seed=seed)
    return found


def _non_english(posters: Sequence[LabelledPoster]) -> Slice:
    member = np.array(
        [
            not is_english(poster.language) if poster.language else has_other_language(poster.title)
            for poster in posters
        ]
    )
    by_column = sum(bool(poster.language) for poster in posters)
    by_title = "a title in another language, or an original title in parentheses (an approximation)"
    what = "not English, by the column `language`"
    if not by_column:
        what = f"not English: {by_title}"
    elif by_column < len(posters):
        what = f"{what} for {by_column:,} posters; for the others {by_title}"
    unknown = (
        ""
        if by_column or any(poster.title for poster in posters)
        else ("The CSV has neither a column `language` nor a column `title` with text in it.")
    )
    return Slice(what, member, unknown)
