"""Shared by the benchmarks of a site: its environment, servers on loopback, and another writing process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
MANAGE = [sys.executable, str(ROOT / "manage.py")]
_WRITER = """
import json, select, sys, time, django
django.setup()
from django.db import OperationalError
from catalog.models import Movie
Movie.objects.filter(pk=0).update(title="")
print("ready", flush=True)
waits = []
while not select.select([sys.stdin], [], [], 0.01)[0]:
    began = time.monotonic()
    try:
        Movie.objects.filter(pk=0).update(title="")
    except OperationalError:
        pass  # timed out
    waits.append(time.monotonic() - began)
print(json.dumps(waits))
"""


def environment(var: Path, **settings: str) -> dict[str, str]:
    """The environment of a site in the folder `var`, for processes and for `open_site`."""
    return {
        **os.environ,
        "POSTERSITE_VAR": str(var.resolve()),
        "DJANGO_SETTINGS_MODULE": "postersite.settings",
        "PYTHONPATH": str(ROOT),
        **settings,
    }


def open_site(var: Path, **settings: str) -> None:
    """Migrate the site in `var`, collect its static files, and set Django up for it in this process.

    The source is that of the current folder.
    """
    os.environ |= environment(var, **settings)
    for command in (["migrate"], ["collectstatic", "--noinput", "--clear"]):
        subprocess.run([sys.executable, "manage.py", *command, "--verbosity", "0"], check=True)
    import django

    django.setup()


def queue_nothing() -> None:
    """Let runs that start in this process send no tasks, as there is no broker."""
    from catalog.runs import lifecycle

    lifecycle.enqueue = lambda *_, **__: 0


def superuser() -> User:
    """The account `benchmark`."""
    from django.contrib.auth import get_user_model

    defaults = {"is_staff": True, "is_superuser": True}
    return get_user_model().objects.update_or_create(username="benchmark", defaults=defaults)[0]


def signed_in() -> Client:
    """A test client signed in as `superuser`."""
    from django.test import Client

    client = Client(headers={"Host": "localhost"})
    client.force_login(superuser())
    return client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def visit(port: int, path: str, timeout_s: float) -> tuple[float, int]:
    """Seconds until the page has arrived, on a new connection, and its status; 0 when none arrived."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return time.monotonic() - began, status


@contextmanager
def started(
    command: list[str],
    port: int,
    *,
    folder: Path = ROOT,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `folder` until the block ends; the block begins when `port` serves /robots.txt."""
    with running(command, folder=folder, env=env, log=log) as process:
        deadline = time.monotonic() + 120
        while visit(port, "/robots.txt", 5)[1] != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start: {' '.join(command)}")
            time.sleep(0.2)
        yield process


@contextmanager
def running(
    command: list[str],
    *,
    folder: Path = ROOT,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `folder`, in a process group of its own, until the block ends."""
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def site_with_posters(var: Path, posters: Iterable[Path], **settings: str) -> Iterator[None]:
    """A site in `var` with a film for each poster and a broker, set up for this process as by `open_site`.

    Workers and servers that are started within the block belong to it: their environment is `os.environ`.
    """
    open_site(var, DATABASE_URL=f"sqlite:///{var.resolve() / 'db.sqlite3'}", REDIS_URL="", **settings)
    from catalog.models import Movie
    from catalog.posters.primary import store_poster
    from postersite.launcher.programs import broker_program

    broker = broker_program()
    assert broker.ready is not None
    with running(broker.command) as process:
        while not broker.ready():
            assert process.poll() is None, "the broker does not start"
            time.sleep(0.02)
        for number, file in enumerate(posters, start=1):
            film, created = Movie.objects.get_or_create(title=f"Film {number}", tmdb_id=number)
            if created:
                store_poster(film, file.read_bytes(), source="upload")
        yield


def children_of(pid: int) -> list[int]:
    """Child processes of all threads of a process (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += map(int, task.joinpath("children").read_text().split())
    return found


def cpu_seconds(group: int) -> float:
    """CPU seconds that the processes of a process group have used; 0 without /proc."""
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def other_writer(env: Mapping[str, str] | None = None) -> Iterator[list[float]]:
    """While the block runs, another process writes to the site's database about every 10 ms.

    Afterwards the list holds how long each write took, in seconds: SQLite has one lock for all writers.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER],
        cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    waits: list[float] = []
    try:
        yield waits
    finally:
        process.stdin.close()
        waits += json.loads(process.stdout.read())
        process.wait()
