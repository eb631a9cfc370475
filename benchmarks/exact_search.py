"""Exact search for look-alikes against faiss: how the cost of a query grows with the number of posters.

    python -m pip install faiss-cpu==1.15.1
    OMP_NUM_THREADS=1 python -m benchmarks.exact_search --work FOLDER [--rows 1000 10500] [--json FILE]

Random unit vectors with 256 numbers, stored as float16. Ours is `ml.search.neighbours.ExactIndex` over
memory-mapped files as the site has them, with a hub correction and without; faiss is IndexScalarQuantizer
(QT_fp16, inner product) with a copy in memory. Both use one thread and take turns. Each figure is the median
(minimum-maximum) of the milliseconds per query for the 5 nearest. At a million rows FOLDER needs 1 GB; the
files are deleted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._figures import markdown, spread, summary, write_json
from ml.search.codes import read_codes, write_codes
from ml.search.hubness import HubCorrection
from ml.search.neighbours import ExactIndex
from ml.vectors import unit_vectors

ROWS = (1_000, 10_500, 100_000, 200_000, 1_000_000)
DIMS, NEAREST, SEED = 256, 5, 20261129
_PART = 10_000


def write_vectors(path: Path, rows: int, random: np.random.Generator) -> None:
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, DIMS))
    for start in range(0, rows, _PART):
        part = stored[start : start + _PART]
        part[:] = unit_vectors(random.standard_normal(part.shape, dtype=np.float32))
    stored.flush()


def faiss_index(vectors: np.ndarray) -> Any:
    import faiss  # type: ignore[import-not-found,import-untyped,unused-ignore]

    faiss.omp_set_num_threads(1)
    index = faiss.IndexScalarQuantizer(DIMS, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:1000].astype(np.float32))
    for start in range(0, len(vectors), _PART):
        index.add(vectors[start : start + _PART].astype(np.float32))
    return index


def in_turns(
    searches: dict[str, Callable[[int], object]], queries: int, repetitions: int
) -> dict[str, list[float]]:
    """Milliseconds per query of each search. It receives the number of the repetition; -1 is not counted."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for repetition in range(-1, repetitions):
        for name, search in searches.items():
            started = time.perf_counter()
            search(repetition)
            if repetition >= 0:
                times[name].append((time.perf_counter() - started) * 1000 / queries)
    return times


def measure(rows: int, folder: Path, repetitions: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(SEED)
    path = folder / f"exact_search-{rows}.npy"
    codes = {name: (folder / f"{name}.npy", folder / f"{name}.npz") for name in ("corrected", "plain")}
    try:
        write_vectors(path, rows, random)
        vectors = np.load(path, mmap_mode="r")
        correction = HubCorrection(
            random.normal(0, 0.02, DIMS).astype(np.float32), random.normal(0.1, 0.03, rows).astype(np.float32)
        )
        started = time.perf_counter()
        write_codes(vectors, "cosine", correction, codes["corrected"])
        codes_s = time.perf_counter() - started
        write_codes(vectors, "cosine", None, codes["plain"])
        started = time.perf_counter()
        corrected = ExactIndex(vectors, "cosine", correction, read_codes(codes["corrected"], vectors.shape))
        open_s = time.perf_counter() - started
        plain = ExactIndex(vectors, codes=read_codes(codes["plain"], vectors.shape))
        theirs = faiss_index(vectors)
        found = []
        for count in (1, 100):
            queries = random.standard_normal((repetitions + 1, count, DIMS), dtype=np.float32)
            queries = unit_vectors(queries)
            searches: dict[str, Callable[[int], object]] = {
                "ours": lambda turn, q=queries: corrected.query(q[turn], NEAREST),  # type: ignore[misc]
                "without correction": lambda turn, q=queries: plain.query(q[turn], NEAREST),  # type: ignore[misc]
                "faiss": lambda turn, q=queries: theirs.search(q[turn], NEAREST),  # type: ignore[misc]
            }
            times = in_turns(searches, count, repetitions if count == 1 else max(3, repetitions // 4))
            same = float(
                (plain.query(queries[0], NEAREST)[1] == theirs.search(queries[0], NEAREST)[1]).mean()
            )
            found.append(
                {"rows": rows, "queries": count, "same_as_faiss": same, "ms": times}
                | {"codes_s": codes_s, "open_s": open_s}
            )
        return found
    finally:
        for file in (path, *(file for files in codes.values() for file in files)):
            file.unlink(missing_ok=True)


def table(results: list[dict[str, Any]]) -> str:
    names = ("ours", "without correction", "faiss")
    rows = []
    for result in results:
        times = [result["ms"][name] for name in names]
        ratio = summary(times[0])["median"] / summary(times[-1])["median"]
        cells = [spread(each, 2) for each in times]
        opened = f"{result['open_s']:.2f} s"
        rows.append([f"{result['rows']:,}", result["queries"], *cells, f"{ratio:.2f}", opened])
    return markdown(["rows", "queries at once", *names, "ours / faiss", "opened in"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the vectors")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--json", type=Path, help="write the results there")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    results = [each for rows in options.rows for each in measure(rows, options.work, options.repetitions)]
    write_json(options.json, results)
    print(table(results))


if __name__ == "__main__":
    main()
