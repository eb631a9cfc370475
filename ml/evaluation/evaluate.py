"""The whole evaluation: read, look, embed, split, find neighbours, tell genres, measure; gives the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.evaluation.answer import Answer, Measured, ask
from ml.evaluation.candidates import Contender, with_teller
from ml.evaluation.duplicates import (
    copies,
    duplicate_differences,
    duplicate_figures,
    traced,
    vectors_of_copies,
)
from ml.evaluation.errors import EvaluationError
from ml.evaluation.recipe_training import fit_recipe, held_out
from ml.evaluation.slices import parts_of
from ml.evaluation.vectors import Places, Precision, Vectors, vectors_of
from ml.extractors.registry import BACKBONES, parse_spec
from ml.grouping import Kinship, numbered
from ml.imaging.images import DUPLICATE_BITS
from ml.labelled_set.listing import (
    LabelledPoster,
    LabelledSet,
    RowNote,
    label_table,
    read_labelled_set,
    sample,
)
from ml.labelled_set.pictures import Pictures, look_at
from ml.search.lookalike_metrics import ground

FEWEST_POSTERS = 2
# What a site keeps of every vector, so what its genre model reads.
GENRE_PRECISION: Precision = "float16"
_MAY_HAVE_SEEN = "Trained elsewhere: nothing here says that it did not learn from these posters."
_EXTRACTOR_MAY_HAVE_SEEN = (
    "Its extractor was trained on posters elsewhere: nothing here says that it did not learn from these."
)

Rows = npt.NDArray[np.int64]
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""bar(what, total) opens a progress bar and gives what it is told by: how many are done."""


@dataclass(frozen=True)
class Question:
    """What is asked: a CSV and the folder of its images; at most `limit` posters drawn at random; `fit`, the
    share to train recipes on (None: no training); whether near-duplicates may be look-alikes; of how many
    posters altered copies are looked for (0: of none)."""

    listing: Path
    images: Path
    limit: int | None = None
    seed: int = 0
    fit: float | None = None
    keep_duplicates: bool = False
    resamples: int = 1000
    duplicates: int = 0


@dataclass(frozen=True)
class _Seen:
    """Posters that every extractor could see, their pictures, and their vectors by (spec, precision)."""

    posters: list[LabelledPoster]
    pictures: Pictures
    vectors: Mapping[tuple[str, Precision], Vectors]
    unseen: list[RowNote]


def evaluate(question: Question, contenders: Sequence[Contender], places: Places, bar: Bar) -> dict[str, Any]:
    """Measure one contender, or two on the same posters; gives the report, ready for JSON.

    Raises EvaluationError if it can't be made.
    """
    listed = read_labelled_set(question.listing, question.images)
    drawn = sample(listed.posters, question.limit, question.seed)
    seen = _see(drawn, contenders, places, bar)
    if len(seen.posters) < FEWEST_POSTERS:
        raise EvaluationError(
            f"Only {len(seen.posters)} of {listed.rows} rows can be used, too few to measure anything."
            + (f" The first of the others: {seen.unseen[0].reason}" if seen.unseen else "")
        )
    ready, rest = list(contenders), np.arange(len(seen.posters))
    split = None
    if question.fit is not None:
        ready, training, rest = _fit(contenders, seen, question.fit, question.seed, bar)
        split = {
            "fit": question.fit,
            "seed": question.seed,
            "grouped_by": f"movie, series, near-duplicates ({DUPLICATE_BITS} bits)",
            "train_lines": [seen.posters[row].line for row in training],
            "test_lines": [seen.posters[row].line for row in rest],
        }
    measured = _measured(seen, rest, question)
    answers = []
    for each in ready:
        looks, reads = _vectors(each, seen, rest)
        with bar(f"neighbours by {each.extractor}", len(rest)) as done:
            answers.append(ask(each, looks, reads, measured, done))
    found, apart = _duplicates(answers, measured, question, places, bar)
    first, *others = answers
    with bar("measuring", 0):
        return {
            "n": len(rest),
            **first.report(measured),
            "duplicates": found[0],
            "against": {**others[0].report(measured), "duplicates": found[1]} if others else None,
            "differences": {**first.minus(others[0], measured), "duplicates": apart} if others else None,
            "posters": _told(listed, drawn, seen.unseen, measured, question),
            "split": split,
            "seed": question.seed,
            "resamples": question.resamples,
        }


def _see(drawn: Sequence[LabelledPoster], contenders: Sequence[Contender], places: Places, bar: Bar) -> _Seen:
    with bar("looking at posters", len(drawn)) as done:
        pictures = look_at(drawn, places.cache, done)
    unseen = [RowNote(drawn[row].line, drawn[row].file, why) for row, why in pictures.unreadable.items()]
    kept = [row for row in range(len(drawn)) if row not in pictures.unreadable]
    posters, pictures = [drawn[row] for row in kept], pictures.some(kept)
    wanted: dict[tuple[str, Precision], None] = {}
    for each in contenders:
        wanted[each.extractor, each.precision] = None
        if each.teller is not None or each.recipe:
            wanted[_reads(each), GENRE_PRECISION] = None
    vectors = {}
    for spec, precision in wanted:
        with bar(f"embedding by {spec}", len(posters)) as done:
            vectors[spec, precision] = vectors_of(spec, posters, precision, places, done)
    failed = {row: why for each in vectors.values() for row, why in each.failed.items()}
    unseen += [RowNote(posters[row].line, posters[row].file, why) for row, why in sorted(failed.items())]
    kept = [row for row in range(len(posters)) if row not in failed]
    return _Seen(
        [posters[row] for row in kept],
        pictures.some(kept),
        {key: each.some(kept) for key, each in vectors.items()} if failed else vectors,
        unseen,
    )


