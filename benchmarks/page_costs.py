"""The cost of each page: CPU milliseconds and database queries for a request.

    python -m benchmarks.page_costs --var COPY [--rounds 20] [--code OTHER]
    python -m benchmarks.page_costs --var FOLDER --films 10500

Requests go through the WSGI handler in this process, as the web server sends them: middleware, session,
database connection, templates. COPY is a copy of a site's var folder: it is migrated, its static files are
collected, and an account `benchmark` is added. FOLDER is new, and is filled with invented films. To compare
two versions, run this with the other version's folder as --code, each on its own copy.

Prints the median of the process's CPU time with its minimum and maximum, after three requests to warm up, and
the number of queries. Pages are requested in turn, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from benchmarks._invented_catalogue import fill
from benchmarks._scratch_site import ROOT, open_site, signed_in

WARM_UP = 3
VARIED = 97  # no multiple of any other number of addresses


def main() -> None:
    options = _options()
    sys.path.insert(0, str(options.code.resolve()))
    os.chdir(options.code)  # Celery puts the current folder before all others
    open_site(options.var)
    if options.films:
        from catalog.models import Movie

        if not Movie.objects.exists():
            fill(options.films)
    from postersite.wsgi import application

    if options.addresses:
        print(json.dumps({"pages": _varied_addresses(), "cookie": session_cookie()}))
        return
    found = measure(application, options.rounds, options.only)
    print(f"{'page':<18} {'CPU ms':>8} {'min':>7} {'max':>7} {'queries':>8} {'KiB':>6}")
    for name, row in found.items():
        print(
            f"{name:<18} {row['cpu_ms']:>8.1f} {row['min']:>7.1f} {row['max']:>7.1f} {row['queries']:>8} "
            f"{row['kib']:>6}"
        )


def measure(handler: Any, rounds: int, only: str) -> dict[str, dict[str, float]]:
    """CPU milliseconds (median, minimum, maximum), queries and size of each page."""
    cookie = session_cookie()
    addresses = {name: each for name, each in _addresses().items() if only in name}
    times: dict[str, list[float]] = {name: [] for name in addresses}
    found: dict[str, dict[str, float]] = {}
    for number in range(WARM_UP + rounds):
        for name, (address, staff) in addresses.items():
            started = time.process_time()
            size = request(handler, address, cookie if staff else "")
            took = (time.process_time() - started) * 1000
            if number >= WARM_UP:
                times[name].append(took)
            found[name] = {"kib": round(size / 1024)}
    for name, (address, staff) in addresses.items():
        found[name] |= {
            "cpu_ms": round(median(times[name]), 2),
            "min": round(min(times[name]), 2),
            "max": round(max(times[name]), 2),
            "queries": count_queries(partial(request, handler, address, cookie if staff else "")),
        }
    return found


def _addresses() -> dict[str, tuple[str, bool]]:
    """URL of each page, and whether it is requested as staff."""
    from django.urls import reverse

    from catalog.models import Movie

    shown = Movie.objects.filter(posters__is_primary=True).order_by("pk")
    film = shown[shown.count() // 2].pk
    word = Movie.objects.get(pk=film).title.split()[-1]
    return {
        "wall": (reverse("catalog:home"), False),
        "wall, staff": (reverse("catalog:home"), True),
        "wall, page 3": (reverse("catalog:home") + "?page=3", False),
        "search": (reverse("catalog:home") + f"?q={word}", False),
        "movie": (reverse("catalog:movie", args=[film]), False),
        "compare": (reverse("catalog:compare", args=[film]), False),
        "API list": (reverse("api:movies"), False),
        "live runs": (reverse("catalog:live_runs"), False),
        "runs": (reverse("catalog:runs"), True),
        "review queue": (reverse("admin:catalog_reviewqueue_changelist"), True),
        "review, informative": (reverse("admin:catalog_reviewqueue_changelist") + "?order=informative", True),
        "review, disagree": (reverse("admin:catalog_reviewqueue_changelist") + "?order=disagree", True),
        "audit": (reverse("admin:catalog_reviewqueue_audit"), True),
        "duplicates": (reverse("admin:catalog_duplicategroup_changelist"), True),
        "admin index": (reverse("admin:index"), True),
        "admin movies": (reverse("admin:catalog_movie_changelist"), True),
        "admin movie": (reverse("admin:catalog_movie_change", args=[film]), True),
    }


def _varied_addresses() -> dict[str, list[str]]:
    """Many addresses of each page of `benchmarks.site_load`, so that no page is requested twice in a row."""
    from django.urls import reverse

    from catalog.models import Movie

    shown = Movie.objects.filter(posters__is_primary=True).order_by("pk")
    step = max(1, shown.count() // VARIED)
    films = list(shown[::step][:VARIED])
    home, listed = reverse("catalog:home"), reverse("api:movies")
    pages = [1, 1, 1, *range(2, 11)]  # most visitors see the first page
    return {
        "wall": [f"{home}?page={page}" if page > 1 else home for page in pages],
        "search": [f"{home}?q={quote(film.title.split()[-1])}" for film in films],
        "movie": [reverse("catalog:movie", args=[film.pk]) for film in films],
        "compare": [reverse("catalog:compare", args=[film.pk]) for film in films],
        "review queue": [reverse("admin:catalog_reviewqueue_changelist")],
        "API list": [f"{listed}?page={page}" for page in pages],
    }


def session_cookie() -> str:
    from django.conf import settings

    return f"{settings.SESSION_COOKIE_NAME}={signed_in().cookies[settings.SESSION_COOKIE_NAME].value}"


def request(handler: Any, address: str, cookie: str) -> int:
    path, _, query = address.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": cookie,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    statuses: list[str] = []
    response = handler(environ, lambda status, headers: statuses.append(status))
    size = sum(map(len, response))
    response.close()
    if not statuses[0].startswith("200"):
        raise SystemExit(f"{address} answered {statuses[0]}")
    return size


def count_queries(act: Callable[[], object]) -> int:
    """The number of queries that `act` makes, on any connection."""
    from django.db.backends.utils import CursorWrapper

    number = 0
    execute = CursorWrapper.execute

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal number
        number += 1
        return execute(self, *args, **kwargs)

    CursorWrapper.execute = counted  # type: ignore[method-assign]
    try:
        act()
    finally:
        CursorWrapper.execute = execute  # type: ignore[method-assign]
    return number


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--var", type=Path, required=True, help="a copy of a site's var folder")
    parser.add_argument("--code", type=Path, default=ROOT, help="the version to measure (default: this one)")
    parser.add_argument("--films", type=int, default=0, help="fill an empty site with so many invented films")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument(
        "--addresses", action="store_true", help="measure nothing: print addresses and a session as JSON"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
