"""A genre recipe trained on one part of the labelled set, in a process of its own, for measuring the rest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import Teller, teller_of
from ml.evaluation.vectors import Vectors
from ml.genres.head import ModelFileError, load_head
from ml.genres.recipes import TrainingConfigError, config_from, config_values
from ml.genres.splitting import split
from ml.genres.training_set import TrainingDataError, training_set, write_training_set
from ml.subprocess import SubprocessFailed, run_in_subprocess

LONGEST_TRAINING_S = 24 * 3600.0

Indexes = npt.NDArray[np.int64]


def held_out(
    labels: npt.NDArray[np.uint8], groups: Indexes, fit: float, seed: int
) -> tuple[Indexes, Indexes]:
    """Rows to train on (about the share `fit`) and rows to measure on; see `ml.genres.splitting.split`.

    groups: (n,), as `Kinship.groups` gives them, never straddle. Raises EvaluationError if nothing can be
    held out.
    """
    try:
        return split(groups, labels, 1 - fit, seed)
    except TrainingDataError as error:
        raise EvaluationError(str(error)) from error


def fit_recipe(
    recipe: str,
    vectors: Vectors,
    rows: Indexes,
    labels: npt.NDArray[np.uint8],
    genres: Sequence[str],
    groups: Indexes,
    seed: int,
) -> Teller:
    """Train `recipe` on some `rows` of vectors, labels (n, genres) and groups (n,), as a site would.

    Thresholds and the choice of the epoch rest on a part of those rows alone. Raises EvaluationError if there
    is too little to train on, or training fails.
    """
    try:
        config = config_from({"name": recipe, "seed": seed})
        data = training_set(
            vectors.values[rows], labels[rows], genres, groups[rows], extractor=vectors.fingerprint
        )
    except (TrainingConfigError, TrainingDataError) as error:
        raise EvaluationError(f"{recipe} can't be trained on these posters: {error}") from error
    with tempfile.TemporaryDirectory(prefix="postersite-evaluation-") as scratch:
        folder = Path(scratch)
        write_training_set(data, folder / "train.npz")
        (folder / "config.json").write_text(json.dumps(config_values(config)))
        told = ["--data", folder / "train.npz", "--config", folder / "config.json", "--out", folder / "out"]
        try:
            run_in_subprocess("ml.genres.training", [str(part) for part in told], timeout=LONGEST_TRAINING_S)
            head = load_head(folder / "out" / "head.npz")
            metrics = json.loads((folder / "out" / "metrics.json").read_bytes())
        except (SubprocessFailed, ModelFileError, OSError, ValueError) as error:
            raise EvaluationError(f"{recipe} could not be trained: {error}") from error
    facts = {
        "extractor_fingerprint": vectors.fingerprint,
        "config": config_values(config),
        "training": {name: value for name, value in metrics.items() if name not in ("config", "validation")},
    }
    return teller_of(head, vectors.spec, facts)
