"""The cost of importing 62,423 MovieLens-shaped titles: time, peak memory by size, and a naive import.

    python -m benchmarks.import_60000 --work FOLDER [--rows 62423] [--seed 0]

Writes movies.csv and links.csv with a seeded generator, and imports one row, a quarter, half and all of them
with `manage.py import_titles movielens`, each in a new process and SQLite site: seconds and peak resident
memory. Then all of them again, a dry run, an undo, and an import while another process writes, with that
process's waits. Finally 3,000 rows are imported naively (the whole file in memory, a get_or_create for each
row and genre) and by us, less the cost of starting: CPU seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks._scratch_site import MANAGE, ROOT, environment, other_writer

SLICE = 3000
GENRES = [
    "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
]  # fmt: skip
WORDS = [
    "Ash", "Bell", "Cold", "Dust", "Ember", "Fall", "Glass", "House", "Iron", "June", "King", "Last", "Moon",
    "Night", "Old", "Paper", "Quiet", "Red", "Salt", "Tide", "Under", "Veil", "Winter", "Yellow", "Zero",
]  # fmt: skip
NAIVE = """
import csv, sys, time, django
django.setup()
from django.utils.text import slugify
from catalog.models import Genre, Movie, MovieGenre
began = time.process_time()
links = {row["movieId"]: row for row in csv.DictReader(open(sys.argv[1] + "/links.csv", encoding="utf-8"))}
for row in list(csv.DictReader(open(sys.argv[1] + "/movies.csv", encoding="utf-8"))):
    link = links[row["movieId"]]
    movie, _ = Movie.objects.update_or_create(
        movielens_id=int(row["movieId"]),
        defaults={"title": row["title"][:-7], "year": int(row["title"][-5:-1]),
                  "imdb_id": "tt" + link["imdbId"], "tmdb_id": int(link["tmdbId"])},
    )
    for name in row["genres"].split("|"):
        if name != "(no genres listed)":
            genre, _ = Genre.objects.get_or_create(slug=slugify(name), defaults={"name": name})
            MovieGenre.objects.get_or_create(movie=movie, genre=genre, defaults={"origin": "imported"})
print(time.process_time() - began)
"""
# What the reader alone holds in memory: the links, and every id, to find repeated ones.
READER = """
import sys, tracemalloc
from pathlib import Path
from catalog.titles.formats import movielens
tracemalloc.start()
for row in movielens.read(Path(sys.argv[1])):
    pass
print(round(tracemalloc.get_traced_memory()[1] / 2**20, 1))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for files and sites; emptied first")
    parser.add_argument("--rows", type=int, default=62_423)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    work: Path = options.work
    shutil.rmtree(work, ignore_errors=True)
    report: dict[str, object] = {"rows": options.rows, "seed": options.seed}

    site = Site(work / "idle")
    report["one row"] = idle = site.manage(
        "import_titles", "movielens", write_files(work / "none", 1, options.seed)
    )
    sizes = {}
    for rows in (options.rows // 4, options.rows // 2, options.rows):
        files = write_files(work / f"files-{rows}", rows, options.seed)
        site = Site(work / f"site-{rows}")
        sizes[rows] = site.manage("import_titles", "movielens", files)
        sizes[rows]["held_by_reader_mb"] = float(site.python("-c", READER, str(files)))
    report["first import"] = sizes
    report["again"] = site.manage("import_titles", "movielens", files)
    report["dry run"] = site.manage("import_titles", "movielens", files, "--dry-run")
    report["database_mb"] = round((site.folder / "db.sqlite3").stat().st_size / 2**20, 1)
    report["undo"] = site.manage("undo_import", "1")
    with other_writer(site.environment) as waits:
        report["import while another writes"] = site.manage("import_titles", "movielens", files)
    report["other writer, ms"] = {
        "writes": len(waits),
        "median": round(1000 * median(waits), 1),
        "longest": round(1000 * max(waits), 1),
    }

    files = write_files(work / "files-slice", SLICE, options.seed)
    ours = Site(work / "slice-ours").manage("import_titles", "movielens", files)["cpu_s"]
    naive = float(Site(work / "slice-naive").python("-c", NAIVE, str(files)))
    ours -= idle["cpu_s"]
    report["slice"] = {
        "rows": SLICE,
        "ours_cpu_s": round(ours, 2),
        "naive_cpu_s": round(naive, 2),
        "ratio": round(naive / ours, 1),
    }
    print(json.dumps(report, indent=1))


def write_files(folder: Path, rows: int, seed: int) -> Path:
    """Write movies.csv and links.csv with `rows` titles; a smaller file is the start of a larger one."""
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    with (
        (folder / "movies.csv").open("w", newline="", encoding="utf-8") as movies,
        (folder / "links.csv").open("w", newline="", encoding="utf-8") as links,
    ):
        titles, ids = csv.writer(movies), csv.writer(links)
        titles.writerow(["movieId", "title", "genres"])
        ids.writerow(["movieId", "imdbId", "tmdbId"])
        movie = 0
        for row in range(rows):
            movie += draw.randint(1, 6)
            name = " ".join(draw.sample(WORDS, draw.randint(1, 4)))
            genres = "|".join(sorted(draw.sample(GENRES, draw.randint(1, 4))))
            titles.writerow(
                [
                    movie,
                    f"{name} {row} ({draw.randint(1920, 2019)})",
                    genres if row % 13 else "(no genres listed)",
                ]
            )
            ids.writerow([movie, f"{row + 100_000:07d}", row + 1])
    return folder


class Site:
    """A new SQLite site in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.environment = environment(folder)
        self.manage("migrate", "--verbosity", "0")

    def manage(self, command: str, *arguments: object) -> dict[str, float]:
        """Run a command; its seconds, CPU seconds and peak resident memory in MB."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [*MANAGE, command, *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, output
        figures = {
            "seconds": round(time.perf_counter() - began, 2),
            "cpu_s": round(used.ru_utime + used.ru_stime, 2),
            "peak_mb": round(used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1),
        }
        print(f"  {output.strip()[-80:]} {figures}", file=sys.stderr, flush=True)
        return figures

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


if __name__ == "__main__":
    main()
