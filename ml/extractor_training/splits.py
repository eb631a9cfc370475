"""Who learns, who is asked after each epoch, and who is never touched: the parts of a labelled set.

The test part is drawn first, by a seed of its own that nothing else uses, and kept in the working folder, so
that no later run on the same posters can move a row out of it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.evaluation.labelled_set import LabelledPoster
from ml.files import write_bytes, write_json
from ml.genres.splitting import split
from ml.grouping import Kinship, numbered

from .errors import TrainingError
from .franchises import title_series

TEST_SHARE, TEST_SEED = 0.2, 20261121
VALIDATION_SHARE, VALIDATION_SEED = 0.1, 1
TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS, FACTS, TEST_LISTING = "parts.csv", "parts.json", "test.csv"

ANEW = "Name another folder with -o to begin anew."

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Families:
    """Which of n posters belong together. groups (n,) int64: equal for posters that must not be parted (one
    movie's, near-duplicates, one franchise's, by title too, and chains of these). franchise (n,) int64: equal
    for posters of one franchise, -1 for those of none."""

    groups: Indexes
    franchise: Indexes


@dataclass(frozen=True)
class Parts:
    """Rows of the labelled set, each in one part: train, validation, test (m,) int64, sorted."""

    train: Indexes
    validation: Indexes
    test: Indexes

    @property
    def rest(self) -> Indexes:
        """All rows but those of the test part."""
        return np.sort(np.concatenate([self.train, self.validation]))


def families(posters: Sequence[LabelledPoster], hashes: npt.NDArray[np.uint64]) -> Families:
    """Group posters by movie, series, near-duplicate pictures, and series told from titles."""
    by_title = title_series([poster.title for poster in posters])
    movie, series = (
        numbered([poster.movie for poster in posters]),
        numbered([poster.series for poster in posters]),
    )
    told = Kinship(hashes, movie, series).groups()
    groups = Kinship(hashes, told, numbered(by_title)).groups()
    names = [
        f"series {poster.series}" if poster.series else f"title {title}" if title else ""
        for poster, title in zip(posters, by_title, strict=True)
    ]
    return Families(groups, numbered(names))


def divide(groups: Indexes, labels: npt.NDArray[np.uint8]) -> Parts:
    """Draw the parts: whole groups, genres spread evenly, the same for the same posters in the same order.

    groups (n,); labels (n, genres) of 0 and 1. Raises TrainingDataError if groups are too few to part.
    """
    rest, test = split(groups, labels, TEST_SHARE, seed=TEST_SEED)
    learning, asked = split(groups[rest], labels[rest], VALIDATION_SHARE, seed=VALIDATION_SEED)
    return Parts(rest[learning], rest[asked], test)


def kept_parts(
    folder: Path, posters: Sequence[LabelledPoster], groups: Indexes, labels: npt.NDArray[np.uint8]
) -> Parts:
    """The parts stored in `folder`, or parts drawn now and stored there (parts.csv, parts.json, test.csv).

    Raises TrainingError if the stored ones are damaged, or if the posters have changed so that a test row would
    move, a poster has no part, or kin would lie in two parts; TrainingDataError as `divide`.
    """
    if (folder / PARTS).exists():
        parts = _read(folder, posters)
        _refuse_torn_groups(parts, posters, groups)
        return parts
    parts = divide(groups, labels)
    _write(folder, posters, parts)
    return parts


def files_digest(files: Iterable[str]) -> str:
    """SHA-256 over the sorted file names of a test part, hexadecimal: what a model card quotes."""
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()


def _write(folder: Path, posters: Sequence[LabelledPoster], parts: Parts) -> None:
    part_of = _names(parts, len(posters))
    test = [posters[row] for row in parts.test]
    listing = [
        {
            "file": poster.file,
            "genres": "|".join(poster.genres),
            "series": poster.series,
            **_ids(poster.movie),
            "title": poster.title,
            "year": "" if poster.year is None else str(poster.year),
            "language": poster.language,
            "text_only": {None: "", True: "yes", False: "no"}[poster.text_only],
        }
        for poster in test
    ]
    _write_table(folder / TEST_LISTING, listing)
    facts = {
        "test_sha256": files_digest(poster.file for poster in test),
        "counts": {TRAIN: len(parts.train), VALIDATION: len(parts.validation), TEST: len(parts.test)},
        "seeds": {TEST: TEST_SEED, VALIDATION: VALIDATION_SEED},
        "shares": {TEST: TEST_SHARE, VALIDATION: VALIDATION_SHARE},
    }
    write_json(folder / FACTS, facts)
    # last: where it lies, the others do
    rows = [{"file": poster.file, "part": part} for poster, part in zip(posters, part_of, strict=True)]
    _write_table(folder / PARTS, rows)


def _write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def _ids(movie: str) -> dict[str, str]:
    name, _, value = movie.partition(" ")
    return {"imdb_id": value if name == "imdb_id" else "", "tmdb_id": value if name == "tmdb_id" else ""}


def _read(folder: Path, posters: Sequence[LabelledPoster]) -> Parts:
    try:
        with (folder / PARTS).open(newline="", encoding="utf-8") as file:
            stored = {row["file"]: row["part"] for row in csv.DictReader(file)}
        digest = json.loads((folder / FACTS).read_bytes())["test_sha256"]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise TrainingError(f"The parts in {folder} can't be read ({error}). {ANEW}") from error
    tested = [file for file, part in stored.items() if part == TEST]
    if not set(stored.values()) <= {TRAIN, VALIDATION, TEST} or files_digest(tested) != digest:
        raise TrainingError(
            f"{folder / PARTS} was changed by hand: its test part is not the one drawn. {ANEW}"
        )
    here = {poster.file for poster in posters}
    for poster in posters:
        if poster.file not in stored:
            raise TrainingError(
                f"{poster.file} (line {poster.line}) was not among the posters when the parts in {folder} "
                f"were drawn, so it has no part. {ANEW}"
            )
    gone = [file for file in tested if file not in here]
    if gone:
        raise TrainingError(
            f"{gone[0]} and {len(gone) - 1} more of the test part in {folder} are no longer among the usable "
            f"posters: figures could not be compared. Bring them back, or begin anew: {ANEW}"
        )
    of = np.array([stored[poster.file] for poster in posters])
    parts = Parts(*(np.flatnonzero(of == name) for name in (TRAIN, VALIDATION, TEST)))
    if not all(len(rows) for rows in (parts.train, parts.validation, parts.test)):
        raise TrainingError(f"A part in {folder / PARTS} is empty. {ANEW}")
    return parts


def _refuse_torn_groups(parts: Parts, posters: Sequence[LabelledPoster], groups: Indexes) -> None:
    of = _names(parts, len(posters))
    first: dict[int, int] = {}
    for row, group in enumerate(groups.tolist()):
        other = first.setdefault(group, row)
        if of[other] != of[row]:
            raise TrainingError(
                f"{posters[other].file} ({of[other]} part) and {posters[row].file} ({of[row]} part) have "
                "become kin by a changed series, title or id since the parts were drawn; learning from one "
                f"would tell about the other. Undo the change, or begin anew. {ANEW}"
            )


def _names(parts: Parts, count: int) -> list[str]:
    of = [""] * count
    for name, rows in ((TRAIN, parts.train), (VALIDATION, parts.validation), (TEST, parts.test)):
        for row in rows.tolist():
            of[row] = name
    return of
