"""The genre model is judged by posters that the extractor never saw, or says that it could not be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.extractor_training.genre_model import Told, fit_genres
from ml.genres.recipes import LOGISTIC
from ml.genres.training_set import TrainingDataError
from tests.ml.genres.catalogues import informative

QUICK = replace(LOGISTIC, resamples=50, strengths=(0.3,))
DATA = informative(rows=240)


def told(start: int, stop: int) -> Told:
    groups = np.arange(240, dtype=np.int64)
    return Told(DATA.features[start:stop], DATA.labels[start:stop], groups[start:stop])


def test_all_are_learned_from_and_the_unseen_alone_judge():
    head, metrics = fit_genres(told(0, 160), told(160, 240), DATA.genres, "eyes-1", QUICK)
    assert metrics["rows"] == {"train": 240, "validation": 80}
    assert "never saw" in metrics["measured_on"]
    assert head.extractor == "eyes-1" and head.genres == DATA.genres
    assert metrics["validation"]["macro_f1_gain"]["value"] > 0


def test_with_nobody_left_to_judge_it_says_that_figures_are_too_good():
    _, metrics = fit_genres(told(0, 160), told(160, 160), DATA.genres, "eyes-1", QUICK)
    assert metrics["rows"] == {"train": 160, "validation": 160}
    assert "too good" in metrics["measured_on"]


def test_too_few_posters_are_refused():
    with pytest.raises(TrainingDataError):
        fit_genres(told(0, 4), told(4, 6), DATA.genres, "eyes-1", QUICK)
