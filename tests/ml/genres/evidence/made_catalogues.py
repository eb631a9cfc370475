"""Generated catalogues whose genres can be predicted from posters, titles, years and overviews."""

from __future__ import annotations

import numpy as np

from ml.genres.evidence.films import Films
from ml.genres.evidence.training import EvidenceData

GENRES = ("Drama", "Comedy", "Horror", "Western")
SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def word(number: int) -> str:
    return SYLLABLES[number % 60] + SYLLABLES[number // 60 % 60] + SYLLABLES[(number * 7 + 3) % 60]


def catalogue(rows: int = 400, seed: int = 0, overviews: float = 0.7, posters: float = 0.9) -> EvidenceData:
    """Films of four genres. Each genre has words of its own, which overviews use often and titles seldom, its
    own direction among the posters' 12 numbers, and its own decades; a share of the films has no overview or
    poster."""
    random = np.random.default_rng(seed)
    labels = (random.random((rows, len(GENRES))) < (0.5, 0.4, 0.25, 0.15)).astype(np.uint8)
    direction = np.random.default_rng(9).normal(size=(len(GENRES), 12))
    has_poster = np.flatnonzero(random.random(rows) < posters)
    vectors = (0.7 * labels @ direction + random.normal(size=(rows, 12)))[has_poster]

    def text(row: int, length: int, share: float) -> str:
        mine = np.flatnonzero(labels[row])
        chosen = []
        for _ in range(length):
            if len(mine) and random.random() < share:
                chosen.append(word(1000 + 40 * int(random.choice(mine)) + int(random.integers(12))))
            else:
                chosen.append(word(int(random.integers(150))))
        return " ".join(chosen)

    with_overview = random.random(rows) < overviews
    return EvidenceData(
        Films(
            vectors.astype(np.float32),
            has_poster,
            [text(row, 3, 0.2) for row in range(rows)],
            (1990 + labels @ (8, 0, 0, -20) + random.integers(-15, 15, rows)).astype(np.int64),
            [text(row, 25, 0.15) if with_overview[row] else "" for row in range(rows)],
        ),
        labels,
        np.full(rows, -1),
        GENRES,
        "made-up-1",
    )
