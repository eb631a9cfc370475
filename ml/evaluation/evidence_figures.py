"""What a genre model reaches by the poster alone, with title and year, and with all that films have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.errors import EvaluationError
from ml.evaluation.genre_figures import NOTHING_SURE, Predictions, align_predictions, undefined
from ml.evaluation.genre_models import GenreModel
from ml.genres.evidence.films import PARTS, Films
from ml.genres.head import FeatureMismatch
from ml.genres.metrics import GenreMetrics, precision_recall_coverage, tick_columns
from ml.labelled_set.listing import LabelledPoster
from ml.stats import Figure, Floats, Statistics, bootstrap

EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "poster": ("poster",),
    "poster_title_year": ("poster", "title", "year"),
    "all": PARTS,
}
"""The parts of the evidence by which a model is measured, by their names in the report."""
FIGURES = ("macro_f1_suggest", "map", "ece", "sure_precision", "sure_recall", "corrections", "unchanged")
POSTER = "poster"
FEWEST = 10
"""Of a part of the set, fewer films are not measured."""

Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EvidencePredictions:
    """The predictions of one model for n films by each evidence of EVIDENCE, by name.

    Args:
        predictions: without an evidence of which the model uses nothing.
        rows: the films that each covers: those with an overview for `all`, every film for the others.
        reasons: why a model does not have an evidence, or why no film does; "" if they do.
    """

    predictions: Mapping[str, Predictions]
    rows: Mapping[str, Indexes]
    reasons: Mapping[str, str]

    def within(self, name: str, member: npt.NDArray[np.bool_] | None) -> Indexes:
        """The films of `member` (n,) that the evidence `name` covers; None means all films."""
        rows = self.rows[name]
        return rows if member is None else rows[member[rows]]


def films_of(posters: Sequence[LabelledPoster], vectors: npt.NDArray[np.float32]) -> Films:
    """Each poster, with its vector (n, d), as a film of its own."""
    return Films(
        vectors,
        np.arange(len(posters)),
        [poster.title for poster in posters],
        np.array([poster.year or 0 for poster in posters], dtype=np.int64),
        [poster.overview for poster in posters],
    )


def predict(model: GenreModel, films: Films, evidence: Sequence[str], genres: Sequence[str]) -> Predictions:
    """Predict the genres of every film by some parts of the evidence.

    Raises EvaluationError if the model uses none of them, can't read the vectors, or gives invalid scores.
    """
    scorer, used = model.scorer, model.used(evidence)
    if not used:
        raise EvaluationError(
            f"The genre model uses {_listed(scorer.parts)}, and --evidence names none of that."
        )
    try:
        scored = scorer.score(films.only(used))
    except FeatureMismatch as error:
        raise EvaluationError(str(error)) from error
    if not (np.isfinite(scored.scores).all() and scored.scores.min() >= 0 and scored.scores.max() <= 1):
        raise EvaluationError(
            "The genre model gives scores that are not numbers between 0 and 1: its weights are damaged. "
            "Train it again."
        )
    reason = model.sure_reason
    return align_predictions(
        scored.scores,
        scorer.genres,
        scored.suggest,
        None if reason else scored.sure,
        genres,
        reason,
        tick=scored.tick,
        cuts=model.thresholds(used),
    )


def predict_by_evidence(model: GenreModel, films: Films, genres: Sequence[str]) -> EvidencePredictions:
    """Predict the genres of every film by each evidence of EVIDENCE. Raises EvaluationError as `predict`."""
    predictions, reasons, rows = {}, {}, {}
    done: dict[tuple[str, ...], Predictions] = {}
    for name, parts in EVIDENCE.items():
        if used := model.used(parts):
            if used not in done:
                done[used] = predict(model, films, parts, genres)
            predictions[name] = done[used]
        reasons[name] = _reason(model, films, name)
        has_all = [name != "all" or bool(overview) for overview in films.overviews]
        rows[name] = np.flatnonzero(has_all)
    return EvidencePredictions(predictions, rows, reasons)


def evidence_figures(
    truth: Labels,
    found: EvidencePredictions,
    *,
    member: npt.NDArray[np.bool_] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """`evidence` and `evidence_gains`, ready for JSON.

    evidence: for each evidence FIGURES with 95% intervals over the films that it covers, and their number
    `n`. evidence_gains: for each but the poster alone, the figures of the poster alone on the same films, and
    the paired difference. Figures that can't be given are None, with a reason, and `n` is then 0.

    member (n,): measure these films only. Metrics of each genre are means over the genres that a film
    measured has.
    """
    evidence: dict[str, Any] = {}
    gains: dict[str, Any] = {}
    for name in EVIDENCE:
        rows = found.within(name, member)
        reason = found.reasons[name]
        if not reason and member is not None and len(rows) < FEWEST:
            reason = f"Fewer than {FEWEST} such films: too few to measure."
        compared = name != POSTER
        if reason:
            evidence[name] = {**_undefined(reason), "n": 0}
            if compared:
                gains[name] = {POSTER: _undefined(reason), "difference": _undefined(reason), "n": 0}
            continue
        named = {name: _of(truth, found.predictions[name], rows)}
        if compared and POSTER in found.predictions:
            named[POSTER] = _of(truth, found.predictions[POSTER], rows)
        measured = _bootstrapped(named, len(rows), resamples=resamples, seed=seed)
        evidence[name] = {**_explained(measured[name], found.predictions[name]), "n": len(rows)}
        if compared:
            gains[name] = _gain(measured, name, found, len(rows))
    return {"evidence": evidence, "evidence_gains": gains}


def evidence_differences(
    truth: Labels,
    one: EvidencePredictions,
    other: EvidencePredictions,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Paired differences (`one` minus `other`, on the same films) of FIGURES by each evidence, with `n`.

    A model that does not use a part is measured by those that it uses. Where neither uses more than for
    another evidence, the differences are None, with a reason.
    """
    differences: dict[str, Any] = {}
    for name in EVIDENCE:
        rows = one.rows[name]
        reasons = [each.reasons[name] for each in (one, other)]
        able = [name in each.predictions for each in (one, other)]
        if not all(able) or all(reasons):
            differences[name] = {**_undefined(next(filter(None, reasons))), "n": 0}
            continue
        ours, theirs = one.predictions[name], other.predictions[name]
        named = {"one": _of(truth, ours, rows), "other": _of(truth, theirs, rows)}
        measured = _bootstrapped(named, len(rows), resamples=resamples, seed=seed)
        differences[name] = {**_explained(measured["difference"], ours, theirs), "n": len(rows)}
    return differences


