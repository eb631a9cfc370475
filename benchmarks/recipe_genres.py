"""A genre recipe on real posters: the published one (MobileNetV2, Dense 1024, macro soft-F1) or another.

    python -m benchmarks.recipe_genres --data FOLDER [--limit N] [--seed S] [--recipe NAME] [--set epochs=100]

FOLDER holds posters/, posters.csv and weights/. A fifth of the posters (whole series) is the test set:
neither training nor the choice of the epoch uses it. `--learn N --draw D` trains on N posters drawn from
the rest, like a small catalogue. `--cache FILE` stores the vectors between runs; they are derived from
copyrighted posters, so do not commit the file.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.extractors.runtime import load_extractor
from ml.genres.dense_training import Epoch
from ml.genres.operating_points import sure_figures
from ml.genres.recipes import RECIPES, config_from
from ml.genres.scorecard import FIGURES, scorecard
from ml.genres.splitting import split
from ml.genres.training import train

Rows = list[dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a genre recipe on real posters.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="posters to use, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extractor", default="mobilenet_v2")
    parser.add_argument("--recipe", default="recipe-genres", choices=sorted(RECIPES))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="change a setting")
    parser.add_argument("--learn", type=int, help="posters to train on, drawn from the training set")
    parser.add_argument("--draw", type=int, default=0, help="seed of that draw")
    parser.add_argument("--cache", type=Path, help="file for the vectors, reused by later runs")
    options = parser.parse_args()

    rows = read_rows(options.data / "posters.csv", options.limit, options.seed)
    features, extractor = embed(rows, options)
    genres = sorted({genre for row in rows for genre in row["genres"].split("|")})
    labels = np.array(
        [[genre in row["genres"].split("|") for genre in genres] for row in rows], dtype=np.uint8
    )
    groups = series_numbers(rows)

    learn, test = split(groups, labels, 0.2, options.seed)
    if options.learn:
        learn = np.sort(np.random.default_rng(options.draw).permutation(learn)[: options.learn])
    changes: dict[str, Any] = {"name": options.recipe, "seed": options.seed}
    for change in options.set:
        name, _, value = change.partition("=")
        changes[name] = json.loads(value)
    config = config_from(changes)
    started = time.monotonic()
    trained = train(features[learn], labels[learn], genres, config, groups[learn], show, extractor=extractor)
    seconds = time.monotonic() - started
    columns = [genres.index(genre) for genre in trained.head.genres]
    truth = labels[test][:, columns]
    scores = trained.head.scores(features[test])
    card = scorecard(truth, scores, trained.head.genres, trained.head.thresholds, seed=options.seed)

    print(f"\n{len(rows)} posters, {extractor}; {config}")
    done = trained.metrics
    print(f"trained in {seconds:.0f} s; {done['rows']}; {how(done)}")
    print(f"tested on {len(test)}; left out: {done['left_out'] or 'no genre'}\n")
    print_card(card)
    if trained.head.sure_thresholds is not None:
        found = sure_figures(truth, trained.head.sure(scores), resamples=config.resamples, seed=options.seed)
        print("\nsure:", {name: found[name] for name in ("precision", "recall", "coverage")})
        print("never suggested:", ", ".join(trained.head.no_evidence) or "no genre")


def how(done: dict[str, Any]) -> str:
    if "epochs_run" in done:
        return f"{done['epochs_run']} epochs, best {done['best_epoch']}"
    return f"{done['folds']} folds, {done['components']} components, strength {done['strength']:g}"


def read_rows(path: Path, limit: int | None, seed: int) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["genres"]]
    if limit is None or limit >= len(rows):
        return rows
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:limit])
    return [rows[i] for i in chosen]


def embed(rows: Rows, options: argparse.Namespace) -> tuple[npt.NDArray[np.float32], str]:
    names = [row["file"] for row in rows]
    with tempfile.TemporaryDirectory() as exports:
        extractor = load_extractor(
            options.extractor, weights_dir=options.data / "weights", cache_dir=Path(exports)
        )
        if options.cache and options.cache.exists():
            with np.load(options.cache, allow_pickle=False) as cached:
                if str(cached["extractor"]) == extractor.fingerprint and cached["names"].tolist() == names:
                    return cached["features"], extractor.fingerprint
        features = np.zeros((len(rows), extractor.dims), dtype=np.float32)
        started, done = time.monotonic(), 0
        for index, vector in extractor.embed_files(options.data / "posters" / name for name in names):
            features[index] = vector
            done += 1
            if done % 500 == 0:
                sys.stderr.write(f"\rembedded {done} of {len(rows)}")
        seconds = time.monotonic() - started
        print(f"\rembedded {done} of {len(rows)} in {seconds:.0f} s, {1000 * seconds / done:.1f} ms a poster")
    if done < len(rows):
        raise SystemExit(f"{len(rows) - done} posters cannot be read: repair the data folder first.")
    if options.cache:
        np.savez(
            options.cache, features=features, names=np.array(names), extractor=np.array(extractor.fingerprint)
        )
    return features, extractor.fingerprint


def series_numbers(rows: Rows) -> npt.NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(row["series"], len(numbers)) if row["series"] else -1 for row in rows],
        dtype=np.int64,
    )


def show(epoch: Epoch) -> None:
    if epoch.epoch % 10 == 0 or epoch.epoch == epoch.epochs:
        print(
            f"epoch {epoch.epoch:4d}  loss {epoch.loss:.4f} / {epoch.val_loss:.4f}  "
            f"macro F1 {epoch.macro_f1:.3f} / {epoch.val_macro_f1:.3f}  {epoch.seconds:.0f} s",
            flush=True,
        )


def print_card(card: dict[str, Any]) -> None:
    for figure in FIGURES:
        row = card[figure]
        print(f"{figure:<28} {row['value']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]")
    print(f"{'genres a poster':<28} {card['genres_a_poster']:.2f}, true {card['true_genres_a_poster']:.2f}\n")
    print(
        f"{'genre':<12} {'freq.':>6} {'F1':>6} {'always':>7} {'prec.':>6} {'recall':>7} {'AP':>6}  evidence"
    )
    for row in card["per_genre"]:
        numbers = [row["prevalence"], row["f1"]["value"], row["f1_predict_everything"], row["precision"] or 0]
        numbers += [row["recall"] or 0, row["average_precision"] or 0]
        freq, f1, always, precision, recall, ap = numbers
        print(
            f"{row['genre']:<12} {freq:6.3f} {f1:6.3f} {always:7.3f} {precision:6.3f} {recall:7.3f} "
            f"{ap:6.3f}  {'yes' if row['evidence'] else 'no'}"
        )


if __name__ == "__main__":
    main()
