"""The cost of a run over 60,000 movies: starting, leasing items, showing progress, cancelling and retrying.

    python -m benchmarks.large_runs --work FOLDER [--movies 60000]

Makes a site of titles without posters in the new FOLDER (or in the empty database that DATABASE_URL names),
starts a run that fetches posters for all of them and times each step, without a broker and without fetching
anything. Another process writes meanwhile: its longest wait is how long the start, or the creation of a
chunk, blocks other writers.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._scratch_site import open_site, other_writer, queue_nothing, signed_in

ROUNDS = 100


def main() -> None:
    options = _options()
    open_site(options.work)
    queue_nothing()
    for what, figure in measure(options.movies).items():
        print(f"{what:<48} {figure}")


def measure(movies: int) -> dict[str, Any]:
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
    with other_writer() as waits:
        began = time.perf_counter()
        run = lifecycle.start("scrape", queue=False)
        found["start returns after, s"] = round(time.perf_counter() - began, 3)
    found["start: longest wait of another writer, ms"] = round(max(waits) * 1000)
    found["second start finds"] = lifecycle.outstanding()["scrape"]
    with other_writer() as waits:
        chunks = []
        began = time.perf_counter()
        while materialise_next(run.pk):
            chunks.append(time.perf_counter() - began)
            # On a real site 250 items are processed before the next chunk.
            time.sleep(0.05)
            began = time.perf_counter()
    if chunks:
        found["creating a chunk, ms: mean, longest"] = [
            round(1000 * sum(chunks) / len(chunks)), round(1000 * max(chunks)),
        ]  # fmt: skip
    found["chunks: longest wait of another writer, ms"] = round(max(waits) * 1000)
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
    client = signed_in()
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
    parser.add_argument("--work", type=Path, required=True, help="a new folder for the site")
    parser.add_argument("--movies", type=int, default=60_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
