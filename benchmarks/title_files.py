"""The cost of reading files of titles in the published formats, invented in any size.

    python -m benchmarks.title_files FOLDER [--rows 1000000] [--seed 0] [--forms tmdb,...]

Writes title.basics.tsv.gz, movie_ids.json.gz, TMDB_movie_dataset_v11.csv and ml/movies.csv with ml/links.csv,
with the oddities of real ones: accents, articles at the end, lone quotes, missing and repeated ids, broken
rows, other types, adult titles. Each file is read in a new process, first a tenth of it: prints CPU seconds,
rows and peak resident memory, one line of JSON for each file.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks._scratch_site import ROOT

_FIRST = (
    "Silent", "Crimson", "Paper", "Winter", "Été", "Señor", "Hollow", "Golden", "Last", "Broken",
    "Blue", "Łódź", "Distant", "Burning", "Hidden", "Ærø", "Glass", "Iron", "Wandering",
    "Forgotten", "Midnight", "Velvet", "Salt", "Copper", "Naïve", "Lonely", "Second", "Electric",
    "Ohne", "Quiet",
)  # fmt: skip
_SECOND = (
    "Harbour", "Orchard", "Lighthouse", "Comet", "Signals", "Garden", "Façade", "River", "Mirror",
    "Choir", "Station", "Árbol", "Winter", "Road", "Machine", "Daughter", "Island", "Letter",
    "Ocean", "Mañana", "Circus", "Bridge", "Kingdom", "Fjörd", "Shadow", "Engine", "Horizon",
    "Tale", "Doctor", "Sea",
)  # fmt: skip
_ARTICLES = ("The", "A", "L'", "Der", "Les", "")
_GENRES = ("Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Horror")
# As in title.basics, nine rows in ten are not movies.
_TYPES = ("tvEpisode",) * 15 + ("short", "short", "tvSeries", "video", "movie", "tvMovie")


def title(draw: random.Random) -> str:
    """Two or three invented words; one in fifty holds a quote, a comma or a parenthesis."""
    words = f"{draw.choice(_FIRST)} {draw.choice(_SECOND)}"
    if draw.random() < 0.3:
        words += f" {draw.randrange(2, 900)}"
    odd = draw.random()
    if odd < 0.01:
        return f'"{words}'
    return f"{words}, or the {draw.choice(_SECOND)} (a.k.a. {words})" if odd < 0.02 else words


def genres(draw: random.Random) -> list[str]:
    """None for one title in eight, else up to three."""
    return [] if draw.random() < 0.125 else draw.sample(_GENRES, draw.randint(1, 3))


def basics(rows: int, draw: random.Random) -> Iterator[str]:
    """The lines of a title.basics.tsv; one row in 50,000 lacks a cell."""
    columns = "tconst titleType primaryTitle originalTitle isAdult startYear endYear runtimeMinutes genres"
    yield columns.replace(" ", "\t") + "\n"
    for number in range(1, rows + 1):
        name = title(draw)
        cells = [
            f"tt{number:07d}",
            draw.choice(_TYPES),
            name,
            name if draw.random() < 0.8 else title(draw),
            str(int(draw.random() < 0.03)),
            "\\N" if draw.random() < 0.1 else str(draw.randint(1894, 2026)),
            "\\N",
            str(draw.randint(1, 200)),
            ",".join(genres(draw)) or "\\N",
        ]
        yield "\t".join(cells if draw.random() > 2e-5 else cells[1:]) + "\n"


def ids(rows: int, draw: random.Random) -> Iterator[str]:
    """The lines of TMDB's daily export: ids grow and have gaps."""
    number = 0
    for _ in range(rows):
        number += draw.randint(1, 2)
        movie = {
            "adult": draw.random() < 0.02,
            "id": number,
            "original_title": title(draw),
            "popularity": round(draw.random() * 9, 3),
            "video": draw.random() < 0.02,
        }
        yield json.dumps(movie, ensure_ascii=False, separators=(",", ":")) + "\n"


