"""The cost of accepting 10,000 suggestions at once, and of undoing that and an import of 10,500 titles.

    python -m benchmarks.many_decisions --work FOLDER [--suggestions 10000] [--movies 10500]

Makes a site in the new FOLDER (or in the empty database that DATABASE_URL names). Each request is
measured, then the run that it started is processed in this process. Another process writes during each run:
its longest wait is how long the run blocks other writers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._scratch_site import open_site, other_writer, queue_nothing, signed_in


def main() -> None:
    options = _options()
    open_site(options.work)
    measure(options.suggestions, options.movies)


def measure(suggestions: int, movies: int) -> None:
    """Print a line for each request and each run."""
    from django.urls import reverse

    from catalog.models import DecisionBatch, Movie, Run
    from catalog.runs import local_worker
    from catalog.titles.formats.records import TitleRecord
    from catalog.titles.importing import import_titles

    queue_nothing()
    rows = (TitleRecord(f"Film {n}", 1950 + n % 70, tmdb_id=n) for n in range(1, movies + 1))
    imported, _ = import_titles(rows, "benchmark")
    suggest(suggestions)
    client = signed_in()
    sure = reverse("admin:catalog_reviewqueue_sure")
    undo = reverse("admin:catalog_run_undo", args=[imported.pk])
    wall = reverse("admin:catalog_reviewqueue_accept") + "?sure=on"
    client.get(sure, follow=True)  # templates and imports

    def process(what: str) -> None:
        with other_writer() as waits:
            run = Run.objects.filter(state="queued").get()
            _timed(what, lambda: local_worker.process_run(run))
        print(f"  longest wait of another writer {max(waits) * 1000:.0f} ms")

    _timed("page of posters", lambda: client.get(wall))
    _timed("last page of posters", lambda: client.get(f"{wall}&page=1000"))
    shown = list(Movie.objects.filter(suggestions__isnull=False).distinct().values_list("pk", flat=True)[:60])
    form = {"shown": shown, "excluded": []}
    _timed("a click on a poster", lambda: client.post(wall, form, headers={"HX-Request": "true"}))
    _timed("request to accept", lambda: client.post(sure, {"last": 10**9}))
    process("run that accepts")
    batch = DecisionBatch.objects.get()
    _timed("page of the batch", lambda: client.get(batch.get_absolute_url()))
    address = reverse("admin:catalog_decisionbatch_undo", args=[batch.pk])
    _timed("request to undo the batch", lambda: client.post(address))
    process("run that undoes the batch")
    _timed("page before undoing the import", lambda: client.get(undo))
    _timed("request to preview that", lambda: client.post(undo, {"action": "preview"}))
    process("run that previews it")
    _timed("request to undo the import", lambda: client.post(undo))
    process("run that undoes the import")
    assert batch.decisions.count() == suggestions
    assert Movie.objects.count() == len(set(batch.decisions.values_list("movie", flat=True)))


def suggest(number: int) -> None:
    """Create `number` sure suggestions, three for each movie."""
    from catalog.models import Extractor, Genre, GenreModel, Movie, Suggestion

    genres = [Genre.objects.create(name=name, slug=name.lower()) for name in ("Comedy", "Drama", "Horror")]
    extractor = Extractor.objects.create(spec="pixels", fingerprint="pixels:benchmark", dims=8)
    model = GenreModel.objects.create(
        version=1000,
        recipe="logistic",
        extractor=extractor,
        genres=[genre.name for genre in genres],
        thresholds=[0.5] * len(genres),
        dataset_fingerprint="0" * 64,
        weights_file="none.npz",
        weights_sha256="0" * 64,
    )
    wanted = [(movie, genre) for movie in Movie.objects.order_by("pk") for genre in genres][:number]
    Suggestion.objects.bulk_create(
        [
            Suggestion(
                movie=movie, genre=genre, model=model, poster_sha256="", score=0.9, threshold=0.5, sure=True
            )
            for movie, genre in wanted
        ],
        batch_size=2000,
    )


def _timed(what: str, do: Callable[[], Any]) -> None:
    from django.db import connection

    queries = 0

    def count(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*given)

    began, cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count):
        result = do()
    assert getattr(result, "status_code", 200) < 400
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what:<32} {seconds:6.2f} s, {cpu:6.2f} CPU s, {queries} queries")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a new folder for the site")
    parser.add_argument("--suggestions", type=int, default=10_000)
    parser.add_argument("--movies", type=int, default=10_500)
    return parser.parse_args()


if __name__ == "__main__":
    main()
