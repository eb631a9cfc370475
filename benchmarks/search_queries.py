"""Search on 10,500 real movies: how often the right movie comes first, and how long a search takes.

    python -m benchmarks.search_queries --data DATA --work FOLDER [--copies 1]

Imports DATA/posters.csv into a scratch site in FOLDER and runs the queries below, each for a movie of that
file. A query is right when a movie with that title comes first, and of that year if the query has one.
`--copies 10` imports ten times as many movies, to measure times only.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._scratch_site import open_site

SHOWN = 24  # a page of the wall

# Query, title in posters.csv, year.
QUERIES: list[tuple[str, str, int]] = [
    # Whole titles, parts of titles, missing articles
    ("alien", "Alien", 1979),
    ("heat", "Heat", 1995),
    ("jaws", "Jaws", 1975),
    ("usual suspects", "The Usual Suspects", 1995),
    ("Big Lebowski, The", "The Big Lebowski", 1998),
    ("some like it", "Some Like It Hot", 1959),
    ("saving priv", "Saving Private Ryan", 1998),
    ("lives of others", "The Lives of Others (Das leben der Anderen)", 2006),
    ("pirates carribean black pearl", "Pirates of the Caribbean: The Curse of the Black Pearl", 2003),
    ("guardians galaxy 2", "Guardians of the Galaxy 2", 2017),
    # Short
    ("m", "M", 1951),
    ("it", "It", 2017),
    ("jfk", "JFK", 1991),
    ("ran", "Ran", 1985),
    # Punctuation and spacing
    ("fx", "F/X", 1986),
    ("la confidential", "L.A. Confidential", 1997),
    ("spiderman 2", "Spider-Man 2", 2004),
    ("spider man", "Spider-Man", 2002),
    ("KICKASS", "Kick-Ass", 2010),
    ("antman", "Ant-Man", 2015),
    ("monsters inc", "Monsters, Inc.", 2001),
    ("wallace and gromit a close shave", "Wallace & Gromit: A Close Shave", 1995),
    ("mulholland drive", "Mulholland Dr.", 1999),
    ('"full metal jacket"', "Full Metal Jacket", 1987),
    ("backtothefuture", "Back to the Future", 1985),
    ("singing in the rain", "Singin' in the Rain", 1952),
    # Numbers
    ("rocky 4", "Rocky IV", 1985),
    ("back to the future 2", "Back to the Future Part II", 1989),
    ("star wars episode 5", "Star Wars: Episode V - The Empire Strikes Back", 1980),
    ("mission impossible three", "Mission: Impossible III", 2006),
    ("alien 3", "Alien³ (a.k.a. Alien 3)", 1992),
    ("8½", "8 1/2", 1963),
    ("four horsemen of the apocalypse", "The 4 Horsemen of the Apocalypse", 1962),
    ("4 weddings & a funeral", "Four Weddings and a Funeral", 1994),
    ("blade runner 2049", "Blade Runner 2049", 2017),
    # Subtitles, other names, series
    ("return of the jedi", "Star Wars: Episode VI - Return of the Jedi", 1983),
    ("two towers", "The Lord of the Rings: The Two Towers", 2002),
    ("fury road", "Mad Max: Fury Road", 2015),
    (
        "philosopher's stone",
        "Harry Potter and the Sorcerer's Stone (a.k.a. Harry Potter and the Philosopher's Stone)",
        2001,
    ),
    ("se7en", "Seven (a.k.a. Se7en)", 1995),
    ("sunset boulevard", "Sunset Blvd. (a.k.a. Sunset Boulevard)", 1950),
    ("le fabuleux destin d'amelie poulain", "Amelie (Fabuleux destin d'Amélie Poulain, Le)", 2001),
    ("laberinto del fauno", "Pan's Labyrinth (Laberinto del fauno, El)", 2006),
    ("la belle et la bete", "Beauty and the Beast (La belle et la bête)", 1946),
    ("smultronstallet", "Wild Strawberries (Smultronstället)", 1957),
    ("der untergang", "Downfall (Untergang, Der)", 2004),
    ("star wars phantom menace", "Star Wars: Episode I - The Phantom Menace", 1999),
    # A year
    ("The Matrix (1999)", "The Matrix", 1999),
    ("heat 1972", "Heat", 1972),
    ("the jungle book 1967", "The Jungle Book", 1967),
    # Ids
    ("TT133093", "The Matrix", 1999),
    ("https://www.imdb.com/title/tt0095016/?ref_=nv_sr_1", "Die Hard", 1988),
    ("https://www.themoviedb.org/movie/105-back-to-the-future", "Back to the Future", 1985),
    ("tmdb:862", "Toy Story", 1995),
    # Typing mistakes
    ("matrx", "The Matrix", 1999),
    ("casablnca", "Casablanca", 1942),
    ("schindlers lits", "Schindler's List", 1993),
    ("ratatoulie", "Ratatouille", 2007),
    ("goodfelas", "Goodfellas", 1990),
    ("terminator 2 judgement day", "Terminator 2: Judgment Day", 1991),
    ("juraasic prak", "Jurassic Park", 1993),
    ("teh wizard of oz 1925", "The Wizard of Oz", 1925),
]


def main() -> None:
    options = _options()
    open_site(options.work)
    from catalog import search
    from catalog.models import Movie

    if not Movie.objects.exists():
        _fill(options.data / "posters.csv", options.copies)
    first = five = 0
    seconds: list[float] = []
    wrong: list[dict[str, object]] = []
    search.find("nothing like this")  # reads the vocabulary
    for query, title, year in QUERIES:
        films = Movie.objects.filter(title=_stored(title))
        films = films.filter(year=year) if str(year) in query else films
        wanted = set(films.values_list("pk", flat=True))
        assert wanted, f"{title} is not in the catalogue"
        times = []
        for _ in range(3):
            start = time.perf_counter()
            found = search.find(query)
            shown = list(found.best_first()[:SHOWN])
            times.append(time.perf_counter() - start)
        seconds.append(min(times))
        keys = [movie.pk for movie in shown]
        first += bool(wanted.intersection(keys[:1]))
        five += bool(wanted.intersection(keys[:5]))
        if not wanted.intersection(keys[:1]):
            wrong.append(
                {"query": query, "wanted": f"{title} ({year})", "found": [str(each) for each in shown[:3]]}
            )
    seconds.sort()
    report = {
        "films": Movie.objects.count(),
        "queries": len(QUERIES),
        "first": round(first / len(QUERIES), 3),
        "among_five": round(five / len(QUERIES), 3),
        "median_ms": round(1000 * statistics.median(seconds), 1),
        "p95_ms": round(1000 * seconds[int(len(seconds) * 0.95)], 1),
        "slowest_ms": round(1000 * seconds[-1], 1),
        "wrong": wrong,
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))


def _stored(title: str) -> str:
    from catalog.titles.formats.movielens import split_title

    return split_title(title)[0]


def _fill(file: Path, copies: int) -> None:
    from catalog.titles.formats.records import TitleRecord
    from catalog.titles.importing import import_titles

    def records() -> Iterator[TitleRecord]:
        with file.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                yield TitleRecord(
                    title=_stored(row["title"]),
                    year=int(row["year"]) if row["year"] else None,
                    genres=tuple(row["genres"].split("|")) if row["genres"] else (),
                    imdb_id=row["imdb_id"] or None,
                    tmdb_id=int(row["tmdb_id"]) if row["tmdb_id"] else None,
                    franchise=row["series"],
                )

    import_titles(records(), "search benchmark")
    for copy in range(1, copies):
        import_titles(
            (
                TitleRecord(
                    f"{_other(record.title, copy)}",
                    record.year,
                    record.genres,
                    local_id=f"{copy}/{record.imdb_id}",
                )
                for record in records()
            ),
            f"copy {copy}",
        )


def _other(title: str, copy: int) -> str:
    """A title with other words, as a larger catalogue has: its letters are shifted in the alphabet."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return title.lower().translate(str.maketrans(letters, letters[copy:] + letters[:copy]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with posters.csv")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the scratch site")
    parser.add_argument("--copies", type=int, default=1, help="how many times as many films, for times only")
    return parser.parse_args()


if __name__ == "__main__":
    main()
