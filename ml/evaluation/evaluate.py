"""The steps of an evaluation: read the set, embed it, search neighbours, predict genres, measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.command_line import ProgressBar
from ml.evaluation import duplicates
from ml.evaluation.candidates import Candidate
from ml.evaluation.errors import EvaluationError
from ml.evaluation.evidence_figures import (
    EvidencePredictions,
    evidence_differences,
    evidence_figures,
    films_of,
    predict,
    predict_by_evidence,
)
from ml.evaluation.genre_figures import (
    Predictions,
    genre_curves,
    genre_differences,
    genre_figures,
    threshold_facts,
)
from ml.evaluation.options import Options
from ml.evaluation.recipe_training import train_recipe
from ml.evaluation.slices import Slice, slice_figures, slices_of
from ml.evaluation.vectors import Folders, Precision, Vectors, vectors_of
from ml.extractors.registry import BACKBONES, parse_spec
from ml.genres.splitting import split
from ml.genres.training_set import TrainingDataError
from ml.grouping import PosterRelations, group_numbers
from ml.imaging.images import DUPLICATE_BITS
from ml.labelled_set.listing import (
    LabelledPoster,
    LabelledSet,
    RowNote,
    label_table,
    read_labelled_set,
    sample,
)
from ml.labelled_set.pictures import Pictures, read_pictures
from ml.search.lookalike_metrics import (
    DEPTH,
    ChanceLevel,
    PosterScores,
    chance_level,
    counts,
    lookalike_differences,
    lookalike_figures,
    lookalike_ratios,
    lookalikes,
    poster_scores,
)

FEWEST_POSTERS = 2
# What a site stores of every vector, so what its genre model reads.
GENRE_PRECISION: Precision = "float16"
_MODEL_MAY_KNOW_POSTERS = "Trained elsewhere, perhaps on some of these posters."
_EXTRACTOR_MAY_KNOW_POSTERS = "Its extractor was trained elsewhere, perhaps on some of these posters."

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Embedded:
    """Posters that every extractor could embed, their pictures, and their vectors by (spec, precision)."""

    posters: list[LabelledPoster]
    pictures: Pictures
    vectors: Mapping[tuple[str, Precision], Vectors]
    failed: list[RowNote]


@dataclass(frozen=True)
class _TestSet:
    """The n posters that every candidate is measured on.

    labels: (n, genres); genres: those that at least one of the posters has.
    """

    posters: Sequence[LabelledPoster]
    labels: npt.NDArray[np.uint8]
    genres: tuple[str, ...]
    relations: PosterRelations
    slices: Mapping[str, Slice]
    chance: ChanceLevel


@dataclass(frozen=True)
class _Result:
    """One candidate's look-alikes and genre predictions (None without a genre model) for the test set.

    vectors: those of the look-alikes; neighbours: (n, 10). predictions: by the evidence of the options.
    """

    candidate: Candidate
    vectors: Vectors
    neighbours: Rows
    scores: PosterScores
    predictions: Predictions | None
    by_evidence: EvidencePredictions | None


def evaluate(
    options: Options, candidates: Sequence[Candidate], folders: Folders, bar: ProgressBar
) -> dict[str, Any]:
    """Measure one candidate, or two on the same posters. Returns the report, ready for JSON.

    Raises EvaluationError or LabelledSetError if it is not possible.
    """
    listed = read_labelled_set(options.listing, options.images)
    drawn = sample(listed.posters, options.limit, options.seed)
    embedded = _embed(drawn, candidates, folders, bar)
    if len(embedded.posters) < FEWEST_POSTERS:
        raise EvaluationError(
            f"Only {len(embedded.posters)} of {listed.rows} rows can be used, too few to measure anything."
            + (f" The first of the others: {embedded.failed[0].reason}" if embedded.failed else "")
        )
    rows, split_facts = np.arange(len(embedded.posters)), None
    if options.fit is not None:
        candidates, training, rows = _fit(candidates, embedded, options.fit, options.seed, bar)
        split_facts = {
            "fit": options.fit,
            "seed": options.seed,
            "grouped_by": f"movie, series, near-duplicates ({DUPLICATE_BITS} bits)",
            "train_lines": [embedded.posters[row].line for row in training],
            "test_lines": [embedded.posters[row].line for row in rows],
        }
    test_set = _test_set(embedded, rows, options.keep_duplicates)
    results = [_measure(each, embedded, rows, test_set, options, bar) for each in candidates]
    found, found_differences = _duplicates(results, test_set, options, folders, bar)
    with bar("measuring", 0):
        reports = [
            {**_report(result, test_set, options), "duplicates": figures}
            for result, figures in zip(results, found, strict=True)
        ]
        differences: dict[str, Any] | None = None
        if len(results) > 1:
            differences = {
                **_differences(results[0], results[1], test_set, options),
                "duplicates": found_differences,
            }
    return {
        "n": len(rows),
        **reports[0],
        "against": reports[1] if len(reports) > 1 else None,
        "differences": differences,
        "posters": _poster_facts(listed, drawn, embedded.failed, test_set, options),
        "split": split_facts,
        **options.bootstrap,
    }


def _embed(
    drawn: Sequence[LabelledPoster], candidates: Sequence[Candidate], folders: Folders, bar: ProgressBar
) -> _Embedded:
    with bar("reading posters", len(drawn)) as done:
        pictures = read_pictures(drawn, folders.cache, done)
    notes = [RowNote(drawn[row].line, drawn[row].file, why) for row, why in pictures.unreadable.items()]
    readable = [row for row in range(len(drawn)) if row not in pictures.unreadable]
    posters, pictures = [drawn[row] for row in readable], pictures.subset(readable)
    needed: dict[tuple[str, Precision], None] = {}
    for each in candidates:
        needed[each.extractor, each.precision] = None
        if each.genre_model is not None or each.recipe:
            needed[each.genre_extractor, GENRE_PRECISION] = None
    vectors = {}
    for spec, precision in needed:
        with bar(f"embedding by {spec}", len(posters)) as done:
            vectors[spec, precision] = vectors_of(spec, posters, precision, folders, done)
    failed = {row: why for each in vectors.values() for row, why in each.failed.items()}
    notes += [RowNote(posters[row].line, posters[row].file, why) for row, why in sorted(failed.items())]
    rows = [row for row in range(len(posters)) if row not in failed]
    return _Embedded(
        [posters[row] for row in rows],
        pictures.subset(rows),
        {key: each.subset(rows) for key, each in vectors.items()},
        notes,
    )


def _fit(
    candidates: Sequence[Candidate], embedded: _Embedded, share: float, seed: int, bar: ProgressBar
) -> tuple[list[Candidate], Rows, Rows]:
    """The candidates with trained recipes, the rows they were trained on, and the rest."""
    genres, labels = label_table(embedded.posters)
    groups = _relations(embedded.posters, embedded.pictures).split_groups()
    try:
        training, rest = split(groups, labels, 1 - share, seed)
    except TrainingDataError as error:
        raise EvaluationError(str(error)) from error
    ready = []
    for each in candidates:
        warning = _EXTRACTOR_MAY_KNOW_POSTERS if _is_trained(each.extractor) else ""
        if each.recipe:
            with bar(f"training {each.name} on {len(training):,} posters", 0):
                vectors = embedded.vectors[each.genre_extractor, GENRE_PRECISION]
                model = train_recipe(
                    each.recipe, vectors, training, labels, genres, groups, seed, embedded.posters
                )
            each = replace(each, genre_model=model)
        elif each.genre_model is not None:
            warning = _MODEL_MAY_KNOW_POSTERS
        ready.append(replace(each, note=f"{each.note} {warning}".strip()))
    return ready, training, rest


def _is_trained(spec: str) -> bool:
    """Whether the extractor was trained on posters."""
    return BACKBONES[parse_spec(spec).backbone].trained


def _test_set(embedded: _Embedded, rows: Rows, keep_duplicates: bool) -> _TestSet:
    posters, pictures = [embedded.posters[row] for row in rows], embedded.pictures.subset(rows)
    genres, labels = label_table(posters)
    relations = _relations(posters, pictures, keep_duplicates)
    return _TestSet(
        posters, labels, genres, relations, slices_of(posters, pictures), chance_level(labels, relations)
    )


def _relations(
    posters: Sequence[LabelledPoster], pictures: Pictures, keep_duplicates: bool = False
) -> PosterRelations:
    return PosterRelations(
        pictures.hashes,
        group_numbers([poster.movie for poster in posters]),
        group_numbers([poster.series for poster in posters]),
        keep_duplicates,
    )


def _measure(
    candidate: Candidate,
    embedded: _Embedded,
    rows: Rows,
    test_set: _TestSet,
    options: Options,
    bar: ProgressBar,
) -> _Result:
    """Search the look-alikes of the test set and predict its genres.

    Raises EvaluationError if the genre model can't read the vectors, or gives invalid scores.
    """
    vectors = embedded.vectors[candidate.extractor, candidate.precision].subset(rows)
    with bar(f"neighbours by {candidate.extractor}", len(rows)) as done:
        neighbours = lookalikes(vectors.values, candidate.search, test_set.relations, DEPTH, done)
    predictions, by_evidence, model = None, None, candidate.genre_model
    if model is not None:
        features = embedded.vectors[candidate.genre_extractor, GENRE_PRECISION].subset(rows)
        films = films_of(test_set.posters, features.values)
        with bar(f"genres by {candidate.name}", 0):
            predictions = predict(model, films, options.evidence, test_set.genres)
            by_evidence = predict_by_evidence(model, films, test_set.genres)
    scores = poster_scores(neighbours, test_set.chance)
    return _Result(candidate, vectors, neighbours, scores, predictions, by_evidence)


def _report(result: _Result, test_set: _TestSet, options: Options) -> dict[str, Any]:
    """All figures of one candidate, ready for JSON."""
    labels, genres, predictions = test_set.labels, test_set.genres, result.predictions
    figures = lookalike_figures(result.scores, result.vectors.bytes_per_poster, **options.bootstrap)
    files = [poster.file for poster in test_set.posters]
    found: dict[str, Any] | None = None
    if predictions and result.by_evidence:
        found = genre_figures(labels, predictions, genres, **options.bootstrap)
        found |= evidence_figures(labels, result.by_evidence, resamples=options.resamples, seed=options.seed)
    return {
        "model": _model_facts(result, options),
        "genres": found,
        "genres_reason": None if predictions else result.candidate.no_genres,
        "genre_curves": predictions and genre_curves(labels, predictions, genres),
        "lookalikes": {**figures, "counts": counts(result.neighbours, result.scores, files)},
        "slices": slice_figures(
            test_set.slices,
            labels,
            genres,
            predictions,
            result.by_evidence,
            result.scores,
            **options.bootstrap,
        ),
    }


def _differences(one: _Result, other: _Result, test_set: _TestSet, options: Options) -> dict[str, Any]:
    """Paired differences of all figures, the first candidate's minus the second's, ready for JSON."""
    labels = test_set.labels
    genres: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None
    if one.predictions and other.predictions:
        genres = genre_differences(labels, one.predictions, other.predictions, **options.bootstrap)
    if one.by_evidence and other.by_evidence:
        evidence = evidence_differences(labels, one.by_evidence, other.by_evidence, **options.bootstrap)
    bytes_difference = one.vectors.bytes_per_poster - other.vectors.bytes_per_poster
    return {
        "minus": other.candidate.name,
        "genres": genres,
        "evidence": evidence,
        "genres_reason": None if genres else one.candidate.no_genres or other.candidate.no_genres,
        "lookalikes": lookalike_differences(one.scores, other.scores, bytes_difference, **options.bootstrap),
        "ratios": lookalike_ratios(one.scores, other.scores, **options.bootstrap),
    }


def _duplicates(
    results: Sequence[_Result], test_set: _TestSet, options: Options, folders: Folders, bar: ProgressBar
) -> tuple[list[dict[str, Any] | None], dict[str, Any] | None]:
    """How well each candidate finds the originals of altered copies, and the differences of the first two."""
    if not options.duplicates:
        return [None] * len(results), None
    posters, relations = test_set.posters, test_set.relations
    copies = duplicates.make_copies(posters, relations, options.duplicates, options.seed, folders, bar)
    hits = []
    for result in results:
        vectors = duplicates.vectors_of_copies(copies, posters, result.vectors, folders, bar)
        metric = result.candidate.search.metric
        hits.append(duplicates.find_originals(copies, relations.hashes, result.vectors, metric, vectors))
    return (
        [duplicates.duplicate_figures(each, len(posters), **options.bootstrap) for each in hits],
        duplicates.duplicate_differences(hits[0], hits[1], **options.bootstrap) if len(hits) > 1 else None,
    )


def _model_facts(result: _Result, options: Options) -> dict[str, Any]:
    candidate, vectors, model = result.candidate, result.vectors, result.candidate.genre_model
    genre_facts: dict[str, Any] | None = None
    if model is not None:
        genre_facts = {
            **model.facts,
            "evidence": list(model.used(options.evidence)),
            "thresholds": threshold_facts(model.scorer.genres, *model.thresholds(options.evidence)),
        }
    return {
        "name": candidate.name,
        "note": candidate.note,
        "extractor": vectors.spec,
        "extractor_fingerprint": vectors.fingerprint,
        "dims": int(vectors.values.shape[1]),
        "stored_as": vectors.precision,
        "neighbours": str(candidate.search),
        "genre_model": genre_facts,
    }


def _poster_facts(
    listed: LabelledSet,
    drawn: Sequence[LabelledPoster],
    failed: Sequence[RowNote],
    test_set: _TestSet,
    options: Options,
) -> dict[str, Any]:
    notes = sorted([*listed.left_out, *failed], key=lambda note: note.line)
    return {
        "csv": str(options.listing),
        "csv_sha256": listed.sha256,
        "rows": listed.rows,
        "drawn": len(drawn),
        "limit": options.limit,
        "left_out": [vars(note) for note in notes],
        "remarks": [vars(note) for note in listed.remarks],
        "ignored_columns": list(listed.ignored_columns),
        "genres": list(test_set.genres),
        "true_genres_a_poster": float(test_set.labels.sum(axis=1).mean()),
        "in_a_series": int((test_set.relations.series >= 0).sum()),
        "near_duplicates": {
            "posters": test_set.relations.count_duplicates(),
            "bits": DUPLICATE_BITS,
            "as_lookalikes": "kept" if options.keep_duplicates else "left out",
        },
    }
