"""The whole path on real posters: MovieLens in, posters over HTTP, real workers, suggestions against truth.

    python benchmarks/real_catalogue.py --data DATA --work FOLDER [--movies 1000] [--seed 0] [--port 8123]

Writes MovieLens files for a seeded sample of movies with a quarter stripped of genres, serves their posters
from the replica site, starts `manage.py up`, imports, follows the runs, and compares the suggestions with
the true genres of the stripped quarter, beside predicting every genre. FOLDER keeps the site for a look.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STRIPPED = 0.25


def main() -> None:
    options = _options()
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    chosen, stripped = choose(options.data / "posters.csv", options.movies, options.seed)
    write_movielens(work / "titles", chosen, stripped)
    write_csv(work / "replica.csv", chosen)
    replica = f"http://127.0.0.1:{options.port + 1}"
    os.environ |= {
        "POSTERSITE_VAR": str(work / "var"),
        "POSTERSITE_WEIGHTS": str(options.data / "weights"),
        "POSTERSITE_REPLICA_URL": replica,
        "POSTERSITE_POSTER_SOURCES": "tmdb_page,imdb_page",
        "POSTERSITE_REQUESTS_PER_SECOND": "200",
        "DJANGO_SETTINGS_MODULE": "postersite.settings",
    }
    sys.path.insert(0, str(ROOT))
    python = sys.executable
    with (work / "up.log").open("w") as log:
        site = subprocess.Popen(
            [
                *[python, "-m", "catalog.sample.site", "--port", str(options.port + 1)],
                *["--csv", str(work / "replica.csv"), "--images", str(options.data / "posters")],
            ],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        up = subprocess.Popen(
            [python, "manage.py", "up", "--no-sample", "--port", str(options.port)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            report = follow(work, options.port)
        finally:
            if not options.keep_up:
                up.terminate()
                up.wait(30)
                site.terminate()
                site.wait(10)
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


def follow(work: Path, port: int) -> dict[str, object]:
    """Import, start the chain of runs, wait for its end; counts and seconds of each step."""
    import django

    _wait_for(lambda: _answers(port), 120, "the site did not start; see up.log")
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


def _answers(port: int) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_for(test, seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(0.5)


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
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--keep-up", action="store_true", help="leave the site running")
    return parser.parse_args()


if __name__ == "__main__":
    main()
