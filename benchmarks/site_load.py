"""Requests per second of the site's web server: wall, search, movie, compare, review queue and API, mixed.

    python -m benchmarks.site_load --var COPY [--seconds 20] [--clients 8] [--rounds 2]
    python -m benchmarks.site_load --var COPY --code OTHER --other-var COPY2      two versions in alternation

COPY is a copy of a site's var folder: it is migrated, and an account `benchmark` is added. Starts the site's
web server on loopback. Each client requests one page after the other on a persistent connection, starting at
a different page; the review queue is requested signed in. Where other programs share the cores, compare the
CPU time of the server for a request (Linux only).
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._scratch_site import HOST, ROOT, cpu_seconds, environment, free_port, started
from benchmarks.slow_clients import SERVERS

MIX = ("wall", "search", "movie", "compare", "review queue", "API list")
SIGNED_IN = {"review queue"}
WARM_UP_S = 4.0
PATIENCE_S = 30.0


@dataclass
class Version:
    """One version of the site: its source, its var folder, and what was measured."""

    name: str
    code: Path
    var: Path
    pages: list[tuple[str, str]] = field(default_factory=list)
    cookie: str = ""
    rates: list[float] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in MIX})
    cpu_s: float = 0.0
    errors: int = 0


def main() -> None:
    options = _options()
    versions = [Version("this version", ROOT, options.var.resolve())]
    if options.code:
        versions.insert(0, Version(str(options.code), options.code.resolve(), options.other_var.resolve()))
    for version in versions:
        prepare(version)
    for _ in range(options.rounds):
        for version in versions:
            measure(version, options.clients, options.seconds)
    for version in versions:
        report(version)


def prepare(version: Version) -> None:
    """Migrate the site; get the URLs of its pages and a session cookie."""
    arguments = ["--addresses", "--var", str(version.var), "--code", str(version.code)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.page_costs", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    found = json.loads(done.stdout)
    version.pages = [(name, found["pages"][name]) for name in MIX]
    version.cookie = found["cookie"]


def measure(version: Version, clients: int, seconds: float) -> None:
    """Start the version's server, warm it up, and record the responses that `clients` got in `seconds`."""
    port = free_port()
    has_own = (version.code / "postersite" / "web" / "gunicorn_settings.py").exists()
    command = SERVERS["site" if has_own else "gthread"]
    with started(
        [sys.executable, "-m", *(part.format(address=f"{HOST}:{port}") for part in command)],
        port,
        folder=version.code,
        env=environment(version.var, PYTHONPATH=str(version.code)),
    ) as server:
        load(version, port, clients, WARM_UP_S)
        before = cpu_seconds(server.pid)
        found = load(version, port, clients, seconds)
        version.cpu_s += cpu_seconds(server.pid) - before
    answered = 0
    for name, took, status in found:
        if status == 200:
            answered += 1
            version.waits[name].append(took)
        else:
            version.errors += 1
    version.rates.append(answered / seconds)


def load(version: Version, port: int, clients: int, seconds: float) -> list[tuple[str, float, int]]:
    """Page, seconds and status (0: no response) of each request that ended in time."""
    found: list[tuple[str, float, int]] = []
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
        while True:
            name, address = version.pages[number % len(version.pages)]
            number += 1
            headers = {"Host": "localhost", "Accept-Encoding": "gzip"}
            if name in SIGNED_IN:
                headers["Cookie"] = version.cookie
            began = time.monotonic()
            try:
                connection.request("GET", address, headers=headers)
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            ended = time.monotonic()
            if ended > until:
                break
            found.append((name, ended - began, status))
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def report(version: Version) -> None:
    each = ", ".join(f"{rate:.1f}" for rate in version.rates)
    print(
        f"{version.name}: {statistics.median(version.rates):.1f} requests/s ({each}), errors {version.errors}"
    )
    every = [wait for waits in version.waits.values() for wait in waits]
    if every and version.cpu_s:
        print(f"    {1000 * version.cpu_s / len(every):.1f} ms of CPU a request")
    for name, waits in {"all": every, **version.waits}.items():
        if len(waits) > 1:
            p50, p95 = statistics.median(waits), statistics.quantiles(waits, n=20)[-1]
            print(f"    {name:14} {len(waits):6} requests   p50 {p50:.3f} s   p95 {p95:.3f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--var", type=Path, required=True, help="a copy of a site's var folder")
    parser.add_argument("--code", type=Path, help="another version to measure in alternation")
    parser.add_argument("--other-var", type=Path, help="that version's own copy of the var folder")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if bool(options.code) != bool(options.other_var):
        parser.error("--code and --other-var go together")
    if not (1 <= options.clients <= 200 and 1 <= options.seconds <= 300 and 1 <= options.rounds <= 20):
        parser.error("1 to 200 clients, 1 to 300 seconds, 1 to 20 rounds")
    return options


if __name__ == "__main__":
    main()
