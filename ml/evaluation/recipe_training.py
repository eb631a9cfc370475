"""Training a genre recipe on one part of the labelled set, in a subprocess, to measure it on the rest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.evaluation.errors import EvaluationError
from ml.evaluation.genre_models import GenreModel, genre_model
from ml.evaluation.vectors import Vectors
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError
from ml.genres.recipes import TrainingConfigError, config_from, config_values
from ml.genres.training_set import TrainingDataError, training_set, write_training_set
from ml.labelled_set.listing import LabelledPoster
from ml.subprocess import SubprocessFailed, run_in_subprocess

TIMEOUT_S = 24 * 3600.0

Indexes = npt.NDArray[np.int64]


def train_recipe(
    recipe: str,
    vectors: Vectors,
    rows: Indexes,
    labels: npt.NDArray[np.uint8],
    genres: Sequence[str],
    groups: Indexes,
    seed: int,
    posters: Sequence[LabelledPoster] = (),
) -> GenreModel:
    """Train `recipe` on some `rows` of vectors, labels (n, genres) and groups (n,), as a site would.

    posters: what else is known of the n films, for the recipe `evidence`.

    Thresholds and the epoch are chosen on a part of those rows only. Raises EvaluationError if there
    is too little data, or if training fails.
    """
    try:
        config = config_from({"name": recipe, "seed": seed})
        known = [posters[row] for row in rows] if posters else []
        data = training_set(
            vectors.values[rows],
            labels[rows],
            genres,
            groups[rows],
            vectors.fingerprint,
            titles=[poster.title for poster in known] if known else None,
            years=[poster.year or 0 for poster in known] if known else None,
            overviews=[poster.overview for poster in known] if known else None,
        )
    except (TrainingConfigError, TrainingDataError) as error:
        raise EvaluationError(f"{recipe} can't be trained on these posters: {error}") from error
    with tempfile.TemporaryDirectory(prefix="postersite-evaluation-") as folder:
        data_file, config_file, out = (Path(folder) / name for name in ("train.npz", "config.json", "out"))
        write_training_set(data, data_file)
        config_file.write_text(json.dumps(config_values(config)))
        arguments = ["--data", str(data_file), "--config", str(config_file), "--out", str(out)]
        try:
            run_in_subprocess("ml.genres.training", arguments, timeout=TIMEOUT_S)
            scorer = load_model(out / "head.npz")
            metrics = json.loads((out / "metrics.json").read_bytes())
        except (SubprocessFailed, ModelFileError, OSError, ValueError) as error:
            raise EvaluationError(f"{recipe} could not be trained: {error}") from error
    facts = {
        "extractor_fingerprint": vectors.fingerprint,
        "config": config_values(config),
        "training": {name: value for name, value in metrics.items() if name not in ("config", "validation")},
    }
    return genre_model(scorer, vectors.spec, facts)
