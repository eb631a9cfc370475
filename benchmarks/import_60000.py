"""Import 62,423 MovieLens-shaped titles: time, peak memory by number of rows, and the recipe's own way.

    python benchmarks/import_60000.py --work FOLDER [--rows 62423] [--seed 0]

Writes movies.csv and links.csv by a seeded generator, and imports a quarter, half and all of them with
`manage.py import_titles movielens`, each as a process of its own into a fresh SQLite site: seconds, peak
resident memory, and the same for one row. Then all of them again, a dry run, an undo, and how long another
process waited that wrote a row every 50 ms meanwhile. The recipe's own way, the whole file in memory and a
get_or_create for each row and each genre, is timed beside ours on 3,000 rows: processor seconds, of ours
less those of a single row.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLICE = 3000
GENRES = [
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
]
GENRES += [
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
WORDS = [
    "Ash",
    "Bell",
    "Cold",
    "Dust",
    "Ember",
    "Fall",
    "Glass",
    "House",
    "Iron",
    "June",
    "King",
    "Last",
    "Moon",
]
WORDS += [
    "Night",
    "Old",
    "Paper",
    "Quiet",
    "Red",
    "Salt",
    "Tide",
    "Under",
    "Veil",
    "Winter",
    "Yellow",
    "Zero",
]
# What a row of the recipe does, in Django's words.
RECIPE = """
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


# What the reader alone remembers: the links, and every id so that none is taken twice.
READER = """
import sys, tracemalloc
from pathlib import Path
from catalog.posters.sources import movielens
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
    with Writer(site.folder / "db.sqlite3") as writer:
        report["import while another writes"] = site.manage("import_titles", "movielens", files)
    report["other writer"] = writer.told()

    files = write_files(work / "files-slice", SLICE, options.seed)
    ours = Site(work / "slice-ours").manage("import_titles", "movielens", files)["cpu_s"]
    own_way = float(Site(work / "slice-recipe").python("-c", RECIPE, str(files)))
    start = idle["cpu_s"]
    report["slice"] = {
        "rows": SLICE,
        "ours_cpu_s": round(ours - start, 2),
        "recipe_cpu_s": round(own_way, 2),
        "ratio": round(own_way / (ours - start), 1),
    }
    print(json.dumps(report, indent=1))


def write_files(folder: Path, rows: int, seed: int) -> Path:
    """movies.csv and links.csv of `rows` titles; of one seed a smaller file is the beginning of a larger."""
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
    """A fresh SQLite site in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._environment = os.environ | {
            "POSTERSITE_VAR": str(folder.resolve()),
            "DJANGO_SETTINGS_MODULE": "postersite.settings",
            "PYTHONPATH": str(ROOT),
        }
        self.manage("migrate", "--verbosity", "0")

    def manage(self, command: str, *arguments: object) -> dict[str, float]:
        """Run a command as a process; its seconds, processor seconds and peak resident memory in MB."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "manage.py", command, *map(str, arguments)],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, said
        figures = {
            "seconds": round(time.perf_counter() - began, 2),
            "cpu_s": round(used.ru_utime + used.ru_stime, 2),
            "peak_mb": round(used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1),
        }
        if said.strip():
            print(f"  {said.strip().splitlines()[-1]} {figures}", file=sys.stderr, flush=True)
        return figures

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


class Writer:
    """Writes a row every 50 ms, as a worker would, and notes how long the database let it wait."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._waits: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def told(self) -> dict[str, float]:
        waits = sorted(self._waits)
        return {
            "writes": len(waits),
            "median_ms": round(1000 * waits[len(waits) // 2], 1),
            "p99_ms": round(1000 * waits[len(waits) * 99 // 100], 1),
            "longest_ms": round(1000 * waits[-1], 1),
        }

    def _write(self) -> None:
        connection = sqlite3.connect(self._database, timeout=30, isolation_level=None)
        while not self._over.wait(0.05):
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE catalog_genre SET name = name WHERE id = 1")
            connection.execute("COMMIT")
            self._waits.append(time.perf_counter() - began)
        connection.close()


if __name__ == "__main__":
    main()
