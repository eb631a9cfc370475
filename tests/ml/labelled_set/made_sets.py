"""Labelled sets for tests: drawn posters in a folder, and their CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ml.evaluation.vectors import Folders
from ml.grouping import PosterRelations, group_numbers
from tests.ml.imaging.drawings import drawing, encoded

GENRES = ("Comedy", "Drama", "Horror", "Western")


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def labelled_posters(folder: Path, count: int = 40, series: int = 0) -> tuple[Path, Path]:
    """`count` drawn posters and their CSV; the first `series` of them are of one franchise."""
    images = folder / "images"
    images.mkdir(parents=True)
    random = np.random.default_rng(3)
    rows = []
    for number in range(count):
        (images / f"{number}.jpg").write_bytes(encoded(drawing(number, (60, 90))))
        chosen = [genre for genre in GENRES if random.random() < 0.4] or ["Drama"]
        rows.append(
            {
                "file": f"{number}.jpg",
                "genres": "|".join(chosen),
                "series": "Saga" if number < series else "",
                "year": 1950 + number,
            }
        )
    return write_csv(folder / "posters.csv", rows), images


def further_posters(folder: Path, count: int = 8) -> tuple[Path, Path]:
    """Other drawings than those of `labelled_posters`, under the same names, and their CSV; a last row names
    a file that is not there."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for number in range(count):
        (images / f"{number}.jpg").write_bytes(encoded(drawing(900 + number, (60, 90))))
        rows.append(
            {
                "file": f"{number}.jpg",
                "genres": "drama" if number % 2 else "DRAMA|Musical",
                "title": f"More {number}",
                "imdb_id": f"tt{100 + number}",
                "overview": "",
            }
        )
    rows.append({**rows[0], "file": "gone.jpg"})
    return write_csv(folder / "more.csv", rows), images


def add_texts(listing: Path) -> None:
    """Give the posters of a CSV titles, and four in five of them overviews that name their genres."""
    rows = list(csv.DictReader(listing.read_text().splitlines()))
    for number, row in enumerate(rows):
        row["title"] = f"The Story of {number}"
        row["overview"] = f"This is the {row['genres'].replace('|', ' and the ')}." if number % 5 else ""
    write_csv(listing, rows)


def folders(folder: Path, weights: Path | None = None) -> Folders:
    return Folders(weights, folder / "exports", folder / "models", folder / "cache")


def unrelated(count: int, series: Sequence[str] = (), keep_duplicates: bool = False) -> PosterRelations:
    """Groups of posters that are far apart by hash, with the given series."""
    random = np.random.default_rng(count)
    return PosterRelations(
        random.integers(0, 2**63, count, dtype=np.uint64),
        np.full(count, -1, dtype=np.int64),
        group_numbers(list(series) or [""] * count),
        keep_duplicates,
    )


@contextmanager
def no_bar(what: str, total: int):
    yield lambda done: None
