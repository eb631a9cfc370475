"""What MovieLens files have no column for: the sample films' franchises and overviews, as a CSV to import."""

import csv
from pathlib import Path

from .films import sample_films


def write_facts(path: Path) -> None:
    """Writes one row a film; the empty column of genres takes nothing from the MovieLens file's."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["movielens_id", "title", "genres", "year", "overview", "franchise"])
        writer.writerows(
            [film.movielens_id, film.title, "", film.year, film.overview, film.franchise]
            for film in sample_films()
        )
