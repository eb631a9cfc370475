"""The same figures on parts of the set that are known to be hard: greyscale, old, text-only, not English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.genre_figures import Telling, genre_figures
from ml.evaluation.languages import has_other_language, is_english
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import GREY_SPREAD, Pictures
from ml.search import lookalike_metrics as similarity
from ml.stats import Figure, Floats, bootstrap, weighted_means

OLD_BEFORE = 1970
FEWEST = 10
"""Posters a slice needs to be measured at all."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """A part of n posters: what it is, which are in it (n,), and why nobody could know, if so."""

    what: str
    member: Bools
    unknown: str = ""


def parts_of(posters: Sequence[LabelledPoster], pictures: Pictures) -> dict[str, Part]:
    """The slices by name, as `slices` of the report has them."""
    return {
        "greyscale": Part(
            f"channels differ by less than {GREY_SPREAD:g} of 255 on 99% of the poster", pictures.grey
        ),
        "old": _old(posters),
        "text_only": _text_only(posters, pictures.lettering),
        "non_english": _non_english(posters),
    }


def slices_of(
    parts: Mapping[str, Part],
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
    found: dict[str, Any] = {}
    for name, part in parts.items():
        rows = np.flatnonzero(part.member)
        found[name] = {"what": part.what, "n": len(rows)}
        if len(rows) < FEWEST:
            found[name]["reason"] = part.unknown or f"Fewer than {FEWEST} such posters: too few to measure."
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


def _old(posters: Sequence[LabelledPoster]) -> Part:
    years = [poster.year for poster in posters]
    member = np.array([year is not None and year < OLD_BEFORE for year in years])
    dated = any(year is not None for year in years)
    return Part(
        f"year before {OLD_BEFORE}",
        member,
        "" if dated else "The CSV has no column `year` with a year in it.",
    )


def _text_only(posters: Sequence[LabelledPoster], lettering: Bools) -> Part:
    given = [poster.text_only for poster in posters]
    member = np.array(
        [bool(seen) if said is None else said for said, seen in zip(given, lettering, strict=True)]
    )
    seen = "thin, crisp strokes on a plain ground, told from the picture (about two in three such are right)"
    return Part(_by_column("mostly lettering on a plain ground", "text_only", given, seen), member)


def _non_english(posters: Sequence[LabelledPoster]) -> Part:
    given = [poster.language or None for poster in posters]
    member = np.array(
        [
            has_other_language(poster.title) if language is None else not is_english(language)
            for poster, language in zip(posters, given, strict=True)
        ]
    )
    told = any(given) or any(poster.title for poster in posters)
    seen = "a title in another language, or an original title in parentheses (an approximation)"
    return Part(
        _by_column("not English", "language", given, seen),
        member,
        "" if told else "The CSV has neither a column `language` nor a column `title` that tells.",
    )


def _by_column(what: str, column: str, given: Sequence[object | None], otherwise: str) -> str:
    """What decided: the CSV's column where it says something, else something that was measured."""
    said = sum(each is not None for each in given)
    if said == len(given):
        return f"{what}, as the column `{column}` says"
    if not said:
        return f"{what}: {otherwise}"
    return f"{what}, as the column `{column}` says for {said:,} posters; for the others {otherwise}"


def _share(columns: Floats, resamples: int, seed: int) -> dict[str, Figure]:
    names = ("share_at_5", "share_at_5_random", "share_at_5_lift", "ndcg_at_10")

    def means(weights: Floats) -> dict[str, Floats]:
        return dict(zip(names, weighted_means(weights, columns[:, : len(names)]).T, strict=True))

    return bootstrap(means, len(columns), resamples=resamples, seed=seed)