def tmdb(rows: int, draw: random.Random) -> Iterator[str]:
    """The lines of a TMDB_movie_dataset_v11.csv; one film in a thousand stands in it twice."""
    yield (
        "id,title,vote_average,vote_count,status,release_date,revenue,runtime,adult,backdrop_path,budget,"
        "homepage,imdb_id,original_language,original_title,overview,popularity,poster_path,tagline,genres\n"
    )
    for number in range(1, rows + 1):
        shown = number - 1 if number > 1 and draw.random() < 0.001 else number
        name = title(draw)
        date = f"{draw.randint(1895, 2026)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
        adult = str(draw.random() < 0.05)
        imdb_id = f"tt{number:07d}" if draw.random() < 0.6 else ""
        overview = " ".join(draw.choices(_SECOND, k=draw.randint(0, 40))) + ', "so they say".'
        names = ", ".join(genres(draw))
        dull = (6.1, 12, "Released", date if draw.random() < 0.85 else "", 0, 90, adult, "", 0, "")
        yield _line([shown, name, *dull, imdb_id, "en", name, overview, 1.4, "", "", names])


def movielens_movies(rows: int, draw: random.Random) -> Iterator[str]:
    """The lines of a movies.csv: years in titles, articles behind them."""
    yield "movieId,title,genres\n"
    for number in range(1, rows + 1):
        article = draw.choice(_ARTICLES)
        name = f"{title(draw)}, {article}" if article else title(draw)
        year = f" ({draw.randint(1894, 2026)})" if draw.random() < 0.97 else ""
        yield _line([number, name + year, "|".join(genres(draw)) or "(no genres listed)"])


def movielens_links(rows: int, draw: random.Random) -> Iterator[str]:
    """The lines of a links.csv; one TMDB id in 500 is missing, one in 2,000 is another film's."""
    yield "movieId,imdbId,tmdbId\n"
    for number in range(1, rows + 1):
        tmdb_id = "" if draw.random() < 0.002 else number if draw.random() > 0.0005 else max(1, number - 1)
        yield _line([number, f"{number:07d}", tmdb_id])


# For each format: its files and the functions that write their lines.
FORMS: dict[str, dict[str, Callable[[int, random.Random], Iterator[str]]]] = {
    "imdb_basics": {"title.basics.tsv.gz": basics},
    "tmdb_ids": {"movie_ids.json.gz": ids},
    "tmdb": {"TMDB_movie_dataset_v11.csv": tmdb},
    "movielens": {"ml/movies.csv": movielens_movies, "ml/links.csv": movielens_links},
}


def write(folder: Path, form: str, rows: int, seed: int = 0) -> Path:
    """Write the files of `form` with `rows` titles into `folder`; returns the path to import."""
    for name, lines in FORMS[form].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_lines(path, lines(rows, random.Random(f"{seed} {name}")))
    first = folder / next(iter(FORMS[form]))
    return first.parent if form == "movielens" else first


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with gzip.open(path, "wb", compresslevel=3) if path.suffix == ".gz" else path.open("wb") as file:
        while chunk := "".join(itertools.islice(lines, 5_000)):
            file.write(chunk.encode())


def _line(cells: Iterable[object]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def read(form: str, path: Path) -> dict[str, object]:
    """Read every title of `path`."""
    from catalog.titles.formats.records import ReadOptions, TitleRecord
    from catalog.titles.formats.registry import format_named

    source = format_named(form)
    assert source
    options = ReadOptions()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, titles, rejected = time.process_time(), 0, 0
    for row in source.read(path, options):
        if isinstance(row, TitleRecord):
            titles += 1
        else:
            rejected += 1
    return {
        "form": form,
        "titles": titles,
        "rejected": rejected,
        "left_out": options.skipped.total(),
        "cpu_seconds": round(time.process_time() - began, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "peak_mb_before": round(before / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.read, options.folder)))
        return
    for form in options.forms.split(","):
        for rows in (options.rows // 10, options.rows):
            path = write(options.folder / str(rows), form, rows, options.seed)
            command = [sys.executable, "-m", "benchmarks.title_files", str(path), "--read", form]
            subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
