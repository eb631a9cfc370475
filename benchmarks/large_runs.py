"""What a run over 60,000 movies costs: starting, claiming, watching, cancelling and retrying it.

    python benchmarks/large_runs.py --work FOLDER [--movies 60000] [--json]

Makes a site of titles without posters in FOLDER (or in the database that DATABASE_URL names: an empty one of
its own), starts a fetching run over all of them and times each step, without a broker and without fetching
anything. Beside it another process writes all the while: the longest it had to wait is how long the start, or
the planning of a chunk, kept every writer of the site out (SQLite has one lock for all).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 100
WRITER = """
import os, sys, time, django
django.setup()
from django.db import OperationalError
from catalog.models import Movie
Movie.objects.filter(pk=0).update(title="")
print("ready", flush=True)
longest = 0.0
end = time.monotonic() + 600
stop = sys.argv[1]
while time.monotonic() < end and not os.path.exists(stop):
    began = time.monotonic()
    try:
        Movie.objects.filter(pk=0).update(title="")
    except OperationalError:
        pass  # it gave up
    longest = max(longest, time.monotonic() - began)
    time.sleep(0.002)
print(longest, flush=True)
"""


def main() -> None:
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "POSTERSITE_VAR": str(options.work / "var"),
        "DJANGO_SETTINGS_MODULE": "postersite.settings",
    }
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{options.work / 'large.sqlite3'}")
    # Nothing listens there: tasks are not queued, and saying so is not waited for.
    os.environ["REDIS_URL"] = f"unix://{options.work / 'no-broker.sock'}"
    sys.path.insert(0, str(ROOT))
    (options.work / "large.sqlite3").unlink(missing_ok=True)
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
    import django

    django.setup()
    found = measure(options.movies, options.work)
    for what, figure in found.items():
        print(json.dumps({what: figure}) if options.json else f"{what:<44} {figure}")


def measure(movies: int, work: Path) -> dict[str, Any]:
    """Seconds (s), milliseconds (ms) and mebibytes (MiB) by what was measured."""
    from catalog.models import Movie, RunItem
    from catalog.runs import leases, lifecycle
    from catalog.runs.chunks import materialise_next
    from catalog.runs.recovery import sweep

    for start in range(0, movies, 5000):
        Movie.objects.bulk_create(
            Movie(title=f"Film {n}", tmdb_id=n, imdb_id=f"tt{n:07}")
            for n in range(start + 1, min(start + 5000, movies) + 1)
        )
    found: dict[str, Any] = {"movies": movies}
    before = _peak_mib()
    with writing(work) as longest:
        began = time.perf_counter()
        run = lifecycle.start("scrape", queue=False)
        found["start returns after, s"] = round(time.perf_counter() - began, 3)
    found["start: longest another writer waited, ms"] = round(longest[0] * 1000)
    found["second start finds"] = lifecycle.outstanding()["scrape"]
    with writing(work) as longest:
        chunks = []
        began = time.perf_counter()
        while materialise_next(run.pk):
            chunks.append(time.perf_counter() - began)
            # On a real site 250 items are dealt with before the next.
            time.sleep(0.05)
            began = time.perf_counter()
    if chunks:
        found["planning a chunk, ms: mean, longest"] = [
            round(1000 * sum(chunks) / len(chunks)), round(1000 * max(chunks)),
        ]  # fmt: skip
    found["planning: longest another writer waited, ms"] = round(longest[0] * 1000)
    found["peak memory gained, MiB"] = round(_peak_mib() - before, 1)
    run.refresh_from_db()
    found["total"] = run.total

    found["claim of a batch, ms"], found["finish of an item, ms"] = claim_and_finish(run.pk)
    found["settle, ms"] = _each(20, lambda: lifecycle.settle(run.pk))
    found["is_owed, ms"] = _each(20, lambda: leases.has_work(run.pk))
    found["release_the_dead, ms"] = _each(20, lambda: leases.release_expired(run.pk))
    found["sweep, ms"] = _each(10, sweep)
    found |= pages(run)

    RunItem.objects.filter(pk__in=list(run.items.values_list("pk", flat=True)[: movies // 2])).exclude(
        state="done"
    ).update(state="failed")
    began = time.perf_counter()
    lifecycle.cancel(run)
    found["cancel, s"] = round(time.perf_counter() - began, 3)
    failed = run.items.filter(state="failed").count()
    began = time.perf_counter()
    again = lifecycle.retry_failed(run)
    found[f"retry_failed of {failed} returns after, s"] = round(time.perf_counter() - began, 3)
    found["retry's total"] = again.total
    return found


def claim_and_finish(run_id: int) -> tuple[float, float]:
    """Milliseconds that claiming a batch takes on average, and finishing one item of it."""
    from catalog.runs import leases

    claiming, finishing, items = 0.0, 0.0, 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        batch = leases.acquire_batch(run_id)
        claiming += time.perf_counter() - began
        began = time.perf_counter()
        for item in batch:
            leases.finish(item)
        finishing += time.perf_counter() - began
        items += len(batch)
    return round(claiming / ROUNDS * 1000, 2), round(finishing / items * 1000, 2)


def pages(run: Any) -> dict[str, Any]:
    """How long each page that shows progress takes, in milliseconds."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    user, _ = get_user_model().objects.get_or_create(username="ada", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    addresses = {
        "live banner": ("/runs/live/", {}),
        "run page": (run.get_absolute_url(), {}),
        "run page, last items": (f"{run.get_absolute_url()}?page=99999", {}),
        "run progress": (run.get_absolute_url(), {"HX-Request": "true", "HX-Target": "run-progress"}),
        "runs page": ("/runs/", {}),
        "run list": ("/runs/", {"HX-Request": "true", "HX-Target": "run-list"}),
        "admin's index": ("/admin/", {}),
    }

    def get(address: str, headers: dict[str, str]) -> None:
        assert client.get(address, headers=headers).status_code == 200

    return {f"{name}, ms": _each(5, partial(get, *address)) for name, address in addresses.items()}


@contextmanager
def writing(work: Path) -> Iterator[list[float]]:
    """While the block runs another process writes; the list then holds its longest wait in seconds."""
    stop = work / "stop"
    stop.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(stop)], cwd=ROOT, text=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    longest: list[float] = []
    yield longest
    stop.touch()
    longest.append(float(process.stdout.readline()))
    process.wait()


def _each(times: int, do: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(times):
        do()
    return round((time.perf_counter() - began) / times * 1000, 2)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder to work in")
    parser.add_argument("--movies", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
