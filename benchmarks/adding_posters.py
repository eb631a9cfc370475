"""Adding one poster to the index of look-alikes, compared with building the index again.

    OMP_NUM_THREADS=1 python -m benchmarks.adding_posters --work FOLDER [--rows 10500 200000] [--json FILE]

Makes a site with as many posters and random vectors of 256 numbers in the new FOLDER (or in the empty
database that DATABASE_URL names). Each time is from the embedding in memory until a process that has the
index open has found it: once by storing it and reading what is newer than the files, once by storing it,
building the files and opening them. *Full*: nearly as many rows were added before as a process reads at most.
*Nothing added*: what a page pays to open the index. Milliseconds, median (minimum-maximum).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._scratch_site import open_site

if TYPE_CHECKING:
    from catalog.models import Extractor

ROWS, DIMS, SEED, AT_ONCE = (10_500, 200_000), 256, 20261129, 5000
NAMES = ("added", "added, full", "rebuilt", "nothing added")


def make_posters(number: int) -> None:
    """Store that many movies with a poster each."""
    from django.utils import timezone

    from catalog.models import Movie, Poster

    facts = {"width": 2, "height": 3, "fetched_at": timezone.now(), "is_primary": True}
    for start in range(1, number + 1, AT_ONCE):
        keys = range(start, min(start + AT_ONCE, number + 1))
        Movie.objects.bulk_create(Movie(pk=key, title=f"Film {key}") for key in keys)
        Poster.objects.bulk_create(
            Poster(pk=key, movie_id=key, sha256=f"{key:064x}", perceptual_hash=f"{key:016x}", **facts)
            for key in keys
        )


def embed(extractor: Extractor, posters: Iterator[int], number: int, random: np.random.Generator) -> None:
    from catalog.models import Embedding

    for start in range(0, number, AT_ONCE):
        vectors = random.standard_normal((min(AT_ONCE, number - start), DIMS)).astype("<f2")
        Embedding.objects.bulk_create(
            Embedding(poster_id=next(posters), extractor=extractor, vector=vector.tobytes())
            for vector in vectors
        )


def measure(rows: int, repetitions: int) -> dict[str, Any]:
    from catalog.embeddings import embedding, index_files
    from catalog.models import Embedding, Extractor

    random = np.random.default_rng(SEED)
    extractor = Extractor.objects.create(spec="postersite", fingerprint=f"benchmark-{rows}", dims=DIMS)
    posters = iter(range(1, rows + 2 * index_files.MOST_CHANGES))
    embed(extractor, posters, rows, random)

    def rebuild() -> None:
        if not index_files.build(extractor):
            raise SystemExit("The index was not built.")

    def add(build: Callable[[], None]) -> float:
        vector, key = random.standard_normal(DIMS).astype("<f2"), next(posters)
        row = Embedding(poster_id=key, extractor=extractor, vector=vector.tobytes())
        began = time.perf_counter()
        embedding._store([row])
        build()
        loaded = index_files.open_index(extractor, "cosine")
        found = loaded.search.query(vector[None, :], 5)[1]
        taken = time.perf_counter() - began
        if key not in found:
            raise SystemExit(f"Poster {key} was not found.")
        return taken * 1000

    def opened() -> float:
        began = time.perf_counter()
        index_files.open_index(extractor, "cosine")
        return (time.perf_counter() - began) * 1000

    rebuild()
    index_files.open_index(extractor, "cosine")
    few = max(3, repetitions // 5)
    times = {"added": [add(lambda: None) for _ in range(repetitions)]}
    times["nothing added"] = [opened() for _ in range(5 * repetitions)]
    most = index_files.MOST_CHANGES - 2 * repetitions
    embed(extractor, posters, most, random)
    index_files.open_index(extractor, "cosine")
    times["added, full"] = [add(lambda: None) for _ in range(repetitions)]
    times["rebuilt"] = [add(rebuild) for _ in range(few)]
    return {"rows": rows, "ms": times}


def table(results: list[dict[str, Any]]) -> str:
    lines = [f"| rows | {' | '.join(NAMES)} | rebuilt / added |", "|---" * (len(NAMES) + 2) + "|"]
    for result in results:
        times = [result["ms"][name] for name in NAMES]
        cells = [f"{statistics.median(each):,.2f} ({min(each):,.2f}–{max(each):,.2f})" for each in times]
        ratio = statistics.median(times[2]) / statistics.median(times[0])
        lines.append(f"| {result['rows']:,} | {' | '.join(cells)} | {ratio:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a new folder for the site")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the results there")
    options = parser.parse_args()
    open_site(options.work)
    from catalog.embeddings import index_files

    make_posters(max(options.rows) + 2 * index_files.MOST_CHANGES)
    results = [measure(rows, options.repetitions) for rows in options.rows]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
