"""How long the web process and a worker take to start, how much memory they need, and what it is spent on.

    python -m benchmarks.cold_start --data FOLDER --work FOLDER [--weights FOLDER] [--turns 5] [--json FILE]

FOLDER of --data holds posters/; FOLDER of --work holds the site that this makes, with 32 of them. In turns:

- web: from starting gunicorn until the wall of posters has been answered;
- worker: from starting a Celery worker until the task in its queue, which embeds the posters, is done;
- Python that imports nothing, and Python that imports TensorFlow, as the recipe's programs do.

Seconds, wall and CPU of all processes, as median (minimum-maximum). Memory is that of the worker after all
posters are embedded, by the extractor `postersite` and, with --weights, by MobileNetV2, and that of the
recipe's process after it has embedded eight by MobileNetV2: the most each process held, and `Pss`, in which
memory that processes share is divided among them. At last, the imports that take longest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._figures import markdown, memory_mb, spread, write_json
from benchmarks._recipe import vector_function
from benchmarks._scratch_site import (
    HOST,
    children_of,
    cpu_seconds,
    free_port,
    running,
    site_with_posters,
    visit,
)  # fmt: skip

POSTERS, RECIPE_POSTERS = 32, 8
"""32 are one task of a worker."""
WITHIN_S = 300.0
PROGRAMS = {
    "web": "import django; django.setup(); import postersite.wsgi, postersite.urls",
    "worker": "import django; django.setup(); import postersite.celery, catalog.tasks",
}
"""What each process imports."""
Seconds = tuple[float, float]


def main() -> None:
    options = _options()
    files = sorted((options.data / "posters").glob("*.jpg"))[:POSTERS]
    weights = {"POSTERSITE_WEIGHTS": str(options.weights.resolve())} if options.weights else {}
    extractors = ["postersite", *(["mobilenet_v2"] if options.weights else [])]
    with site_with_posters(options.work, files, **weights):
        results: dict[str, Any] = {"seconds": start_times(options.turns)}
        results["memory"] = {f"worker, {each}": worker_memory(each) for each in extractors}
        results["imports"] = {name: slowest_imports(code) for name, code in PROGRAMS.items()}
    if options.weights:
        results["memory"]["recipe, mobilenet_v2"] = recipe_memory(files, options.weights)
    write_json(options.json, results)
    print(table(results))


def start_times(turns: int) -> dict[str, list[Seconds]]:
    """Wall and CPU seconds of each start; a first turn is not counted."""
    programs: dict[str, Callable[[], Seconds]] = {
        "nothing": lambda: python("pass"),
        "TensorFlow": lambda: python("import tensorflow"),
        "web": start_web,
        "worker": start_worker,
    }
    found: dict[str, list[Seconds]] = {name: [] for name in programs}
    for turn in range(turns + 1):
        for name, start in programs.items():
            took = start()
            if turn:
                found[name].append(took)
    return found


def python(code: str) -> Seconds:
    before, began = _children_cpu(), time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - began, _children_cpu() - before


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start_web() -> Seconds:
    from postersite.launcher.programs import web_program

    port = free_port()
    program = web_program(HOST, port, f"http://{HOST}:{port}/")
    began = time.monotonic()
    with running(program.command) as process:
        _wait(lambda: visit(port, "/", 30)[1] == 200, process)
        return time.monotonic() - began, cpu_seconds(process.pid)


def start_worker() -> Seconds:
    from postersite.launcher.programs import worker_program

    is_done = _queue_embedding("postersite")
    began = time.monotonic()
    with running(worker_program("ml", 1).command) as process:
        _wait(is_done, process)
        return time.monotonic() - began, cpu_seconds(process.pid)


def worker_memory(extractor: str) -> dict[str, float]:
    """MB of a worker with one child process, which has embedded all posters."""
    from postersite.launcher.programs import worker_program

    is_done = _queue_embedding(extractor)
    with running(worker_program("ml", 1).command) as process:
        _wait(is_done, process)
        [child] = children_of(process.pid)
        return {
            "most": memory_mb(child),
            "Pss": memory_mb(child, "Pss"),
            "parent's Pss": memory_mb(process.pid, "Pss"),
        }


def _queue_embedding(extractor: str) -> Callable[[], bool]:
    """Start a run that embeds all posters anew; returns a test whether it is done."""
    from catalog.models import Embedding, RunItem
    from catalog.runs import lifecycle

    Embedding.objects.all().delete()
    run = lifecycle.start("embed", params={"extractors": [extractor]})
    done = RunItem.objects.filter(run=run, state=RunItem.State.DONE)
    return lambda: done.count() == POSTERS


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert process.poll() is None, "the process ended"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def recipe_memory(files: list[Path], weights: Path) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_recipe_memory, files[:RECIPE_POSTERS], weights).result()


def _recipe_memory(files: list[Path], weights: Path) -> dict[str, float]:
    vector = vector_function("mobilenet_v2", weights)
    for file in files:
        vector(file)
    return {"most": memory_mb(), "Pss": memory_mb(name="Pss")}


def slowest_imports(code: str, count: int = 12) -> dict[str, float]:
    """CPU milliseconds of the imports of `code` by package, without what each imports itself."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], check=True, capture_output=True, text=True
    )
    spent: Counter[str] = Counter()
    for own, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", done.stderr, re.MULTILINE):
        parts = module.split(".")
        spent[".".join(parts[: 2 if parts[0] in ("catalog", "ml", "django") else 1])] += int(own)
    total = {"all": spent.total()}
    return {name: micros / 1000 for name, micros in (total | dict(spent.most_common(count))).items()}


def table(results: dict[str, Any]) -> str:
    starts = [
        [name, spread([wall for wall, _ in each], 2), spread([cpu for _, cpu in each], 2)]
        for name, each in results["seconds"].items()
    ]
    recipe = results["memory"].get("recipe, mobilenet_v2")
    memory = [
        [
            name,
            *(f"{each[key]:.0f}" if key in each else "" for key in ("most", "Pss", "parent's Pss")),
            f"{each['most'] / recipe['most']:.2f}" if recipe else "",
        ]
        for name, each in results["memory"].items()
    ]
    imports = [
        [name, ", ".join(f"{package} {ms:.0f}" for package, ms in each.items())]
        for name, each in results["imports"].items()
    ]
    return "\n\n".join(
        [
            markdown(["start", "wall s", "CPU s"], starts),
            markdown(["memory in MB", "most", "Pss", "Pss of the parent", "of the recipe's"], memory),
            markdown(["process", "ms of its imports"], imports),
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with posters/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the site that this makes")
    parser.add_argument("--weights", type=Path, help="folder of ConvNet weights")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the results there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
