"""What to evaluate, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml.genres.evidence.films import PARTS


@dataclass(frozen=True)
class Options:
    """What to evaluate on.

    Args:
        listing, images: the CSV and the folder of its images.
        limit: use at most so many posters, drawn at random.
        seed: of the sample, the split, trainings and resamples.
        fit: the share of the posters to train recipes on; None: no training.
        keep_duplicates: near-duplicates may be look-alikes.
        resamples: of every bootstrap.
        duplicates: of how many posters to search altered copies.
        evidence: the parts by which genres are predicted, as far as a model uses them and a film has them.
    """

    listing: Path
    images: Path
    limit: int | None = None
    seed: int = 0
    fit: float | None = None
    keep_duplicates: bool = False
    resamples: int = 1000
    duplicates: int = 0
    evidence: tuple[str, ...] = PARTS

    @property
    def bootstrap(self) -> dict[str, int]:
        return {"resamples": self.resamples, "seed": self.seed}
