"""Split labelled posters into a train, a validation and a test part that share no movie or franchise.

The test part is drawn first, with a seed of its own, and stored in the working folder: no later run on the
same posters can move a poster out of it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.files import write_bytes, write_json
from ml.genres.splitting import split
from ml.grouping import PosterRelations, group_numbers
from ml.labelled_set.listing import LabelledPoster

from .errors import TrainingError

TEST_SHARE, TEST_SEED = 0.2, 20261121
VALIDATION_SHARE, VALIDATION_SEED = 0.1, 1
TRAIN, VALIDATION, TEST, HELD_OUT = "train", "validation", "test", "held_out"
PARTS, FACTS, TEST_LISTING = "parts.csv", "parts.json", "test.csv"
# Shorter stems ("Taxi", "War") and stems of more posters than this are shared by unrelated titles.
MIN_STEM_LENGTH, MAX_SERIES_POSTERS = 5, 25
START_AGAIN = "Name another folder with -o to start again."

_PARENTHESES = re.compile(r"\([^)]*\)")
# MovieLens writes "Matrix, The".
_TRAILING_ARTICLE = re.compile(r"^(.*?)(, the|, a|, an)\b(.*)$", re.DOTALL)
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) ")
_SUBTITLE = re.compile(r":| - | part | episode | chapter ")
_NUMBER = re.compile(r"\s+(?:\d{1,2}|ii|iii|iv|v|vi|vii|viii|ix|x)$")

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PosterGroups:
    """Groups of n posters.

    groups (n,) int64: equal for posters that must be in one part (of one movie or franchise, near-duplicates,
    franchises guessed from titles, and chains of these). franchise (n,) int64: equal for posters of one
    franchise, -1 for none.
    """

    groups: Indexes
    franchise: Indexes


@dataclass(frozen=True)
class Split:
    """Rows of the labelled set by part: train, validation, test, held_out (m,) int64, each sorted.

    held_out: further posters that are kept out of the training (see `further`), none in a split of one CSV.
    """

    train: Indexes
    validation: Indexes
    test: Indexes
    held_out: Indexes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def not_test(self) -> Indexes:
        """The rows of all parts but the test part, sorted."""
        return np.sort(np.concatenate([self.train, self.validation, self.held_out]))

    def names(self, count: int) -> list[str]:
        """The name of the part of each of `count` rows."""
        parts = [""] * count
        by_name = {
            TRAIN: self.train,
            VALIDATION: self.validation,
            TEST: self.test,
            HELD_OUT: self.held_out,
        }
        for name, rows in by_name.items():
            for row in rows.tolist():
                parts[row] = name
        return parts


def group_posters(posters: Sequence[LabelledPoster], hashes: npt.NDArray[np.uint64]) -> PosterGroups:
    """Group posters by movie, series, near-duplicate images (hashes (n,)) and series guessed from titles."""
    by_title = title_series([poster.title for poster in posters])
    movie = group_numbers([poster.movie for poster in posters])
    series = group_numbers([poster.series for poster in posters])
    known = PosterRelations(hashes, movie, series).split_groups()
    groups = PosterRelations(hashes, known, group_numbers(by_title)).split_groups()
    names = [
        f"series {poster.series}" if poster.series else f"title {title}" if title else ""
        for poster, title in zip(posters, by_title, strict=True)
    ]
    return PosterGroups(groups, group_numbers(names))


def title_series(titles: Sequence[str]) -> list[str]:
    """Guess the franchise of each title, "" for titles that seem to belong to none.

    Titles belong together if they start alike, up to a colon, a dash, "part" or a number at the end. Stems
    shorter than `MIN_STEM_LENGTH`, stems of more than `MAX_SERIES_POSTERS` titles, and stems with only one
    full title (remakes are no series) do not count. Sometimes wrong ("American Beauty: ..." and "American
    Beauty"): good enough to keep posters in one part and as a hint in training, not for evaluation.

    >>> title_series(["Alien", "Aliens", "Matrix, The", "The Matrix Reloaded", "Rocky II", "Rocky"])
    ['', '', '', '', 'rocky', 'rocky']
    """
    names = [_stem_and_title(title) for title in titles]
    members: dict[str, list[int]] = defaultdict(list)
    for row, (stem, _) in enumerate(names):
        if len(stem) >= MIN_STEM_LENGTH:
            members[stem].append(row)
    series = [""] * len(titles)
    for stem, rows in members.items():
        if 1 < len(rows) <= MAX_SERIES_POSTERS and len({names[row][1] for row in rows}) > 1:
            for row in rows:
                series[row] = stem
    return series


def draw_split(groups: Indexes, labels: npt.NDArray[np.uint8]) -> Split:
    """Draw a split of whole groups with genres spread evenly; the same for the same input.

    groups (n,); labels (n, genres) of 0 and 1. Raises TrainingDataError if there are too few groups.
    """
    not_test, test = split(groups, labels, TEST_SHARE, seed=TEST_SEED)
    train, validation = split(groups[not_test], labels[not_test], VALIDATION_SHARE, seed=VALIDATION_SEED)
    return Split(not_test[train], not_test[validation], test)


def stored_split(
    folder: Path, posters: Sequence[LabelledPoster], groups: Indexes, labels: npt.NDArray[np.uint8]
) -> Split:
    """Read the split stored in `folder`, or draw one and store it (parts.csv, parts.json, test.csv).

    Raises TrainingError if the stored split is damaged, or if the posters changed so that a test poster is
    missing, a poster has no part or a group is in two parts; TrainingDataError as `draw_split`.
    """
    if (folder / PARTS).exists():
        stored = _read(folder, posters)
        check_groups(stored, posters, groups)
        return stored
    drawn = draw_split(groups, labels)
    _write(folder, posters, drawn)
    return drawn


def files_digest(files: Iterable[str]) -> str:
    """SHA-256 over the sorted file names of a test part, hexadecimal; model cards quote it."""
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows with the same keys as a CSV, completely or not at all. Raises OSError."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def check_groups(parts: Split, posters: Sequence[LabelledPoster], groups: Indexes) -> None:
    """Raise TrainingError if a group (groups (n,)) is in two parts."""
    names = parts.names(len(posters))
    first: dict[int, int] = {}
    for row, group in enumerate(groups.tolist()):
        other = first.setdefault(group, row)
        if names[other] != names[row]:
            raise TrainingError(
                f"{posters[other].file} ({names[other]} part) and {posters[row].file} ({names[row]} part) "
                "now belong together: a series, title or id changed after the split was drawn. Undo that. "
                f"{START_AGAIN}"
            )


def _stem_and_title(title: str) -> tuple[str, str]:
    """What a title shares with its sequels, and the whole title, both in normalised spelling."""
    text = _PARENTHESES.sub("", title).strip().lower()
    article = _TRAILING_ARTICLE.match(text)
    if article:
        text = article[1] + article[3]
    text = _LEADING_ARTICLE.sub("", text)
    whole = re.sub(r"[^a-z0-9: ]", "", text).strip()
    stem = re.sub(r"[^a-z0-9 ]", "", _SUBTITLE.split(text, maxsplit=1)[0]).strip()
    return _NUMBER.sub("", stem).strip(), whole


def _write(folder: Path, posters: Sequence[LabelledPoster], parts: Split) -> None:
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
    write_table(folder / TEST_LISTING, listing)
    facts = {
        "test_sha256": files_digest(poster.file for poster in test),
        "counts": {TRAIN: len(parts.train), VALIDATION: len(parts.validation), TEST: len(parts.test)},
        "seeds": {TEST: TEST_SEED, VALIDATION: VALIDATION_SEED},
        "shares": {TEST: TEST_SHARE, VALIDATION: VALIDATION_SHARE},
    }
    write_json(folder / FACTS, facts)
    # Last: if this file exists, the others do too.
    names = parts.names(len(posters))
    rows = [{"file": poster.file, "part": part} for poster, part in zip(posters, names, strict=True)]
    write_table(folder / PARTS, rows)


def _ids(movie: str) -> dict[str, str]:
    name, _, value = movie.partition(" ")
    return {"imdb_id": value if name == "imdb_id" else "", "tmdb_id": value if name == "tmdb_id" else ""}


def _read(folder: Path, posters: Sequence[LabelledPoster]) -> Split:
    try:
        with (folder / PARTS).open(newline="", encoding="utf-8") as file:
            stored = {row["file"]: row["part"] for row in csv.DictReader(file)}
        digest = json.loads((folder / FACTS).read_bytes())["test_sha256"]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise TrainingError(f"The split in {folder} can't be read ({error}). {START_AGAIN}") from error
    test_files = [file for file, part in stored.items() if part == TEST]
    if not set(stored.values()) <= {TRAIN, VALIDATION, TEST} or files_digest(test_files) != digest:
        raise TrainingError(f"{folder / PARTS} was edited: its test part is not the one drawn. {START_AGAIN}")
    for poster in posters:
        if poster.file not in stored:
            raise TrainingError(
                f"{poster.file} (line {poster.line}) has no part: it was added after the split in {folder} "
                f"was drawn. {START_AGAIN}"
            )
    missing = sorted(set(test_files) - {poster.file for poster in posters})
    if missing:
        raise TrainingError(
            f"{len(missing)} posters of the test part in {folder} are missing or unusable, the first is "
            f"{missing[0]}: results could not be compared. Restore them. {START_AGAIN}"
        )
    part = np.array([stored[poster.file] for poster in posters])
    parts = Split(*(np.flatnonzero(part == name) for name in (TRAIN, VALIDATION, TEST)))
    if not all(len(rows) for rows in (parts.train, parts.validation, parts.test)):
        raise TrainingError(f"A part in {folder / PARTS} is empty. {START_AGAIN}")
    return parts
