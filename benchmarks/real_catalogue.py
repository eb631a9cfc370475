"""The whole path on real posters: import, posters over HTTP, workers, suggestions compared with the truth.

    python -m benchmarks.real_catalogue --data DATA --work FOLDER [--movies 1000] [--seed 0]

Writes MovieLens files for a seeded sample of movies, a quarter of them without genres, serves their posters
from the replica site, starts `manage.py up`, imports, waits for the runs, and compares the suggestions with
the true genres of that quarter, and with predicting every genre. FOLDER holds the site afterwards.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import sys
import time
from pathlib import Path

from benchmarks._scratch_site import HOST, MANAGE, environment, free_port, started

STRIPPED = 0.25


def main() -> None:
    options = _options()
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    chosen, stripped = choose(options.data / "posters.csv", options.movies, options.seed)
    write_movielens(work / "titles", chosen, stripped)
    write_csv(work / "replica.csv", chosen)
    port, replica_port = free_port(), free_port()
    os.environ |= environment(
        work / "var",
        POSTERSITE_WEIGHTS=str(options.data / "weights"),
        POSTERSITE_REPLICA_URL=f"http://{HOST}:{replica_port}",
        POSTERSITE_POSTER_SOURCES="tmdb_page,imdb_page",
        POSTERSITE_REQUESTS_PER_SECOND="200",
    )
    replica = [sys.executable, "-m", "catalog.sample.site", "--port", str(replica_port)]
    replica += ["--csv", str(work / "replica.csv"), "--images", str(options.data / "posters")]
    up = [*MANAGE, "up", "--no-sample", "--port", str(port)]
    with started(replica, replica_port), started(up, port, log=work / "up.log"):
        report = follow(work)
    report["suggestions"] = measure(stripped, options.seed)
    print(json.dumps(report, indent=1))
    (work / "report.json").write_text(json.dumps(report, indent=1))


def choose(posters_csv: Path, count: int, seed: int) -> tuple[list[dict[str, str]], dict[str, set[str]]]:
    """`count` movies with distinct ids, and the true genres of the stripped ones by IMDb id."""
    with posters_csv.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["tmdb_id"] and row["genres"]]
    rows = list({row["tmdb_id"]: row for row in rows}.values())
    draw = random.Random(seed)
    chosen = draw.sample(rows, min(count, len(rows)))
    stripped = draw.sample(chosen, round(len(chosen) * STRIPPED))
    return chosen, {row["imdb_id"]: set(row["genres"].split("|")) for row in stripped}


def write_movielens(folder: Path, rows: list[dict[str, str]], stripped: dict[str, set[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "movies.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "title", "genres"])
        for number, row in enumerate(rows, start=1):
            genres = "(no genres listed)" if row["imdb_id"] in stripped else row["genres"]
            writer.writerow([number, f"{row['title']} ({row['year']})", genres])
    with (folder / "links.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "imdbId", "tmdbId"])
        for number, row in enumerate(rows, start=1):
            writer.writerow([number, row["imdb_id"].removeprefix("tt"), row["tmdb_id"]])


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def follow(work: Path) -> dict[str, object]:
    """Import, start the chain of runs, wait for its end; counts and seconds of each step."""
    import django

    django.setup()
    from catalog.counts import catalogue_counts
    from catalog.models import Embedding, Run
    from catalog.runs import lifecycle
    from catalog.titles.formats import movielens
    from catalog.titles.importing import import_titles

    _, imported = import_titles(movielens.read(work / "titles"), "real catalogue")
    run: Run | None = lifecycle.start("scrape", followed_by=["embed", "train", "label"])
    steps: list[dict[str, object]] = [{"step": "import", "outcome": str(imported)}]
    while run is not None:
        while run.is_live:
            time.sleep(1)
            run.refresh_from_db()
        steps.append(
            {
                "step": run.kind, "state": run.state, "done": run.done, "failed": run.failed,
                "seconds": round(run.seconds or 0, 1), "message": run.message,
            }
        )  # fmt: skip
        run = Run.objects.filter(previous=run).first()
    by_extractor = {
        spec: Embedding.objects.filter(extractor__spec=spec).count()
        for spec in Embedding.objects.values_list("extractor__spec", flat=True).distinct()
    }
    return {"steps": steps, "counts": catalogue_counts(), "embeddings": by_extractor}


def measure(truth: dict[str, set[str]], seed: int) -> dict[str, object]:
    """Macro and micro F1 on the stripped movies, each with its 95% bootstrap interval over movies."""
    import numpy as np

    from catalog.models import GenreModel, Movie, Suggestion
    from ml.genres.scorecard import scorecard

    model = GenreModel.objects.get(state="active")
    genres = sorted({genre for names in truth.values() for genre in names} | set(model.genres))
    movies = list(Movie.objects.filter(imdb_id__in=truth).order_by("pk"))
    rows = {movie.pk: index for index, movie in enumerate(movies)}
    y_true = np.array(
        [[genre in truth[movie.imdb_id or ""] for genre in genres] for movie in movies], np.uint8
    )
    y_pred = np.zeros(y_true.shape, np.float32)
    for movie_id, genre in Suggestion.objects.values_list("movie", "genre__name"):
        if movie_id in rows:
            y_pred[rows[movie_id], genres.index(genre)] = 1.0

    card = scorecard(y_true, y_pred, genres, 0.5, resamples=1000, seed=seed)
    names = ("macro_f1", "macro_f1_predict_everything", "macro_f1_gain", "micro_f1")
    return {
        "movies": len(movies),
        "movies_with_suggestions": int((y_pred.sum(axis=1) > 0).sum()),
        "suggestions_a_movie": round(float(y_pred.sum(axis=1).mean()), 2),
        "recipe": model.recipe,
        "extractor": model.extractor.spec,
        **{name: [round(card[name][end], 3) for end in ("value", "low", "high")] for name in names},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with posters.csv, posters/, weights/"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the site that this makes")
    parser.add_argument("--movies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
