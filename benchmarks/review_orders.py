"""The learning loop on real posters: which order of the review queue helps most?

    python -m benchmarks.review_orders --data FOLDER --cache FOLDER [--hidden 3000] [--seeds 0 1 2]

The genres of `--hidden` films are hidden, `--known` films have theirs, and a fifth of all films is the test
set (whole series). A model is trained on the known films. Simulated reviewers decide about the hidden films
in the order of the queue, and are wrong about a genre in `--mistakes` of all cases. After every `--every`
films a model is trained on all films with genres, and the queue is ordered anew. A small run:
`--limit 1500 --known 200 --hidden 400 --every 100 --seeds 0`.

Printed for each order and number of decided films, as the mean over seeds with the lowest and the highest:
macro F1 of what is suggested for the test films, corrections for a test film when the genres above *tick* are
ticked, and the corrections for a film that the reviewer made so far.

The extractor has learned from most of these posters, so all figures are too good; the orders can be compared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._labelled_films import Indexes, LabelledFilms, Labels, read_films
from ml.genres.evidence.model import DEFAULT_TICK, EvidenceModel, Scored
from ml.genres.recipes import EvidenceConfig
from ml.genres.splitting import split
from ml.genres.training import train_evidence_on

Bools = npt.NDArray[np.bool_]
# As in catalog.genres.orders.
POOL = 1000


@dataclass(frozen=True)
class Point:
    """Figures after `decided` films."""

    decided: int
    macro_f1: float
    test_corrections: float
    corrections: float


def most_confident(scored: Scored, random: np.random.Generator) -> Indexes:
    """Films by their highest suggested score, as the queue's default."""
    best = np.where(scored.scores > scored.suggest, scored.scores, 0).max(axis=1)
    return np.argsort(-best, kind="stable")


def most_informative(scored: Scored, random: np.random.Generator) -> Indexes:
    """The order of `catalog.genres.orders.most_informative`; films outside its pool follow by distance."""
    suggested = scored.scores > scored.suggest
    point = np.maximum(scored.suggest, DEFAULT_TICK)
    distances = np.where(suggested, np.abs(scored.scores - point), np.inf)
    least = distances.min(axis=1)
    by_distance = np.argsort(least, kind="stable")
    pool = by_distance[: min(POOL, int(np.isfinite(least).sum()))]
    # The place of each suggestion among those of its genre, in the pool.
    turns = np.argsort(np.argsort(distances[pool], axis=0, kind="stable"), axis=0)
    closest = distances[pool].argmin(axis=1)
    turn = turns[np.arange(len(pool)), closest]
    ordered = pool[np.lexsort((least[pool], turn))]
    return np.concatenate([ordered, by_distance[len(pool) :]])


def at_random(scored: Scored, random: np.random.Generator) -> Indexes:
    return random.permutation(len(scored.scores))


ORDERS: dict[str, Callable[[Scored, np.random.Generator], Indexes]] = {
    "confident": most_confident,
    "informative": most_informative,
    "random": at_random,
}


def main() -> None:
    options = _options()
    films = read_films(options.data, options.cache, options.limit)
    found: dict[str, list[list[Point]]] = {name: [] for name in options.orders}
    for seed in options.seeds:
        for name in options.orders:
            started = time.monotonic()
            found[name].append(simulate(films, ORDERS[name], options, seed))
            print(f"seed {seed}, {name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{'order':<12} {'films':>6}  {'macro F1':<22} {'test corrections':<22} corrections so far")
    for name, runs in found.items():
        for points in zip(*runs, strict=True):
            columns = [
                _spread([getattr(point, figure) for point in points])
                for figure in ("macro_f1", "test_corrections", "corrections")
            ]
            print(f"{name:<12} {points[0].decided:>6}  {columns[0]:<22} {columns[1]:<22} {columns[2]}")
    if options.output:
        rows = {name: [[vars(point) for point in run] for run in runs] for name, runs in found.items()}
        options.output.write_text(json.dumps(rows, indent=1))