def _fit(
    contenders: Sequence[Contender], seen: _Seen, share: float, seed: int, bar: Bar
) -> tuple[list[Contender], Rows, Rows]:
    genres, labels = label_table(seen.posters)
    groups = _kinship(seen.posters, seen.pictures).groups()
    training, rest = held_out(labels, groups, share, seed)
    ready = []
    for each in contenders:
        if each.recipe:
            with bar(f"training {each.name} on {len(training):,} posters", 0):
                vectors = seen.vectors[_reads(each), GENRE_PRECISION]
                teller = fit_recipe(each.recipe, vectors, training, labels, genres, groups, seed)
            ready.append(_warned(with_teller(each, teller), teller.extractor, _EXTRACTOR_MAY_HAVE_SEEN))
        elif each.teller is not None:
            ready.append(replace(each, note=f"{each.note} {_MAY_HAVE_SEEN}".strip()))
        else:
            ready.append(_warned(each, each.extractor, _EXTRACTOR_MAY_HAVE_SEEN))
    return ready, training, rest


def _warned(of: Contender, extractor: str, warning: str) -> Contender:
    """The contender, with the warning in its note if the extractor learned from posters."""
    if not BACKBONES[parse_spec(extractor).backbone].trained:
        return of
    return replace(of, note=f"{of.note} {warning}".strip())


def _measured(seen: _Seen, rest: Rows, question: Question) -> Measured:
    posters, pictures = [seen.posters[row] for row in rest], seen.pictures.some(rest)
    genres, labels = label_table(posters)
    kin = _kinship(posters, pictures, question.keep_duplicates)
    return Measured(
        posters=posters,
        labels=labels,
        genres=genres,
        kin=kin,
        parts=parts_of(posters, pictures),
        ground=ground(labels, kin),
        resamples=question.resamples,
        seed=question.seed,
    )


def _kinship(posters: Sequence[LabelledPoster], pictures: Pictures, keep_duplicates: bool = False) -> Kinship:
    return Kinship(
        pictures.hashes,
        numbered([poster.movie for poster in posters]),
        numbered([poster.series for poster in posters]),
        keep_duplicates,
    )


def _reads(of: Contender) -> str:
    """The extractor whose vectors its genre model reads, or will."""
    return of.teller.extractor if of.teller is not None else of.extractor


def _vectors(of: Contender, seen: _Seen, rest: Rows) -> tuple[Vectors, Vectors | None]:
    looks = seen.vectors[of.extractor, of.precision].some(rest)
    if of.teller is None:
        return looks, None
    key = (_reads(of), GENRE_PRECISION)
    return looks, looks if key == (of.extractor, of.precision) else seen.vectors[key].some(rest)


def _duplicates(
    answers: Sequence[Answer], measured: Measured, question: Question, places: Places, bar: Bar
) -> tuple[list[dict[str, Any] | None], dict[str, Any] | None]:
    """For each contender how well altered copies are traced, and the first's differences from the second."""
    if not question.duplicates:
        return [None] * len(answers), None
    altered = copies(measured.posters, measured.kin, question.duplicates, question.seed, places, bar)
    hits = []
    for each in answers:
        copied = vectors_of_copies(altered, measured.posters, each.vectors, places, bar)
        hits.append(traced(altered, measured.kin, each.vectors, each.of.search.metric, copied))
    again = {"resamples": question.resamples, "seed": question.seed}
    return (
        [duplicate_figures(each, len(measured.posters), **again) for each in hits],
        duplicate_differences(hits[0], hits[1], **again) if len(hits) > 1 else None,
    )


def _told(
    listed: LabelledSet,
    drawn: Sequence[LabelledPoster],
    unseen: Sequence[RowNote],
    measured: Measured,
    question: Question,
) -> dict[str, Any]:
    notes = sorted([*listed.left_out, *unseen], key=lambda note: note.line)
    return {
        "csv": str(question.listing),
        "csv_sha256": listed.sha256,
        "rows": listed.rows,
        "drawn": len(drawn),
        "limit": question.limit,
        "left_out": [vars(note) for note in notes],
        "remarks": [vars(note) for note in listed.remarks],
        "ignored_columns": list(listed.ignored_columns),
        "genres": list(measured.genres),
        "true_genres_a_poster": float(measured.labels.sum(axis=1).mean()),
        "in_a_series": int((measured.kin.series >= 0).sum()),
        "near_duplicates": {
            "posters": measured.kin.count_duplicates(),
            "bits": DUPLICATE_BITS,
            "as_lookalikes": "kept" if question.keep_duplicates else "left out",
        },
    }
