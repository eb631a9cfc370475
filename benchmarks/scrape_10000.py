"""Fetch 10,000 posters from a replica with faults while a worker and the broker are killed; refresh them.

    python -m benchmarks.scrape_10000 --work FOLDER [--movies 10000] [--rate 60] [--seed 0]

8% of the movies have one of the faults below: temporary ones of the site, and permanent ones of the movie.
Two worker processes fetch; at a quarter one is killed with SIGKILL (and started again, as the supervisor
does), at half the broker is killed and started again. Then every good movie must have exactly one poster with
the bytes of the replica, every bad one a reason, and the replica's log must show no ten seconds with more
requests than the limit allows. The second run refreshes everything. Exits with status 1 if any of that is
wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks._scratch_site import MANAGE, cpu_seconds
from catalog.sample.site import ReplicaMovie, Response
from postersite.launcher.broker import command, find_server, make_private, responds
from tests.faults.sites import Site, kill_group
from tests.replica import faults
from tests.replica.faults import Fault, FaultySite

FIRST_ID = 1_000_000
WINDOW_S = 10.0
FAULTY = 0.08
PAGE, PICTURE = "page", "picture"


@dataclass(frozen=True)
class Kind:
    """A fault of a movie's page or poster. times: how often, -1 for always. bad: the movie gets no poster."""

    name: str
    where: str
    fault: Fault
    times: int = -1

    @property
    def bad(self) -> bool:
        return self.times < 0


