"""How the cost of each page and of some operations grows with the catalogue: CPU time, queries and exponent.

    python -m benchmarks.growth --work FOLDER [--films 1000 10000 100000] [--rounds 5] [--only wall]

Fills a site in FOLDER for each number of films, unless it is there from an earlier call (a million films take
ten minutes and 4 GB). Then each page is requested in a process of its own, as in `benchmarks.page_costs`,
and each operation is done once.

The exponent compares the two largest catalogues: 0 is a constant cost, 1 a linear one. "counted again" are
requests with an empty cache: counts are kept for at least five seconds, and for twenty times as long as
computing them takes. Operations that read or write every film are linear: index build, start of a run.
--json FILE writes the figures.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._invented_catalogue import fill
from benchmarks._scratch_site import ROOT, environment, open_site, queue_nothing
from benchmarks.page_costs import count_queries, request, session_cookie

Row = dict[str, float]


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(measure(options.work, options.one, options.rounds, options.only)))
        return
    sizes = sorted(options.films)
    found: dict[int, dict[str, Row]] = {}
    for films in sizes:
        var = options.work / str(films)
        command = [sys.executable, "-m", "benchmarks.growth", "--work", str(var), "--one", str(films)]
        command += ["--rounds", str(options.rounds), "--only", options.only]
        done = subprocess.run(command, cwd=ROOT, env=environment(var), check=True, stdout=subprocess.PIPE)
        found[films] = json.loads(done.stdout)
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def measure(var: Path, films: int, rounds: int, only: str) -> dict[str, Row]:
    """CPU milliseconds (median of the rounds) and queries, by page or operation."""
    open_site(var)
    from django.core.cache import cache

    from catalog.models import Movie
    from postersite.wsgi import application

    if not Movie.objects.exists():
        fill(films)
    cookie = session_cookie()
    found: dict[str, Row] = {}
    for name, address in pages().items():
        if only not in name:
            continue

        def get(address: str = address) -> None:
            request(application, address, cookie if address.startswith(("/admin", "/runs")) else "")

        get()
        get()
        found[name] = {"cpu_ms": median(cpu_ms(get) for _ in range(rounds)), "queries": count_queries(get)}
        if name in COUNTED:
            again: list[float] = []
            for _ in range(rounds):
                cache.clear()
                again.append(cpu_ms(get))
            found[f"{name}, counted again"] = {"cpu_ms": median(again)}
    queue_nothing()
    for name, act in operations().items():
        if only in name:
            queries = 0

            def once(act: Callable[[], object] = act) -> None:
                nonlocal queries
                queries = count_queries(act)

            found[name] = {"cpu_ms": cpu_ms(once), "queries": queries}
    return found


COUNTED = {"wall", "review queue", "runs"}


def pages() -> dict[str, str]:
    """Addresses by name. Those of staff begin with /admin or /runs."""
    from django.db.models import Count
    from django.urls import reverse

    from catalog.models import Movie, MovieGenre

    film = Movie.objects.filter(posters__is_primary=True).order_by("pk")[Movie.objects.count() // 2]
    counted = MovieGenre.objects.values_list("genre__slug").annotate(films=Count("pk"))
    genre, _ = counted.order_by("-films")[0]
    home, listed = reverse("catalog:home"), reverse("api:movies")
    queue = reverse("admin:catalog_reviewqueue_changelist")
    rare = film.title.removeprefix("The ")
    typing_mistake = rare[:2] + "x" + rare[2:]
    titles = Movie.objects.order_by("pk").values_list("title", flat=True)[:1000]
    words = Counter(word for title in titles for word in title.removeprefix("The ").split())
    [(common, _)] = words.most_common(1)
    return {
        "wall": home,
        "wall, page 20": f"{home}?page=20",
        "wall, last page": f"{home}?page=999999999",
        "wall, most frequent genre": f"{home}?genre={genre}",
        "wall, by title": f"{home}?order=title",
        "wall, by year": f"{home}?order=year",
        "search, a whole title": f"{home}?q={rare}",
        "search, the most frequent word": f"{home}?q={common}",
        "search, two letters": f"{home}?q=ba",
        "search, a typing mistake": f"{home}?q={typing_mistake}",
        "movie": reverse("catalog:movie", args=[film.pk]),
        "compare": reverse("catalog:compare", args=[film.pk]),
        "API list": listed,
        "API list, most frequent genre": f"{listed}?genre={genre}",
        "API list, most frequent word": f"{listed}?q={common}",
        "review queue": queue,
        "review queue, most informative": f"{queue}?order=informative",
        "review queue, grid": reverse("admin:catalog_reviewqueue_grid"),
        "runs": reverse("catalog:runs"),
        "admin index": reverse("admin:index"),
        "admin list of movies": reverse("admin:catalog_movie_changelist"),
    }


def operations() -> dict[str, Callable[[], object]]:
    from catalog.embeddings import index_files
    from catalog.models import Extractor, Movie
    from catalog.runs import leases, lifecycle
    from catalog.runs.recovery import sweep

    started: list[Any] = []

    def start() -> None:
        started.append(lifecycle.start("scrape", movies=Movie.objects.all(), queue=False))

    return {
        "start a run over all films": start,
        "lease a batch of it": lambda: leases.acquire_batch(started[0].pk),
        "sweep": sweep,
        "cancel the run": lambda: lifecycle.cancel(started[0]),
        "build the index": lambda: index_files.build(Extractor.objects.get()),
    }


def cpu_ms(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return 1000 * (time.process_time() - began)


def report(found: dict[int, dict[str, Row]]) -> None:
    """A table: milliseconds of CPU and, in parentheses, queries; and the exponent."""
    sizes = list(found)
    print(f"{'':34}" + "".join(f"{films:>18,}" for films in sizes) + f"{'exponent':>10}")
    for name in found[sizes[0]]:
        rows = [found[films][name] for films in sizes]
        cells = [
            f"{row['cpu_ms']:.4g}" + (f" ({row['queries']})" if "queries" in row else "") for row in rows
        ]
        exponent = ""
        if len(sizes) > 1:
            ratio = max(rows[-1]["cpu_ms"], 0.01) / max(rows[-2]["cpu_ms"], 0.01)
            exponent = f"{math.log(ratio) / math.log(sizes[-1] / sizes[-2]):.2f}"
        print(f"{name:34}" + "".join(f"{cell:>18}" for cell in cells) + f"{exponent:>10}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for the sites")
    parser.add_argument("--films", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="pages and operations whose name contains this")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