def simulate(
    data: LabelledFilms,
    order: Callable[[Scored, np.random.Generator], Indexes],
    options: argparse.Namespace,
    seed: int,
) -> list[Point]:
    """One run of the loop. The parts, and the reviewers' mistakes, are the same for all orders of a seed."""
    random = np.random.default_rng(seed)
    rest, test = split(data.groups, data.labels, 0.2, seed)
    rest = random.permutation(rest)
    known, hidden = rest[: options.known], rest[options.known : options.known + options.hidden]
    if len(hidden) < options.hidden:
        raise SystemExit(f"Only {len(hidden)} films are left to hide: lower --known and --hidden.")
    wrong = random.random(data.labels.shape) < options.mistakes
    labels = data.labels.copy()
    decided, waiting = np.zeros(0, dtype=np.int64), hidden
    corrections, points = 0, []
    while True:
        rows = np.concatenate([known, decided])
        model = train_evidence_on(
            data.training_set(rows, labels[rows]), EvidenceConfig(resamples=5, seed=seed)
        ).model
        scored = _scored(data, model, test)
        points.append(
            Point(
                len(decided),
                _macro_f1(data.labels[test].astype(bool), scored.scores > scored.suggest),
                _per_film(data.labels[test].astype(bool), scored.scores > scored.tick),
                corrections / len(decided) if len(decided) else float("nan"),
            )
        )
        if not len(waiting):
            return points
        scored = _scored(data, model, waiting)
        # The queue has only films with a suggestion; the others come when nothing else is left.
        ordered = order(scored, random)
        in_queue = (scored.scores[ordered] > scored.suggest[ordered]).any(axis=1)
        chosen = np.concatenate([ordered[in_queue], ordered[~in_queue]])[: options.every]
        batch = waiting[chosen]
        truth = data.labels[batch].astype(bool)
        suggested = scored.scores[chosen] > scored.suggest[chosen]
        ticked = scored.scores[chosen] > scored.tick[chosen]
        # Mistakes are about genres that were suggested or that the film has.
        labels[batch] = np.where((truth | suggested) & wrong[batch], ~truth, truth)
        corrections += int((ticked != labels[batch].astype(bool)).sum())
        decided = np.concatenate([decided, batch])
        waiting = np.delete(waiting, chosen)


def _scored(data: LabelledFilms, model: EvidenceModel, rows: Indexes) -> Scored:
    """Scores of all genres of the data; genres that the model does not know are never suggested."""
    found = model.score(data.films.subset(rows))
    columns = [data.genres.index(genre) for genre in model.genres]

    def of_all(table: npt.NDArray[np.float32], missing: float) -> npt.NDArray[np.float32]:
        wide = np.full((len(rows), len(data.genres)), missing, dtype=np.float32)
        wide[:, columns] = table
        return wide

    cuts = (of_all(each, 2.0) for each in (found.suggest, found.sure, found.tick))
    return Scored(of_all(found.scores, 0.0), found.present, found.contributions, *cuts)


def _macro_f1(truth: Bools, suggested: Bools) -> float:
    """The mean over the genres that any of the films has."""
    both, either = (truth & suggested).sum(axis=0), truth.sum(axis=0) + suggested.sum(axis=0)
    present = truth.any(axis=0)
    return float(np.mean(2 * both[present] / either[present]))


def _per_film(truth: Labels | Bools, ticked: Bools) -> float:
    return float((truth != ticked).sum(axis=1).mean())


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with posters.csv and texts.csv.gz")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the vectors")
    parser.add_argument("--limit", type=int, help="films to use, drawn at random")
    parser.add_argument("--known", type=int, default=500, help="films whose genres are known at the start")
    parser.add_argument("--hidden", type=int, default=3000)
    parser.add_argument("--every", type=int, default=300, help="films between two trainings")
    parser.add_argument("--mistakes", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--orders", nargs="+", choices=list(ORDERS), default=list(ORDERS))
    parser.add_argument("-o", "--output", type=Path, help="all figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
