"""The recipe `evidence`: a model of each part, and a fusion with thresholds for each combination of parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.calibration import Calibration
from ml.genres.evidence.films import Films
from ml.genres.evidence.fusion import Balance, combinations_of
from ml.genres.evidence.fusion_training import films_with, fuse
from ml.genres.evidence.model import Combination, EvidenceModel
from ml.genres.evidence.part_training import FittedPart, fit_text, fit_year
from ml.genres.evidence.points import (
    Points,
    choose_points,
    combination_figures,
    combination_name,
    parts_that_help,
)
from ml.genres.head import GenreHead
from ml.genres.logistic import MIN_FREQUENCY
from ml.genres.logistic_training import fit_head
from ml.genres.metrics import calibration_error
from ml.genres.operating_points import SureTarget, abstention_curve, sure_figures
from ml.genres.recipes import EvidenceConfig, config_values
from ml.genres.scorecard import scorecard
from ml.genres.splitting import folds
from ml.genres.thresholds import NEVER
from ml.genres.training_set import TrainingDataError, training_set

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]
Combined = tuple[str, ...]

MEASURED_ON = "labelled films, each scored out of fold from the parts that it has"
METHOD = (
    "regularised logistic regression of the parts' logits, and Platt scaling where it lowers the log-loss"
)
# A combination of parts that fewer films have is not measured; one of fewer than LEAST_FILMS is not used.
MIN_FILMS, LEAST_FILMS = 50, 10
# Of the bootstrap for the intervals of each combination.
RESAMPLES = 200


@dataclass(frozen=True)
class EvidenceData:
    """n labelled films.

    films: at most one poster each. labels (n, g) uint8; groups (n,) int64, films of one group are never
    split, a negative number is a group of one film; genres: g names; extractor: fingerprint. keywords: n
    texts, "" if unknown, or none: examples for the words of overviews, never scored. train_only (n,): films
    to learn from but not to calibrate or measure on, such as those with other genre frequencies; seen (n,):
    films whose posters the extractor learned from: their poster scores are too good to calibrate or measure
    on. Films of the last two kinds must not share groups with others.
    """

    films: Films
    labels: Labels
    groups: Indexes
    genres: tuple[str, ...]
    extractor: str = ""
    keywords: Sequence[str] = ()
    train_only: Bools | None = None
    seen: Bools | None = None


@dataclass(frozen=True)
class TrainedEvidence:
    """model and metrics (ready for JSON). rows (m,): the measured films; scores (m, g): out of fold, from the
    parts that each film has; suggested, sure, ticked (m, g): decisions with thresholds of the other folds."""

    model: EvidenceModel
    metrics: dict[str, Any]
    rows: Indexes
    scores: npt.NDArray[np.float32]
    suggested: Bools
    sure: Bools
    ticked: Bools


@dataclass(frozen=True)
class _Parts:
    """The model of each part, and its out-of-fold logits (n, g); NaN where they must not be used."""

    head: GenreHead | None
    fitted: Mapping[str, FittedPart]
    logits: dict[str, Floats]
    facts: dict[str, Any]


def train_evidence(
    data: EvidenceData,
    config: EvidenceConfig | None = None,
    should_stop: Callable[[], bool] | None = None,
    start: GenreHead | None = None,
) -> TrainedEvidence:
    """Train a model over the parts that `config` names and that are known of some films.

    All genres must have enough films (see `ml.genres.training.train_on`). start: an earlier head for posters;
    it saves time. Everything that is measured is out of fold: scores of a fold come from parts and fusions
    fitted to the others.

    Raises TrainingStopped, TrainingDiverged, TrainingDataError.
    """
    config = config or EvidenceConfig()
    started = time.monotonic()
    fold = folds(data.groups, data.labels, config.folds, config.seed)
    parts = _fit_parts(data, config, fold, should_stop, start)
    if not parts.logits:
        raise TrainingDataError(f"No film has any of these: {', '.join(config.parts)}.")
    used = tuple(parts.logits)
    known = {part: ~np.isnan(values[:, 0]) for part, values in parts.logits.items()}
    reference = np.ones(len(data.labels), dtype=bool) if data.train_only is None else ~data.train_only
    fused = fuse(parts.logits, known, data.labels, fold, reference, should_stop)
    # Only these are measured; the others have helped to fit.
    known = {part: has & reference for part, has in known.items()}
    points: dict[Combined, Points] = {}
    combined: dict[Combined, Combination] = {}
    # The parts that help, of each combination.
    helping: dict[Combined, Combined] = {}
    for chosen in combinations_of(used):
        rows = films_with(chosen, known)
        values = fused.logits[chosen]
        if len(rows) >= MIN_FILMS or not points:
            points[chosen] = choose_points(
                data.labels[rows],
                values[rows],
                fold[rows],
                _target(config, chosen),
                config.shrinkage,
                calibrate=chosen != ("poster",),
            )
            values[rows] = points[chosen].logits()
        smaller = [parts for parts in helping if set(parts) < set(chosen)]
        if len(rows) < LEAST_FILMS or not smaller:
            helping[chosen] = helping[max(smaller, key=len)] if smaller else chosen
        else:
            candidates = {helping[parts] for parts in smaller} | {chosen}
            helping[chosen] = parts_that_help(
                data.labels[rows], {parts: fused.logits[parts][rows] for parts in sorted(candidates)}
            )
        if (best := helping[chosen]) != chosen:
            combined[chosen] = replace(combined[best], fusion=combined[best].fusion.among(best, chosen))
            if chosen in points:
                points[chosen] = points[best].of(np.isin(films_with(best, known), rows))
            continue
        # Too few films to choose thresholds by: those of a smaller combination are the best guess.
        own = points.get(chosen) or points[max(points, key=lambda one: len(set(one) & set(chosen)))]
        scaling = own.scaling if chosen in points else Calibration.none(len(data.genres))
        slope, offset = scaling.slope.astype(np.float32), scaling.offset.astype(np.float32)
        combined[chosen] = Combination(fused.fusions[chosen], slope, offset, own.thresholds)
    model = _assembled(data, config, parts, combined, fused.balance, points)
    trained = _as_it_is(model, points, known, data.labels.shape)
    trained.metrics.update(_metrics(data, config, parts, fold, known, points, trained))
    trained.metrics["seconds"] = round(time.monotonic() - started, 3)
    return trained


def _assembled(
    data: EvidenceData,
    config: EvidenceConfig,
    parts: _Parts,
    combined: Mapping[Combined, Combination],
    balance: Balance,
    points: Mapping[Combined, Points],
) -> EvidenceModel:
    shown = np.any([each.shown for each in points.values()], axis=0)
    withheld = tuple(genre for genre, show in zip(data.genres, shown.tolist(), strict=True) if not show)
    head = _with_thresholds(parts.head, combined, withheld)
    if head is not None and not parts.fitted:
        return EvidenceModel.of_head(head)
    return EvidenceModel(
        genres=data.genres,
        parts=tuple(parts.logits),
        poster=head,
        title=_model(parts, "title"),
        year=_model(parts, "year"),
        overview=_model(parts, "overview"),
        prior=_prior(data),
        combinations=combined,
        balance=balance,
        extractor=data.extractor,
        recipe=config.name,
        no_evidence=withheld,
    )


def _metrics(
    data: EvidenceData,
    config: EvidenceConfig,
    parts: _Parts,
    fold: Indexes,
    known: Mapping[str, Bools],
    points: Mapping[Combined, Points],
    trained: TrainedEvidence,
) -> dict[str, Any]:
    """Figures of the films as they are (with the keys of the recipe `logistic`), and of each combination."""
    model, labels = trained.model, data.labels[trained.rows]
    full = model.combinations[model.parts].thresholds
    again = {"resamples": config.resamples, "seed": config.seed}
    card = scorecard(
        labels, trained.scores, data.genres, full.suggest, chosen=trained.suggested, worthwhile=0.0,
        withheld=model.no_evidence, **again,
    )  # fmt: skip
    for i, row in enumerate(card["per_genre"]):
        row["train_positives"] = int(data.labels[:, i].sum())
        row["sure_threshold"] = None if full.sure[i] >= NEVER else float(full.sure[i])
        row["evidence"] = data.genres[i] not in model.no_evidence
    return {
        "config": config_values(config),
        "extractor": data.extractor,
        "measured_on": MEASURED_ON,
        "rows": {"train": len(data.labels), "validation": len(labels)},
        "folds": int(fold.max()) + 1,
        "parts": list(model.parts),
        **parts.facts,
        "calibration": {
            "method": METHOD,
            "ece_after": calibration_error(labels, trained.scores, **again),
        },
        "no_evidence": list(model.no_evidence),
        "sure": {
            "aim": _target(config, model.parts).precision,
            "never": [genre for genre, at in zip(data.genres, full.sure, strict=True) if at >= NEVER],
            **sure_figures(labels, trained.sure, **again),
        },
        "abstention": abstention_curve(labels, trained.scores, trained.suggested),
        "combinations": {
            combination_name(chosen): combination_figures(
                data.labels[films_with(chosen, known)],
                each,
                resamples=min(config.resamples, RESAMPLES),
                seed=config.seed,
            )
            for chosen, each in points.items()
        },
        "validation": card,
    }


def _fit_parts(
    data: EvidenceData,
    config: EvidenceConfig,
    fold: Indexes,
    should_stop: Callable[[], bool] | None,
    start: GenreHead | None,
) -> _Parts:
    films, labels = data.films, data.labels
    no = np.zeros(len(labels), dtype=bool)
    reference = ~(no if data.train_only is None else data.train_only)
    fitted: dict[str, FittedPart] = {}
    logits: dict[str, Floats] = {}
    facts: dict[str, Any] = {"strengths": {}}
    head = None
    owners = films.owners
    unseen = ~(no if data.seen is None else data.seen)
    if "poster" in config.parts and (unseen & reference)[owners].any():
        rows = training_set(films.vectors, labels[owners], data.genres, data.groups[owners], data.extractor)
        poster_fold = np.where(unseen[owners], fold[owners], -1)
        measured = poster_fold >= 0
        found = fit_head(rows, config, poster_fold, should_stop, start, reference[owners][measured])
        head = GenreHead(found.weights, data.genres, (NEVER,) * len(data.genres), data.extractor, config.name)
        logits["poster"] = np.full(labels.shape, np.nan)
        logits["poster"][owners[measured]] = found.logits
        facts["strengths"]["poster"] = found.found.strength
        facts["warm_start"] = found.warm
    for part in ("title", "year", "overview"):
        if part not in config.parts:
            continue
        if part == "year":
            one = fit_year(films.years, labels, fold, ~no, should_stop)
        else:
            texts, further = (films.titles, ()) if part == "title" else (films.overviews, data.keywords)
            one = fit_text(part, texts, labels, fold, ~no, config.text_strengths, further, should_stop)
        if one is not None:
            fitted[part], logits[part] = one, one.logits
            facts["strengths"][part] = one.strength
    return _Parts(head, fitted, logits, facts)


def _target(config: EvidenceConfig, parts: Combined) -> SureTarget:
    if "overview" in parts:
        return SureTarget(
            config.overview_sure_precision, config.overview_sure_least, config.overview_sure_recall
        )
    return SureTarget(config.sure_precision, config.sure_least, config.sure_recall)


def _with_thresholds(
    head: GenreHead | None, combinations: Mapping[Combined, Combination], withheld: tuple[str, ...]
) -> GenreHead | None:
    if head is None:
        return None
    alone = combinations[("poster",)].thresholds
    return replace(
        head,
        thresholds=tuple(alone.suggest.tolist()),
        sure_thresholds=tuple(alone.sure.tolist()),
        no_evidence=withheld,
    )


def _model(parts: _Parts, part: str) -> Any:
    return parts.fitted[part].model if part in parts.fitted else None


def _prior(data: EvidenceData) -> npt.NDArray[np.float32]:
    rows = slice(None) if data.train_only is None else ~data.train_only
    share = data.labels[rows].mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    return np.asarray(np.log(share / (1 - share)), dtype=np.float32)


def _as_it_is(
    model: EvidenceModel,
    points: Mapping[Combined, Points],
    known: Mapping[str, Bools],
    shape: tuple[int, ...],
) -> TrainedEvidence:
    """The films as they are, each from the largest measured combination of parts that it has."""
    scores = np.full(shape, np.nan, dtype=np.float32)
    suggested, sure, ticked = (np.zeros(shape, dtype=bool) for _ in range(3))
    for chosen, each in points.items():
        # Combinations come with rising numbers of parts: the last one that a film has counts.
        rows = films_with(chosen, known)
        scores[rows], suggested[rows], sure[rows], ticked[rows] = (
            each.scores, each.suggested, each.sure, each.ticked,
        )  # fmt: skip
    rows = np.flatnonzero(~np.isnan(scores[:, 0]))
    return TrainedEvidence(model, {}, rows, scores[rows], suggested[rows], sure[rows], ticked[rows])
