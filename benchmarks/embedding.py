"""From a JPEG to its vector: ours against the recipe's `load_img` and `predict`, and against LiteRT alone.

    python -m benchmarks.embedding --data FOLDER --weights FOLDER [--posters 200] [--turns 7] [--json FILE]

FOLDER of --data holds posters/. For MobileNetV2 and Inception-v3 `mixed8`, three processes take turns on the
same posters: the recipe (TensorFlow, one poster after the other), ours (`Extractor.embed_files`, decoding as
the recipe does: fully, nearest neighbour), and the runtime alone, which runs pictures that are decoded
already: one LiteRT interpreter for each core, nothing else. The recipe takes fewer posters in a turn.

Every vector of ours must equal the recipe's to 1e-4 (relative to the largest number, if that exceeds 1).
Printed are milliseconds per poster, wall and CPU, as median (minimum-maximum) over the turns; how many times
ours is faster, turn by turn; and ours as a share of the runtime's rate.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._figures import Stopwatch, markdown, memory_mb, ratios, spread, summary, write_json
from benchmarks._recipe import vector_function
from ml.extractors.export_cache import exported_model
from ml.extractors.runtime import load_extractor, resolve
from ml.imaging.images import load_pixels

SPECS = {"mobilenet_v2": "mobilenet_v2:nearest", "inception_v3": "inception_v3:mixed8:avg:nearest"}
AGREEMENT = 1e-4
DECODED = 16
"""Pictures that the runtime alone runs in turn."""


@dataclass(frozen=True)
class Turn:
    """Milliseconds per poster, the vectors if there are any, and the most memory that the process held."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float
    vectors: np.ndarray | None = None


def main() -> None:
    options = _options()
    files = sorted((options.data / "posters").glob("*.jpg"))
    rng = np.random.default_rng(options.seed)
    results = {}
    with tempfile.TemporaryDirectory() as exports:
        for network in options.networks:
            turns = [
                [files[row] for row in rng.permutation(len(files))[: options.posters]]
                for _ in range(options.turns + 1)
            ]
            results[network] = compare(network, turns, options.recipe_posters, options.weights, Path(exports))
    write_json(options.json, results)
    print(table(results))


def compare(
    network: str, turns: list[list[Path]], recipe_posters: int, weights: Path, exports: Path
) -> dict[str, Any]:
    """Figures by process: a list with one number for each turn but the first, which only warms up."""
    spec = SPECS[network]
    # Exported by this process, so that it costs the others no memory.
    resolved = resolve(spec, weights)
    exported_model(resolved.spec, resolved.fingerprint, weights_dir=weights, cache_dir=exports)
    makers: dict[str, tuple[Any, ...]] = {
        "recipe": (_make_recipe, network, weights),
        "ours": (_make_ours, spec, weights, exports),
        "runtime": (_make_runtime, spec, weights, exports),
    }
    spawn = multiprocessing.get_context("spawn")
    processes = {
        name: ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=made)
        for name, made in makers.items()
    }
    found: dict[str, list[Turn]] = {name: [] for name in processes}
    off, largest = 0.0, 1.0
    for number, files in enumerate(turns):
        for name, process in processes.items():
            taken = files[:recipe_posters] if name == "recipe" else files
            turn = process.submit(_take_turn, taken).result()
            if number:
                found[name].append(turn)
        if number:
            expected, ours = found["recipe"][-1].vectors, found["ours"][-1].vectors
            assert expected is not None
            assert ours is not None
            off = max(off, float(np.abs(ours[: len(expected)] - expected).max()))
            largest = max(largest, float(np.abs(expected).max()))
    for process in processes.values():
        process.shutdown()
    assert off <= AGREEMENT * largest, f"{network} is off by {off:.2g} where numbers reach {largest:.2g}"
    return {
        "difference": off,
        "largest": largest,
        **{
            name: {
                "wall_ms": [turn.wall_ms for turn in each],
                "cpu_ms": [turn.cpu_ms for turn in each],
                "peak_mb": each[-1].peak_mb,
            }
            for name, each in found.items()
        },
        "faster": {
            clock: summary(ratios(_of(found["recipe"], clock), _of(found["ours"], clock)))
            for clock in ("wall_ms", "cpu_ms")
        },
        "of_runtime": summary(ratios(_of(found["runtime"], "wall_ms"), _of(found["ours"], "wall_ms"))),
    }


