"""The genre model is measured on posters that the extractor has not seen; if there are none, it says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.extractor_training.bundle import LabelledVectors, fit_genres
from ml.genres.recipes import LOGISTIC
from ml.genres.training_set import TrainingDataError
from tests.ml.genres.catalogues import informative

QUICK = replace(LOGISTIC, resamples=50, strengths=(0.3,))
DATA = informative(rows=240)


def vectors(start: int, stop: int) -> LabelledVectors:
    groups = np.arange(240, dtype=np.int64)
    return LabelledVectors(DATA.features[start:stop], DATA.labels[start:stop], groups[start:stop])


@pytest.mark.slow
def test_it_is_trained_on_all_posters_and_measured_on_held_out_ones():
    head, metrics = fit_genres(vectors(0, 160), vectors(160, 240), DATA.genres, "extractor-1", QUICK)
    assert metrics["rows"] == {"train": 240, "validation": 80}
    assert "never saw" in metrics["measured_on"]
    assert head.extractor == "extractor-1" and head.genres == DATA.genres
    assert metrics["validation"]["macro_f1_gain"]["value"] > 0


@pytest.mark.slow
def test_without_held_out_posters_metrics_are_marked_as_too_good():
    _, metrics = fit_genres(vectors(0, 160), vectors(160, 160), DATA.genres, "extractor-1", QUICK)
    assert metrics["rows"] == {"train": 160, "validation": 160}
    assert "too good" in metrics["measured_on"]


def test_too_few_posters_are_refused():
    with pytest.raises(TrainingDataError):
        fit_genres(vectors(0, 4), vectors(4, 6), DATA.genres, "extractor-1", QUICK)
