"""On real posters, a head on MobileNetV2 vectors is better than predicting every genre."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.extractors.runtime import load_extractor
from ml.genres.recipes import COMPACT
from ml.genres.training import train

POSTERS = 1000


@pytest.mark.real_data
def test_a_head_on_real_posters_beats_predict_everything(real_data: Path, tmp_path: Path) -> None:
    with (real_data / "posters.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [rows[i] for i in np.sort(np.random.default_rng(0).permutation(len(rows))[:POSTERS])]
    extractor = load_extractor("mobilenet_v2", weights_dir=real_data / "weights", cache_dir=tmp_path)
    files = [real_data / "posters" / row["file"] for row in rows]
    found = dict(extractor.embed_files(files))
    assert len(found) == POSTERS

    genres = sorted({genre for row in rows for genre in row["genres"].split("|")})
    labels = np.array([[genre in row["genres"].split("|") for genre in genres] for row in rows])
    series = {row["series"]: number for number, row in enumerate(rows)}
    groups = np.array([series[row["series"]] if row["series"] else -1 for row in rows])
    # Genres with a handful of posters would drown the mean in noise.
    config = replace(COMPACT, epochs=20, min_positives=60, validation_fraction=0.3)
    trained = train(
        np.stack([found[i] for i in range(POSTERS)]),
        labels,
        genres,
        config,
        groups,
        extractor=extractor.fingerprint,
    )
    card = trained.metrics["validation"]
    assert card["macro_f1_gain"]["low"] > 0
    assert card["mean_average_precision"]["value"] > 1.4 * np.mean(
        [row["prevalence"] for row in card["per_genre"]]
    )
    assert trained.head.extractor == extractor.fingerprint