def _of(turns: list[Turn], clock: str) -> list[float]:
    return [getattr(turn, clock) for turn in turns]


_embed: Callable[[list[Path]], np.ndarray | None]
"""What this process measures."""


def _begin(make: Callable[..., Any], *arguments: Any) -> None:
    global _embed
    _embed = make(*arguments)


def _take_turn(files: list[Path]) -> Turn:
    with Stopwatch() as took:
        vectors = _embed(files)
    count = len(files)
    return Turn(took.wall_s * 1000 / count, took.cpu_s * 1000 / count, memory_mb(), vectors)


def _make_recipe(network: str, weights: Path) -> Callable[[list[Path]], np.ndarray]:
    vector = vector_function(network, weights)
    return lambda files: np.stack([vector(file) for file in files])


def _make_ours(spec: str, weights: Path, exports: Path) -> Callable[[list[Path]], np.ndarray]:
    extractor = load_extractor(spec, weights_dir=weights, cache_dir=exports)
    return lambda files: np.stack([vector for _, vector in extractor.embed_files(files)])


def _make_runtime(spec: str, weights: Path, exports: Path) -> Callable[[list[Path]], None]:
    from ai_edge_litert.interpreter import Interpreter

    resolved = resolve(spec, weights)
    file, _ = exported_model(resolved.spec, resolved.fingerprint, weights_dir=weights, cache_dir=exports)
    interpreters = [Interpreter(model_path=str(file), num_threads=1) for _ in os.sched_getaffinity(0)]
    place = interpreters[0].get_input_details()[0]["index"]
    for interpreter in interpreters:
        interpreter.resize_tensor_input(place, (1, *resolved.spec.size, 3))
        interpreter.allocate_tensors()
    pictures: list[np.ndarray] = []

    def run(files: list[Path]) -> None:
        if not pictures:  # in the turn that warms up
            pictures.extend(load_pixels(file, resolved.spec.size)[None] for file in files[:DECODED])

        def share(interpreter: Any, first: int) -> None:
            for number in range(first, len(files), len(interpreters)):
                interpreter.set_tensor(place, pictures[number % len(pictures)])
                interpreter.invoke()

        threads = [
            threading.Thread(target=share, args=(each, first)) for first, each in enumerate(interpreters)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


def table(results: dict[str, Any]) -> str:
    rows = []
    for network, found in results.items():
        for clock, label in (("wall_ms", "wall"), ("cpu_ms", "CPU")):
            times = [spread(found[name][clock]) for name in ("recipe", "ours", "runtime")]
            faster = spread(found["faster"][clock].values())
            share = spread((100 * each for each in found["of_runtime"].values()), 0) + " %"
            rows.append([network, label, *times, faster, share if label == "wall" else ""])
    header = [
        "network",
        "ms per poster",
        "recipe",
        "ours",
        "LiteRT alone",
        "times faster",
        "of LiteRT's rate",
    ]
    notes = [
        f"{network}: largest difference {found['difference']:.1g} (numbers up to {found['largest']:.1f}); "
        f"most memory: recipe {found['recipe']['peak_mb']:.0f} MB, ours {found['ours']['peak_mb']:.0f} MB"
        for network, found in results.items()
    ]
    return "\n".join([markdown(header, rows), "", *notes])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with posters/")
    parser.add_argument("--weights", type=Path, required=True, help="folder of ConvNet weights")
    parser.add_argument("--networks", nargs="+", choices=sorted(SPECS), default=list(SPECS))
    parser.add_argument("--posters", type=int, default=200, help="posters in each turn")
    parser.add_argument("--recipe-posters", type=int, default=24, help="those that the recipe takes")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the results there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
