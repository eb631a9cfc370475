"""A site in a folder of its own: database file, broker, and workers that a test may kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120.0  # of a busy machine
# What each script starts with. `in_processes(f, g)` runs f() and g() at the same time in a process each and
# returns their exit codes. They are forked, so that Django is set up once; the script itself must not open a
# connection, which they would share. `meet(3)` returns when three processes of the site have called it.
PRELUDE = """
import multiprocessing, os, pathlib, sys, time
import django
django.setup()
argv = sys.argv[1:]
def meet(count):
    here = pathlib.Path(os.environ["POSTERSITE_VAR"])
    (here / f"met-{os.getpid()}").touch()
    give_up = time.monotonic() + 120
    while len(list(here.glob("met-*"))) < count:
        assert time.monotonic() < give_up
        time.sleep(0.01)
def in_processes(*functions):
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=function) for function in functions]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]
"""
# `scrape()` starts a run that fetches posters for `argv[0]` movies, in chunks of `argv[1]`.
SCRAPE = """
from catalog.models import Movie
from catalog.runs import chunks, lifecycle
def scrape():
    chunks.KEYS_PER_CHUNK = int(argv[1])
    Movie.objects.bulk_create(
        Movie(title=f"Film {n}", tmdb_id=7_000_000 + n, imdb_id=f"tt{7_000_000 + n}")
        for n in range(int(argv[0]))
    )
    print(lifecycle.start("scrape", followed_by=argv[2:]).pk)
"""


@dataclass
class Site:
    """Processes started here use only this site: its folder, its broker and the given settings."""

    var: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("POSTERSITE_") and name not in ("DATABASE_URL", "REDIS_URL")
        }
        return inherited | {
            "POSTERSITE_VAR": str(self.var),
            "DATABASE_URL": f"sqlite:///{self.var / 'db.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "postersite.settings",
            "PYTHONPATH": str(ROOT),
            "KERAS_HOME": str(self.var / "keras"),
            **self.settings,
        }

    def fetch_from(self, url: str) -> None:
        """Let workers fetch posters from this replica, as fast as they can."""
        self.settings |= {
            "POSTERSITE_REPLICA_URL": url,
            "POSTERSITE_POSTER_SOURCES": "tmdb_page",
            "POSTERSITE_REQUESTS_PER_SECOND": "1000",
        }

    def start_python(self, code: str, *arguments: object) -> subprocess.Popen[str]:
        """Starts `code` in a process with Django set up; its arguments are in `argv`."""
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run_python(self, code: str, *arguments: object) -> str:
        """Runs `code` and returns its output."""
        return output_of(self.start_python(code, *arguments))

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.var / "db.sqlite3", timeout=30, isolation_level=None)
        try:
            return connection.execute(query, arguments).fetchall()
        finally:
            connection.close()

    def value(self, query: str, *arguments: object) -> Any:
        return self.rows(query, *arguments)[0][0]

    @contextmanager
    def worker(
        self, queues: str, processes: int, beat: bool = False, app: str = "postersite", quiet: bool = False
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker in a process group of its own, which is killed at the end if it still lives."""
        command = [sys.executable, "-m", "celery", "-A", app, *["--quiet"] * quiet]
        command += ["worker", "--queues", queues]
        command += ["--concurrency", str(processes), "--loglevel", "WARNING", "--without-gossip"]
        command += ["--without-mingle", "--hostname", f"test{time.monotonic_ns()}@%h"]
        if beat:
            command += ["--beat", "--schedule", str(self.var / "beat")]
        with (self.var / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            kill_group(process)


def output_of(process: subprocess.Popen[str]) -> str:
    """Waits for a script that must succeed."""
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    return out.strip()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a worker and all its children: no handler runs, no lease is released."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
