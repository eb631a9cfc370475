"""Training a genre model on 10,500 posters, against 30 epochs of the published recipe end to end.

    python -m benchmarks.genre_training --data FOLDER --weights FOLDER --cache FOLDER [--turns 3]

FOLDER of --data holds posters/, posters.csv and texts.csv.gz. Ours are the recipes `logistic` (poster) and
`evidence` (poster, title, year, overview), with their cross-validation, thresholds and intervals, on stored
vectors, as a site trains after decisions. The published recipe decodes every poster once and runs MobileNetV2
over all of them in each epoch. It is measured on --recipe-posters of them (whole batches of 256) and
extrapolated to all posters and 30 epochs, without its validation. They take turns.

Printed are seconds as median (minimum-maximum) over the turns, and how many times ours is faster: on stored
vectors, and when every poster has to be embedded first, which is measured on as many posters.
The vectors are stored in the folder of --cache between runs; do not commit them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._figures import Stopwatch, markdown, ratios, spread, write_json
from benchmarks._labelled_films import read_films
from benchmarks._recipe import genre_epochs
from ml.extractors.runtime import load_extractor
from ml.genres.recipes import EvidenceConfig, LogisticConfig
from ml.genres.training import train_evidence_on, train_on
from ml.genres.training_set import TrainingSet

EPOCHS = 30
RECIPES: dict[str, Callable[[TrainingSet], object]] = {
    "logistic": lambda data: train_on(data, LogisticConfig()),
    "evidence": lambda data: train_evidence_on(data, EvidenceConfig()),
}
SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    options = _options()
    films = read_films(options.data, options.cache, options.limit)
    every = np.arange(len(films.labels))
    data = films.training_set(every, films.labels)
    rows = np.random.default_rng(0).permutation(every)[: options.recipe_posters]
    files = [films.posters[row].path for row in rows]
    names = ("recipe", *options.recipes, "embedding")
    times: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(options.turns):
        with ProcessPoolExecutor(1, mp_context=SPAWN) as process:
            decoding_s, epoch_s = process.submit(
                genre_epochs, files, films.labels[rows], options.weights, options.epochs
            ).result()
        scale = len(every) / len(files)
        times["recipe"].append((scale * (decoding_s + EPOCHS * epoch_s)).tolist())
        for name in options.recipes:
            with Stopwatch() as took:
                RECIPES[name](data)
            times[name].append([took.wall_s, took.cpu_s])
        took = embedding(files)
        times["embedding"].append([scale * took.wall_s, scale * took.cpu_s])
    results = {"posters": len(every), "measured_posters": len(files), "wall_and_cpu_s": times}
    write_json(options.json, results)
    print(table(results))


def embedding(files: list[Path]) -> Stopwatch:
    with tempfile.TemporaryDirectory() as exports:
        extractor = load_extractor("postersite", weights_dir=None, cache_dir=Path(exports))
        with Stopwatch() as took:
            for _ in extractor.embed_files(files):
                pass
    return took


def table(results: dict[str, Any]) -> str:
    by_clock = [
        (clock, {name: [turn[place] for turn in turns] for name, turns in results["wall_and_cpu_s"].items()})
        for place, clock in enumerate(("wall", "CPU"))
    ]
    rows = []
    for clock, seconds in by_clock:
        for name, each in seconds.items():
            row = [name, clock, spread(each, 1), "", ""]
            if name in RECIPES:
                both = np.add(each, seconds["embedding"]).tolist()
                row[3:] = [spread(ratios(seconds["recipe"], ours), 0) for ours in (each, both)]
            rows.append(row)
    header = ["", "clock", "seconds", "times faster", "with embedding"]
    return f"{results['posters']} posters\n\n{markdown(header, rows)}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder of ConvNet weights")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the vectors")
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=list(RECIPES))
    parser.add_argument("--limit", type=int, help="posters to train on, drawn at random")
    parser.add_argument("--recipe-posters", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=2, help="epochs of the published recipe to measure")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the results there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
