"""On real posters, blanking what a heat map shows lowers the score of the genre."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ml import bundled
from ml.extractors.runtime import load_extractor
from ml.genres.evidence.model_file import load_model
from ml.genres.explanations import evidence
from ml.imaging.images import load_pixels

POSTERS = 24
CELL = 32  # px of a picture of 288 x 192 behind each of the 9 x 6 places
PATCH = 3  # places: what a place sees reaches beyond its own cell


@pytest.mark.real_data
def test_blanking_the_strongest_part_costs_more_than_blanking_the_weakest(
    real_data: Path, tmp_path: Path
) -> None:
    extractor = load_extractor("postersite", weights_dir=None, cache_dir=tmp_path)
    head = load_model(bundled.GENRES).poster
    assert head is not None
    with (real_data / "posters.csv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    costs = []
    for index in np.random.default_rng(3).choice(len(names), POSTERS, replace=False):
        pixels = load_pixels(real_data / "posters" / names[index], extractor.spec.size)
        vectors, maps = extractor.embed_with_map(pixels[None])
        genre = int(np.argmax(head.scores(vectors)[0] / np.asarray(head.thresholds)))
        places = evidence(head, maps[0]).places[:, :, genre]
        parts = np.lib.stride_tricks.sliding_window_view(places, (PATCH, PATCH)).sum(axis=(2, 3))
        blanked = np.stack([pixels, pixels])
        for picture, part in zip(blanked, (parts.argmax(), parts.argmin()), strict=True):
            row, column = (CELL * int(place) for place in np.unravel_index(part, parts.shape))
            picture[row : row + PATCH * CELL, column : column + PATCH * CELL] = pixels.mean(axis=(0, 1))
        costs.append(head.logits(vectors)[0, genre] - head.logits(extractor.embed(blanked))[:, genre])
    strongest, weakest = np.array(costs).T
    assert strongest.mean() > weakest.mean()
    assert (strongest > weakest).mean() >= 0.7
