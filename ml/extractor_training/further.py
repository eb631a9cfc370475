"""Parts of further posters, which are for training only: they leave the split of the first ones as it is.

A further poster that has something in common with a validation or test poster is left out. Some of the others
can be held out of the training, so that genre models can be fitted to posters that the network never saw.
They choose no thresholds and measure nothing, because their genres may have other frequencies.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.labelled_set.listing import LabelledPoster

from .errors import TrainingError
from .splits import HELD_OUT, START_AGAIN, TRAIN, Split, group_posters, write_table

FURTHER_PARTS = "parts-more.csv"
LEFT_OUT = "left_out"
HELD_OUT_SEED = 0

Hashes = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]


class FurtherPart(NamedTuple):
    """The part of a further poster (train, held_out or left_out), and why it is left out."""

    name: str
    reason: str = ""


def further_parts(
    folder: Path,
    posters: Sequence[LabelledPoster],
    hashes: Hashes,
    overviews: Sequence[str],
    split: Split,
    held_out: int | None,
) -> list[FurtherPart]:
    """Read the parts of further posters stored in `folder`, or draw and store them (parts-more.csv).

    posters: those of the split, then the further ones; hashes (n,) and overviews (n texts, "" if unknown) of
    all of them. held_out: how many to hold out, in whole groups that have no poster of the split. None: for a
    genre model; if no parts are stored, the network saw no further poster, so all count as held out, and
    nothing is stored.

    Raises TrainingError if the stored parts are damaged, or a poster has none.
    """
    first = len(split.not_test) + len(split.test)
    path = folder / FURTHER_PARTS
    if path.exists():
        return _read(path, posters[first:])
    parts = _draw(posters, hashes, overviews, split, held_out)
    if held_out is not None:
        rows = zip(posters[first:], parts, strict=True)
        write_table(
            path, [{"file": each.file, "part": part.name, "reason": part.reason} for each, part in rows]
        )
    return parts


def with_further(split: Split, parts: Sequence[FurtherPart]) -> tuple[Indexes, Split]:
    """The rows that are not left out, of the posters of the split and the further ones behind them; and the
    split of these rows."""
    first = len(split.not_test) + len(split.test)
    names = np.array([part.name for part in parts if part.name != LEFT_OUT], dtype=np.str_)
    kept = [first + row for row, part in enumerate(parts) if part.name != LEFT_OUT]
    train, held_out = (first + np.flatnonzero(names == name) for name in (TRAIN, HELD_OUT))
    rows = np.concatenate([np.arange(first), np.array(kept, dtype=np.int64)])
    return rows, Split(np.concatenate([split.train, train]), split.validation, split.test, held_out)


def _draw(
    posters: Sequence[LabelledPoster],
    hashes: Hashes,
    overviews: Sequence[str],
    split: Split,
    held_out: int | None,
) -> list[FurtherPart]:
    first = len(split.not_test) + len(split.test)
    reasons, rows, groups = _leaks(posters, hashes, overviews, split)
    if held_out is None:
        out = set(rows)
    else:
        chosen = _hold_out(groups[:first], groups[first:], held_out)
        out = {row for row, group in zip(rows, groups.tolist(), strict=True) if group in chosen}
    return [
        FurtherPart(LEFT_OUT, reasons[row])
        if row in reasons
        else FurtherPart(HELD_OUT if row in out else TRAIN)
        for row in range(first, len(posters))
    ]


def _leaks(
    posters: Sequence[LabelledPoster], hashes: Hashes, overviews: Sequence[str], split: Split
) -> tuple[dict[int, str], list[int], Indexes]:
    """Why further posters are left out, by row; the other rows, and their groups (m,)."""
    evaluated = np.concatenate([split.validation, split.test]).tolist()
    first = len(split.not_test) + len(split.test)
    titles = [_words(poster.title) for poster in posters]
    texts = [_words(overview) for overview in overviews]
    taken = [{names[row] for row in evaluated} - {""} for names in (titles, texts)]
    reasons: dict[int, str] = {}
    rows = list(range(len(posters)))
    while True:
        groups = group_posters([posters[row] for row in rows], hashes[rows]).groups
        # The posters of the split are never left out: here, too, they are the first ones.
        evaluated_groups = set(groups[evaluated].tolist())
        found: dict[int, str] = {}
        for row, group in zip(rows[first:], groups[first:].tolist(), strict=True):
            if group in evaluated_groups:
                found[row] = "its film, series, title or picture is that of a validation or test poster"
            elif titles[row] in taken[0]:
                found[row] = "a validation or test poster has the same title"
            elif texts[row] in taken[1]:
                found[row] = "the film of a validation or test poster has the same overview"
        if not found:
            return reasons, rows, groups
        # A title that was too frequent to be a series may be one now.
        reasons |= found
        rows = [row for row in rows if row not in found]


def _hold_out(others: Indexes, groups: Indexes, count: int) -> set[int]:
    """Groups drawn until they have `count` posters, of the groups (n,) that are not among `others`."""
    candidates, sizes = np.unique(groups[~np.isin(groups, others)], return_counts=True)
    order = np.random.default_rng(HELD_OUT_SEED).permutation(len(candidates))
    # One more group where the ones before have too few posters.
    before = np.cumsum(sizes[order]) - sizes[order]
    return set(candidates[order[before < count]].tolist())


def _words(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _read(path: Path, further: Sequence[LabelledPoster]) -> list[FurtherPart]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            stored = {row["file"]: FurtherPart(row["part"], row["reason"]) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise TrainingError(f"{path} can't be read ({error}). {START_AGAIN}") from error
    if not {part.name for part in stored.values()} <= {TRAIN, HELD_OUT, LEFT_OUT}:
        raise TrainingError(f"{path} was edited. {START_AGAIN}")
    for poster in further:
        if poster.file not in stored:
            raise TrainingError(
                f"{poster.file} (line {poster.line}) has no part in {path}: it was added after the parts "
                f"were drawn. {START_AGAIN}"
            )
    return [stored[poster.file] for poster in further]
