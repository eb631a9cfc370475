"""The audit on real films: how many corrupted labels are among the first that are listed?

    python -m benchmarks.label_audit --data FOLDER --cache FOLDER [--films 3000] [--seeds 0 1 2]

In `--share` of the films a genre is added, removed or exchanged at random before a model is trained. The
films are ranked by `ml.genres.audit` from its out-of-fold scores, as the site does after a training. Printed:
precision and recall among the first 100 and 300, where real errors of the source count as false alarms, and
how many corruptions of each kind are found. By chance, precision is `--share`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks._labelled_films import LabelledFilms, Labels, read_films
from ml.genres.audit import contradictions
from ml.genres.recipes import EvidenceConfig
from ml.genres.training import train_evidence_on

KINDS = ("added", "removed", "exchanged")
FIRST = (100, 300)


def main() -> None:
    options = _options()
    films = read_films(options.data, options.cache, options.films)
    print(f"{len(films.labels)} films, {options.share:.0%} corrupted")
    print(f"{'seed':<5} {'first':>5} {'precision':>10} {'recall':>7}  found by kind")
    for seed in options.seeds:
        started = time.monotonic()
        kinds, listed = audit(films, options.share, seed)
        for first in FIRST:
            found = [kinds[row] for row in listed[:first] if row in kinds]
            by_kind = ", ".join(
                f"{kind} {found.count(kind)} of {list(kinds.values()).count(kind)}" for kind in KINDS
            )
            print(
                f"{seed:<5} {first:>5} {len(found) / first:>10.2f} {len(found) / len(kinds):>7.2f}  {by_kind}"
            )
        print(f"      {time.monotonic() - started:.0f} s", flush=True)


def audit(data: LabelledFilms, share: float, seed: int) -> tuple[dict[int, str], list[int]]:
    """What was done to each corrupted film, by row, and the rows of the films that are listed, in order."""
    labels, kinds = corrupted(data.labels, share, np.random.default_rng(seed))
    rows = np.arange(len(labels))
    trained = train_evidence_on(data.training_set(rows, labels), EvidenceConfig(resamples=5, seed=seed))
    columns = [data.genres.index(genre) for genre in trained.model.genres]
    held = labels[trained.rows][:, columns]
    found = contradictions(held, trained.scores, trained.model.genres)
    return kinds, [int(trained.rows[each.row]) for each in found]


def corrupted(labels: Labels, share: float, random: np.random.Generator) -> tuple[Labels, dict[int, str]]:
    """Labels (n, g) with a genre added, removed or exchanged in `share` of the films; and which, by row.

    Every film keeps a genre, so none is removed from a film that has only one: one is added there.
    """
    changed, kinds = labels.copy(), {}
    for row in random.permutation(len(labels))[: round(share * len(labels))].tolist():
        held, lacked = np.flatnonzero(labels[row]), np.flatnonzero(labels[row] == 0)
        kind = KINDS[int(random.integers(3))]
        if kind == "removed" and len(held) == 1:
            kind = "added"
        if kind != "added":
            changed[row, random.choice(held)] = 0
        if kind != "removed":
            changed[row, random.choice(lacked)] = 1
        kinds[row] = kind
    return changed, kinds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with posters.csv and texts.csv.gz")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the vectors")
    parser.add_argument("--films", type=int, default=3000, help="films to use, drawn at random")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


if __name__ == "__main__":
    main()
