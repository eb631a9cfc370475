"""The sample catalogue's invented films, and the files from which they are imported."""

import csv
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

# As in many lists, some films appear twice: the original with its IMDb id only, the new edition with its
# TMDB id only.
LISTED_TWICE = ("The Salt Ledger", "The Tailor of Shadows")
_TABLE = Path(__file__).with_name("films.tsv")
_POSTERS = Path(__file__).with_name("posters")
_ARTICLE = re.compile(r"(The|A|An|Le|Les|Die|Il) (.+)")


@dataclass(frozen=True)
class SampleFilm:
    """One invented film.

    ``true_genres`` describe the film and its poster. A quarter of the films are untagged: the catalogue
    imports them without genres. A re-release names its original in ``edition_of``.
    """

    tmdb_id: int
    imdb_id: str
    movielens_id: int
    title: str
    year: int
    true_genres: tuple[str, ...]
    is_tagged: bool
    franchise: str
    edition_of: str
    overview: str = field(repr=False)

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres that are imported."""
        return self.true_genres if self.is_tagged else ()

    @property
    def poster(self) -> Path:
        """The film's poster, a WebP file of 500 by 750 pixels."""
        return _POSTERS / f"{self.tmdb_id}.webp"


@cache
def sample_films() -> tuple[SampleFilm, ...]:
    """Every film of the sample catalogue, by TMDB id."""
    with _TABLE.open(encoding="utf-8", newline="") as stream:
        return tuple(
            SampleFilm(
                tmdb_id=int(row["tmdb_id"]),
                imdb_id=row["imdb_id"],
                movielens_id=int(row["movielens_id"]),
                title=row["title"],
                year=int(row["year"]),
                true_genres=tuple(row["genres"].split("|")),
                is_tagged=row["tagged"] == "yes",
                franchise=row["franchise"],
                edition_of=row["edition_of"],
                overview=row["overview"],
            )
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


def write_movielens(directory: Path) -> None:
    """Writes ``movies.csv`` and ``links.csv`` in MovieLens' format to ``directory``, created if missing.

    Titles end with the article and the year ("Lantern Hour, The (1978)"), genres are separated by bars, and a
    film without genres has ``(no genres listed)``. The films in LISTED_TWICE lack one of the two ids.
    """
    directory.mkdir(parents=True, exist_ok=True)
    movies, links = [], []
    for film in sample_films():
        genres = "|".join(film.genres) or "(no genres listed)"
        imdb_id = "" if film.edition_of in LISTED_TWICE else film.imdb_id.removeprefix("tt")
        tmdb_id = "" if film.title in LISTED_TWICE else film.tmdb_id
        movies.append([film.movielens_id, _movielens_title(film), genres])
        links.append([film.movielens_id, imdb_id, tmdb_id])
    _write_csv(directory / "movies.csv", ["movieId", "title", "genres"], movies)
    _write_csv(directory / "links.csv", ["movieId", "imdbId", "tmdbId"], links)


def write_facts(path: Path) -> None:
    """Writes a CSV file with the franchises and overviews, for which MovieLens files have no columns.

    Its genres are empty: the import keeps those of the MovieLens file.
    """
    columns = ["movielens_id", "title", "genres", "year", "overview", "franchise"]
    rows = [
        [film.movielens_id, film.title, "", film.year, film.overview, film.franchise]
        for film in sample_films()
    ]
    _write_csv(path, columns, rows)


def _movielens_title(film: SampleFilm) -> str:
    match = _ARTICLE.fullmatch(film.title)
    title = f"{match[2]}, {match[1]}" if match else film.title
    return f"{title} ({film.year})"


def _write_csv(path: Path, columns: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
