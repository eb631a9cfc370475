"""The sample catalogue's invented films, and the MovieLens files that list them."""

import csv
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

GENRES = (
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
FIRST_TMDB_ID = 90_000_001
FIRST_IMDB_ID = 99_000_001
FIRST_MOVIELENS_ID = 9_000_001
# As in real lists, some films are there twice: the original by its IMDb id, the new edition by its TMDB id.
LISTED_TWICE = ("The Salt Ledger", "The Tailor of Shadows")
FEWEST_TAGGED = 10  # films of a genre that keep their tags, so that every genre can be learned
_LIST = Path(__file__).with_name("films.tsv")
_ARTICLE = re.compile(r"(The|A|An|Le|Les|Die|Il) (.+)")


@dataclass(frozen=True)
class SampleFilm:
    """One invented film.

    ``true_genres`` are what it is, and what its poster is drawn from; ``genres`` are what the catalogue is
    told: nothing for the quarter of films that are new arrivals. ``part`` numbers the films of a franchise
    from 1 by year. A re-release names its original in ``edition_of``.
    """

    tmdb_id: int
    imdb_id: str
    movielens_id: int
    title: str
    year: int
    true_genres: tuple[str, ...]
    overview: str = field(repr=False)
    franchise: str = ""
    part: int = 0
    edition_of: str = ""
    is_tagged: bool = True

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres the catalogue is told."""
        return self.true_genres if self.is_tagged else ()


@cache
def sample_films() -> tuple[SampleFilm, ...]:
    """Every film of the sample catalogue, in the same order each time."""
    films = _numbered(_read())
    arrivals = _new_arrivals(films)
    return tuple(replace(film, is_tagged=film.title not in arrivals) for film in films)


def write_movielens(directory: Path) -> None:
    """Writes ``movies.csv`` and ``links.csv`` as MovieLens does, in ``directory``, made if absent.

    Titles carry their year and their article last ("Lantern Hour, The (1978)"), genres are joined by bars,
    and a film without any says ``(no genres listed)``. Films LISTED_TWICE lack one of the two ids.
    """
    directory.mkdir(parents=True, exist_ok=True)
    films = sorted(sample_films(), key=lambda film: film.movielens_id)
    with (directory / "movies.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["movieId", "title", "genres"])
        for film in films:
            genres = "|".join(film.genres) or "(no genres listed)"
            writer.writerow([film.movielens_id, movielens_title(film), genres])
    with (directory / "links.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["movieId", "imdbId", "tmdbId"])
        for film in films:
            imdb_id = "" if film.edition_of in LISTED_TWICE else film.imdb_id.removeprefix("tt")
            tmdb_id = "" if film.title in LISTED_TWICE else film.tmdb_id
            writer.writerow([film.movielens_id, imdb_id, tmdb_id])


def movielens_title(film: SampleFilm) -> str:
    """The title as MovieLens writes it, such as ``Lantern Hour, The (1978)``."""
    match = _ARTICLE.fullmatch(film.title)
    title = f"{match[2]}, {match[1]}" if match else film.title
    return f"{title} ({film.year})"


def _read() -> list[dict[str, str]]:
    with _LIST.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    # By a digest of the title, so that neighbours in the catalogue are not all of one genre.
    return sorted(rows, key=lambda row: _digest(row["title"]))


def _numbered(rows: list[dict[str, str]]) -> list[SampleFilm]:
    series: dict[str, list[int]] = {}
    for row in rows:
        if row["franchise"] and not row["edition_of"]:
            series.setdefault(row["franchise"], []).append(int(row["year"]))
    originals = {row["title"]: row for row in rows}
    films = []
    for number, row in enumerate(rows):
        franchise = row["franchise"]
        year = originals[row["edition_of"] or row["title"]]["year"]
        films.append(
            SampleFilm(
                tmdb_id=FIRST_TMDB_ID + number,
                imdb_id=f"tt{FIRST_IMDB_ID + number}",
                movielens_id=FIRST_MOVIELENS_ID + number,
                title=row["title"],
                year=int(row["year"]),
                true_genres=tuple(row["genres"].split("|")),
                overview=row["overview"],
                franchise=franchise,
                part=sorted(series[franchise]).index(int(year)) + 1 if franchise else 0,
                edition_of=row["edition_of"],
            )
        )
    return films


def _new_arrivals(films: list[SampleFilm]) -> set[str]:
    """Titles of a quarter of the films, chosen by digest so that no genre keeps fewer than FEWEST_TAGGED."""
    tagged = Counter(genre for film in films for genre in film.true_genres)
    arrivals: set[str] = set()
    for film in sorted(films, key=lambda film: _digest(f"arrival/{film.title}")):
        if len(arrivals) == len(films) // 4:
            break
        if all(tagged[genre] > FEWEST_TAGGED for genre in film.true_genres):
            tagged.subtract(film.true_genres)
            arrivals.add(film.title)
    return arrivals


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