def _of(truth: Labels, predictions: Predictions, rows: Indexes) -> Statistics:
    """FIGURES for weights of the films `rows`."""
    labels = truth[rows]
    has_film = labels.any(axis=0)
    suggested = predictions.suggested[rows]
    sure = np.zeros_like(suggested) if predictions.sure is None else predictions.sure[rows]
    metrics = GenreMetrics(labels, predictions.scores[rows], suggested)
    of_sure = precision_recall_coverage(labels, sure)
    ticks = tick_columns(labels, predictions.ticked[rows])

    def statistics(weights: Floats) -> dict[str, Floats]:
        genres, certain = metrics(weights), of_sure(weights)
        ticking = weights @ ticks / weights.sum(axis=1, keepdims=True)
        return {
            "macro_f1_suggest": genres["f1"][:, has_film].mean(axis=1),
            "map": genres["mean_average_precision"],
            "ece": genres["expected_calibration_error"],
            "sure_precision": certain["precision"],
            "sure_recall": certain["recall"],
            "corrections": ticking[:, 0],
            "unchanged": ticking[:, 1],
        }

    return statistics


def _bootstrapped(
    named: Mapping[str, Statistics], rows: int, *, resamples: int, seed: int
) -> dict[str, dict[str, Figure]]:
    """The figures of each, and for two the `difference` of the first minus the second, all paired."""

    def together(weights: Floats) -> dict[str, Floats]:
        values = [each(weights) for each in named.values()]
        tables = [np.stack([each[name] for name in FIGURES], axis=1) for each in values]
        found = dict(zip(named, tables, strict=True))
        return found | ({"difference": tables[0] - tables[1]} if len(tables) == 2 else {})

    found = bootstrap(together, rows, resamples=resamples, seed=seed)
    return {name: dict(zip(FIGURES, figures, strict=True)) for name, figures in found.items()}


def _gain(
    measured: Mapping[str, dict[str, Figure]], name: str, found: EvidencePredictions, rows: int
) -> dict[str, Any]:
    if POSTER not in measured:
        reason = found.reasons[POSTER]
        return {POSTER: _undefined(reason), "difference": _undefined(reason), "n": 0}
    ours, alone = found.predictions[name], found.predictions[POSTER]
    return {
        POSTER: _explained(measured[POSTER], alone),
        "difference": _explained(measured["difference"], ours, alone),
        "n": rows,
    }


def _explained(figures: dict[str, Figure], *predictions: Predictions) -> dict[str, Figure]:
    """The figures, with the reason why those of *sure* are undefined, if they are."""
    reasons = [each.sure_reason for each in predictions if each.sure is None]
    if reasons:
        return figures | {name: undefined(reasons[0]) for name in ("sure_precision", "sure_recall")}
    if figures["sure_precision"]["value"] is None:
        return figures | {"sure_precision": undefined(NOTHING_SURE)}
    return figures


def _undefined(reason: str) -> dict[str, Figure]:
    return {name: undefined(reason) for name in FIGURES}


def _reason(model: GenreModel, films: Films, name: str) -> str:
    parts = model.scorer.parts
    if name == POSTER:
        return "" if POSTER in parts else f"The genre model uses {_listed(parts)} only, not the poster."
    added = ("overview",) if name == "all" else ("title", "year")
    if not set(added) & set(parts):
        return f"The genre model uses {_listed(parts)} only."
    if name == "all":
        return "" if any(films.overviews) else "The CSV has no column `overview` with text in it."
    known = any(films.titles) or bool(films.years.any())
    return "" if known else "The CSV has neither a column `title` nor a column `year` with anything in it."


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(f"the {part}" for part in parts)