def picture(number: int) -> bytes:
    """A JPEG of coarse noise, different for every number."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((200, 300), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


def _png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    return file.getvalue()


KINDS = (
    Kind("500 once", PAGE, faults.status(500), 1),
    Kind("503 with Retry-After once", PICTURE, faults.status(503, retry_after="1"), 1),
    Kind("429 once", PAGE, faults.too_many("1"), 1),
    Kind("connection broken once", PICTURE, faults.truncated(), 1),
    Kind("slow once", PICTURE, faults.slow(1.0), 1),
    Kind("no such page", PAGE, faults.not_found()),
    Kind("page forbidden", PAGE, faults.status(403)),
    Kind("page without a poster", PAGE, faults.html_instead()),
    Kind("page redirects to another host", PAGE, faults.redirect("http://169.254.169.254{path}")),
    Kind("page redirects to itself", PAGE, faults.redirect("{path}")),
    Kind("picture gone", PICTURE, faults.not_found()),
    Kind("a web page instead of a picture", PICTURE, faults.html_instead()),
    Kind("picture damaged", PICTURE, faults.body(picture(1)[:2000], "image/jpeg")),
    Kind("pixel bomb", PICTURE, faults.body(_png((60_000, 60_000)), "image/png")),
    Kind("gzip bomb", PICTURE, faults.gzip_bomb(30_000_000)),
    Kind("one pixel", PICTURE, faults.body(_png((1, 1)), "image/png")),
    Kind("svg", PICTURE, faults.body(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")),
)


class Replica(FaultySite):
    """The replica, with a planned fault for some movies, found by the path of their page or poster."""

    def __init__(self, movies: list[ReplicaMovie], planned: dict[int, Kind]) -> None:
        super().__init__(movies)
        self._at: dict[str, tuple[Kind, list[int]]] = {}
        for movie in movies:
            if (kind := planned.get(movie.tmdb_id or 0)) is not None:
                key = f"/movie/{movie.tmdb_id}" if kind.where == PAGE else movie.image_name
                self._at[key] = (kind, [kind.times])

    def override(self, path: str) -> Response | None:
        key = path if path.startswith("/movie/") else path.rpartition("/")[2].removesuffix(".jpg")
        kind, left = self._at.get(key, (None, [0]))
        if kind is None or left[0] == 0:
            return None
        left[0] -= left[0] > 0
        return kind.fault(self, path)


class Broker:
    """A Valkey that can be killed and started again on the same socket and queue file."""

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        self.folder, self.socket = folder, folder / "b.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            command(find_server(), self.folder, self.socket),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not responds(f"unix://{self.socket}"):
            time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


START = """
from catalog.models import Movie
from catalog.runs import lifecycle
chosen = {"movies": Movie.objects.filter(posters__isnull=False)} if argv[0] == "refresh" else {}
print(lifecycle.start(argv[0], **chosen).pk)
"""
FILL = """
from catalog.models import Movie
first, count = map(int, argv)
Movie.objects.bulk_create(
    [Movie(title=f"Film {n}", tmdb_id=first + n, imdb_id=f"tt{first + n}") for n in range(count)],
    batch_size=1000,
)
"""


def main() -> None:
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    if any(options.work.iterdir()):
        raise SystemExit(f"{options.work} is not empty: give a new folder.")
    os.environ["DJANGO_SETTINGS_MODULE"] = "postersite.settings"
    numbers = range(options.movies)
    faulty = random.Random(options.seed).sample(numbers, round(options.movies * FAULTY))
    planned = {FIRST_ID + number: KINDS[place % len(KINDS)] for place, number in enumerate(faulty)}
    movies = [
        ReplicaMovie(FIRST_ID + n, f"tt{FIRST_ID + n}", f"Film {n}", 1950 + n % 70, "It goes on.", picture(n))
        for n in numbers
    ]
    report: dict[str, object] = {"movies": options.movies, "limit_a_second": options.rate}
    wrong: list[str] = []
    broker = Broker(options.work / "broker")
    site = Site(
        options.work,
        {
            "REDIS_URL": broker.url,
            "POSTERSITE_SWEEP_EVERY": "5",
            "POSTERSITE_CLAIM_LEASE": "60",
            "POSTERSITE_POSTER_SOURCES": "tmdb_page",
            "POSTERSITE_REQUESTS_PER_SECOND": str(options.rate),
        },
    )
    with ExitStack() as stack, Replica(movies, planned) as replica:
        site.settings["POSTERSITE_REPLICA_URL"] = replica.url
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=site.environment, check=True)
        broker.start()
        stack.callback(broker.kill)
        site.run_python(FILL, FIRST_ID, options.movies)
        report["first"] = first = run(site, replica, broker, "scrape", interrupted=True)
        wrong += check_posters(site, movies, planned)
        wrong += check_rate(replica, options.rate, report, "first")
        report["reasons"] = reasons(site, planned)
        replica.log.clear()
        report["second"] = second = run(site, replica, broker, "refresh", interrupted=False)
        wrong += check_rate(replica, options.rate, report, "second")
        statuses = Counter(status for _, path, status in replica.log if path != "/robots.txt")
        report["second_statuses"] = dict(statuses)
        if set(statuses) != {304}:
            wrong.append(f"the second run got {dict(statuses)}, not only 304")
        report["second_to_first"] = {name: round(second[name] / first[name], 3) for name in first}
    report["wrong"] = wrong
    print(json.dumps(report, indent=2))
    sys.exit(1 if wrong else 0)


def run(site: Site, replica: Replica, broker: Broker, kind: str, *, interrupted: bool) -> dict[str, float]:
    """Start a run, let two workers process it, and measure it."""
    began, requests = time.monotonic(), len(replica.log)
    number = int(site.run_python(START, kind))
    counts = "SELECT total, done + failed, state FROM catalog_run WHERE id = ?"
    steps = ["worker", "broker"] if interrupted else []
    with workers(site) as crew:
        while True:
            total, processed, state = site.rows(counts, number)[0]
            if state not in ("queued", "running"):
                break
            if steps and processed >= total * (0.25 if steps[0] == "worker" else 0.5):
                step = steps.pop(0)
                print(
                    f"{time.monotonic() - began:.0f} s, {processed} of {total}: {step} killed",
                    file=sys.stderr,
                )
                if step == "worker":
                    crew.kill_one()
                else:
                    broker.kill()
                    time.sleep(3)
                    broker.start()
            time.sleep(0.5)
        seconds = time.monotonic() - began
        cpu = crew.cpu_s()
    if steps:
        raise SystemExit(f"The run ended before the {steps[0]} was killed: use more movies.")
    return {
        "seconds": round(seconds, 1),
        "requests": len(replica.log) - requests,
        "worker_cpu_s": round(cpu, 1),
    }


class Crew:
    """Two workers of one process each, and a third that only runs beat."""

    def __init__(self, site: Site, stack: ExitStack) -> None:
        self._site, self._stack = site, stack
        self.processes = [self._start() for _ in range(2)]
        self._start("nothing", beat=True)
        self._lost_cpu_s = 0.0

    def _start(self, queue: str = "io", beat: bool = False) -> subprocess.Popen[bytes]:
        return self._stack.enter_context(self._site.worker(queue, 1, beat=beat))

    def kill_one(self) -> None:
        self._lost_cpu_s += cpu_seconds(self.processes[0].pid)
        kill_group(self.processes[0])
        self.processes[0] = self._start()

    def cpu_s(self) -> float:
        return self._lost_cpu_s + sum(cpu_seconds(process.pid) for process in self.processes)


@contextmanager
def workers(site: Site) -> Iterator[Crew]:
    with ExitStack() as stack:
        yield Crew(site, stack)


def check_posters(site: Site, movies: list[ReplicaMovie], planned: dict[int, Kind]) -> list[str]:
    """Errors: good movies must have one poster with the right bytes, bad ones a reason."""
    wrong = []
    stored: dict[int, list[str]] = {}
    query = "SELECT m.tmdb_id, p.sha256 FROM catalog_poster p JOIN catalog_movie m ON m.id = p.movie_id"
    for tmdb_id, sha256 in site.rows(query):
        stored.setdefault(tmdb_id, []).append(sha256)
    query = (
        "SELECT m.tmdb_id, i.state, i.error FROM catalog_runitem i JOIN catalog_movie m ON m.id = i.movie_id"
    )
    items = {tmdb_id: (state, error) for tmdb_id, state, error in site.rows(query)}
    for movie in movies:
        number = movie.tmdb_id or 0
        kind = planned.get(number)
        state, error = items[number]
        posters = stored.get(number, [])
        if kind is not None and kind.bad:
            if posters or state != "failed" or not error:
                wrong.append(f"movie {number} ({kind.name}): {state}, {error!r}, {len(posters)} posters")
        elif posters != [hashlib.sha256(picture(number - FIRST_ID)).hexdigest()] or state != "done":
            wrong.append(f"movie {number} ({kind.name if kind else 'good'}): {state}, {error!r}")
    return wrong


def check_rate(replica: Replica, limit: float, report: dict[str, object], name: str) -> list[str]:
    """Report the most requests within WINDOW_S, by the replica's clock; an error if there were too many."""
    times = sorted(moment for moment, _, _ in replica.log)
    most = 0
    start = 0
    for end, moment in enumerate(times):
        while moment - times[start] >= WINDOW_S:
            start += 1
        most = max(most, end - start + 1)
    report[f"{name}_most_a_second_over_{WINDOW_S:.0f}_s"] = round(most / WINDOW_S, 2)
    report[f"{name}_mean_a_second"] = round(len(times) / (times[-1] - times[0]), 2)
    # One more fits into a window that begins between two requests.
    return [f"{most} requests within {WINDOW_S:.0f} s"] if most > limit * WINDOW_S + 1 else []


def reasons(site: Site, planned: dict[int, Kind]) -> dict[str, str]:
    """An example of the reason, for each kind of movie without a poster."""
    query = (
        "SELECT m.tmdb_id, i.error FROM catalog_runitem i JOIN catalog_movie m ON m.id = i.movie_id"
        " WHERE i.state = 'failed'"
    )
    return {planned[number].name: error for number, error in site.rows(query) if number in planned}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a new folder for the site")
    parser.add_argument("--movies", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
