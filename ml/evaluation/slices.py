"""The same figures on parts of the set that are known to be hard: greyscale posters, and old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation import similarity
from ml.evaluation.figures import figure
from ml.evaluation.genres import Telling, genre_figures
from ml.evaluation.labelled_set import LabelledPoster
from ml.evaluation.pictures import GREY_SPREAD
from ml.genres.metrics import bootstrap_interval

OLD_BEFORE = 1970
FEWEST = 20
"""Posters a slice needs to be measured at all."""


def slices_of(
    posters: Sequence[LabelledPoster],
    grey: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.uint8],
    genres: Sequence[str],
    told: Telling | None,
    terms: similarity.Terms,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """For each slice what it is, its `n`, and its figures: genres without a positive in it are left out.

    Look-alikes are those found in the whole set, asked for by the posters of the slice. A slice of fewer than
    FEWEST posters has `reason` instead.
    """
    years = [poster.year for poster in posters]
    dated = np.array([year is not None for year in years])
    old = np.array([year is not None and year < OLD_BEFORE for year in years])
    parts = {
        "greyscale": (
            f"channels differ by less than {GREY_SPREAD:g} of 255 on 99% of the poster",
            grey,
            "",
        ),
        "old": (
            f"year before {OLD_BEFORE}",
            old,
            "" if dated.any() else "The CSV has no column `year` with a year in it.",
        ),
    }
    found: dict[str, Any] = {}
    for name, (what, member, reason) in parts.items():
        rows = np.flatnonzero(member)
        found[name] = {"what": what, "n": len(rows)}
        if len(rows) < FEWEST:
            found[name]["reason"] = reason or f"Fewer than {FEWEST} such posters: too few to measure."
            continue
        if told is not None:
            columns = np.flatnonzero(labels[rows].any(axis=0))
            found[name]["genres"] = genre_figures(
                labels[rows][:, columns],
                told.rows(rows, columns),
                [name for column, name in enumerate(genres) if column in columns],
                resamples=resamples,
                seed=seed,
            )
        found[name]["lookalikes"] = _share(terms.columns[rows], resamples, seed)
    return found


def _share(columns: npt.NDArray[np.float64], resamples: int, seed: int) -> dict[str, Any]:
    names = ("share_at_5", "share_at_5_random", "share_at_5_lift", "ndcg_at_10")

    def means(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return similarity.column_means(drawn[:, : len(names)])

    value = means(columns)
    low, high = bootstrap_interval(means, columns, n=resamples, seed=seed)
    return {name: figure(value[i], low[i], high[i]) for i, name in enumerate(names)}
