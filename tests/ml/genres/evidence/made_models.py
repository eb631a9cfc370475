"""Small evidence models with random weights, and films to score with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.genres.evidence.films import PARTS, Films
from ml.genres.evidence.fusion import Balance, Fusion, combinations_of
from ml.genres.evidence.model import Combination, EvidenceModel, Thresholds
from ml.genres.evidence.text import TextModel, analyse
from ml.genres.evidence.year import KNOTS, YearModel
from ml.genres.head import GenreHead
from tests.ml.genres.heads import make_linear

TITLES = ["The Haunted House", "Space Raiders", "A Dying Spring"]
OVERVIEWS = [
    "A family moves into a haunted house.",
    "Raiders of the future steal a ship full of gold and flee into space.",
    "Two lovers meet in the spring and part in the autumn.",
]


def make_films(
    titles: Sequence[str] = tuple(TITLES),
    overviews: Sequence[str] = tuple(OVERVIEWS),
    years: Sequence[int] = (1999, 1978, 1946),
    owners: Sequence[int] = (0, 1, 1, 2),
) -> Films:
    vectors = np.random.default_rng(1).normal(size=(len(owners), 6)).astype(np.float32)
    return Films(
        vectors,
        np.array(owners, dtype=np.int64),
        list(titles),
        np.array(years, dtype=np.int64),
        list(overviews),
    )


def make_text(part: str, texts: Sequence[str], genres: int = 3, seed: int = 0) -> TextModel:
    random = np.random.default_rng(seed)
    hashes = np.unique(analyse(part, texts).hashes)
    return TextModel(
        part,
        hashes,
        random.uniform(1, 5, len(hashes)).astype(np.float16),
        random.normal(size=(len(hashes), genres)).astype(np.float16),
        random.normal(size=genres).astype(np.float32),
        0.5,
    )


def make_model(parts: Sequence[str] = PARTS, seed: int = 0, head: GenreHead | None = None) -> EvidenceModel:
    """A model of 3 genres for vectors of 6 numbers."""
    random = np.random.default_rng(seed)
    head = head or make_linear()

    def draw(*shape: int) -> np.ndarray:
        return random.normal(scale=0.3, size=shape).astype(np.float32)

    def combination(chosen: tuple[str, ...]) -> Combination:
        only = chosen == ("poster",)
        fusion = Fusion.identity(3) if only else Fusion(draw(len(chosen), 3, 3), draw(3))
        suggest = np.array(head.thresholds, dtype=np.float32)
        sure = np.array([1.0, 0.9, 0.8], dtype=np.float32)
        one, zero = np.ones(3, dtype=np.float32), np.zeros(3, dtype=np.float32)
        return Combination(fusion, one, zero, Thresholds(suggest, sure, np.full(3, 0.5, dtype=np.float32)))

    parts = tuple(parts)
    return EvidenceModel(
        genres=head.genres,
        parts=parts,
        poster=head if "poster" in parts else None,
        title=make_text("title", TITLES) if "title" in parts else None,
        year=YearModel(draw(len(KNOTS), 3), draw(3)) if "year" in parts else None,
        overview=make_text("overview", OVERVIEWS, seed=5) if "overview" in parts else None,
        prior=draw(3),
        combinations={chosen: combination(chosen) for chosen in combinations_of(parts)},
        balance=Balance(1 + draw(3), draw(3), draw(6, 3)),
        extractor=head.extractor,
    )
