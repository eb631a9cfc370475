"""Requests per second of the site's web server: wall, search, movie, compare, review queue and API, mixed.

    python -m benchmarks.site_load --var FOLDER --films 10500 [--seconds 15] [--clients 8] [--rounds 3]
    python -m benchmarks.site_load --var COPY                                    a copy of a site's var folder
    python -m benchmarks.site_load --var COPY --code OTHER --other-var COPY2     two versions in alternation

The folder's site is migrated, and an account `benchmark` is added; with --films, an empty site is filled with
invented films. Starts the site's web server on loopback. Each client requests one page after the other on a
connection, and connects again after 20; each kind of page has many addresses (other films, words and pages of
the list), except the review queue, which is requested signed in. After the mix, each kind is requested alone.

Prints the median of the rounds with minimum and maximum; --json FILE writes the same. CPU times are those of
all server processes (Linux only). The load generator uses one thread; its share of all CPU time is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._load import Answer, Request, load
from benchmarks._scratch_site import HOST, ROOT, cpu_seconds, environment, free_port, started
from benchmarks.slow_clients import SERVERS

MIX = ("wall", "search", "movie", "compare", "review queue", "API list")
SIGNED_IN = {"review queue"}
WARM_UP_S = 4.0
FIGURES = {
    "requests_per_s": "requests/s",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "cpu_ms": "CPU ms a request",
    "client_share": "CPU share of the clients",
}


@dataclass
class Version:
    """One version of the site, and the figures of each round by what was requested."""

    name: str
    code: Path
    var: Path
    requests: dict[str, list[Request]] = field(default_factory=dict)
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    errors: int = 0

    @property
    def mix(self) -> list[Request]:
        """All kinds in turn, each time with its next address."""
        most = max(map(len, self.requests.values()))
        return [each[turn % len(each)] for turn in range(most) for each in self.requests.values()]


def main() -> None:
    options = _options()
    versions = [Version("this version", ROOT, options.var.resolve())]
    if options.code:
        versions.insert(0, Version(str(options.code), options.code.resolve(), options.other_var.resolve()))
    for version in versions:
        prepare(version, options.films)
    for _ in range(options.rounds):
        for version in versions:
            measure(version, options.clients, options.seconds, options.alone_seconds)
    found = {version.name: summary(version) for version in versions}
    for name, rows in found.items():
        report(name, rows)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def prepare(version: Version, films: int) -> None:
    """Migrate the site; get the addresses of its pages and a session cookie."""
    arguments = ["--addresses", "--var", str(version.var), "--code", str(version.code), "--films", str(films)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.page_costs", *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    found = json.loads(done.stdout)
    for kind in MIX:
        cookie = found["cookie"] if kind in SIGNED_IN else ""
        version.requests[kind] = [Request.get(kind, address, cookie) for address in found["pages"][kind]]


def measure(version: Version, clients: int, seconds: float, alone_seconds: float) -> None:
    """Start the version's server, warm it up, and record a round."""
    port = free_port()
    has_own = (version.code / "postersite" / "web" / "gunicorn_settings.py").exists()
    command = SERVERS["site" if has_own else "gthread"]
    with started(
        [sys.executable, "-m", *(part.format(address=f"{HOST}:{port}") for part in command)],
        port,
        folder=version.code,
        env=environment(version.var, PYTHONPATH=str(version.code)),
    ) as server:
        load(port, version.mix, clients, WARM_UP_S)
        for name, requests, length in (
            ("mix", version.mix, seconds),
            *((kind, version.requests[kind], alone_seconds) for kind in MIX if alone_seconds),
        ):
            cpu, own = cpu_seconds(server.pid), time.process_time()
            answers = load(port, requests, clients, length)
            own = time.process_time() - own
            cpu = cpu_seconds(server.pid) - cpu
            good = [each for each in answers if each.status == 200]
            version.errors += len(answers) - len(good)
            row = _times(good)
            row |= {
                "requests_per_s": len(good) / length,
                "cpu_ms": 1000 * cpu / len(answers),
                "client_share": own / (own + cpu),
            }
            version.rounds.setdefault(name, []).append(row)
            if name == "mix":
                for kind in MIX:
                    row = _times([each for each in good if each.kind == kind])
                    version.rounds.setdefault(f"{kind}, in the mix", []).append(row)


def _times(answers: list[Answer]) -> dict[str, float]:
    """Milliseconds."""
    waits = [1000 * each.seconds for each in answers]
    return {"p50_ms": statistics.median(waits), "p95_ms": statistics.quantiles(waits, n=20)[-1]}


def summary(version: Version) -> dict[str, Any]:
    """Median, minimum and maximum of each figure over the rounds, by what was requested."""
    of: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "min": min, "max": max}
    rows: dict[str, Any] = {
        name: {
            figure: {each: round(do([row[figure] for row in rounds]), 3) for each, do in of.items()}
            for figure in FIGURES
            if figure in rounds[0]
        }
        for name, rounds in version.rounds.items()
    }
    return {"rows": rows, "errors": version.errors}


def report(name: str, found: dict[str, Any]) -> None:
    print(f"{name}, {found['errors']} errors")
    print(f"  {'':26}" + "".join(f"{title:>26}" for title in FIGURES.values()))
    for row, figures in found["rows"].items():
        cells = [
            "{median:.4g} ({min:.4g}-{max:.4g})".format(**figures[each]) if each in figures else ""
            for each in FIGURES
        ]
        print(f"  {row:26}" + "".join(f"{cell:>26}" for cell in cells))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--var", type=Path, required=True, help="the site's var folder")
    parser.add_argument("--films", type=int, default=0, help="fill an empty site with so many invented films")
    parser.add_argument("--code", type=Path, help="another version to measure in alternation")
    parser.add_argument("--other-var", type=Path, help="that version's own copy of the var folder")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15, help="of the mix")
    parser.add_argument("--alone-seconds", type=float, default=3, help="of each kind alone; 0: not measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    if bool(options.code) != bool(options.other_var):
        parser.error("--code and --other-var go together")
    if not (1 <= options.clients <= 200 and 1 <= options.seconds <= 300 and 1 <= options.rounds <= 20):
        parser.error("1 to 200 clients, 1 to 300 seconds, 1 to 20 rounds")
    return options


if __name__ == "__main__":
    main()
