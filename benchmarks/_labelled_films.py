"""Shared by benchmarks of genre models: real films with their genres, texts and vectors, embedded once."""

from __future__ import annotations

import csv
import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.command_line import progress_bar
from ml.extractors.runtime import load_extractor
from ml.genres.evidence.films import Films
from ml.genres.training_set import TrainingSet
from ml.grouping import group_numbers
from ml.labelled_set.array_cache import cached, listing_digest
from ml.labelled_set.listing import LabelledPoster, label_table, read_labelled_set, sample

Indexes = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LabelledFilms:
    """n films with a poster each. labels (n, g); groups (n,): equal for films of a series."""

    posters: tuple[LabelledPoster, ...]
    films: Films
    labels: Labels
    groups: Indexes
    genres: tuple[str, ...]
    extractor: str

    def training_set(self, rows: Indexes, labels: Labels) -> TrainingSet:
        """Some of the films, with these labels (rows, g)."""
        chosen = self.films.subset(rows)
        return TrainingSet(
            chosen.vectors, labels, self.groups[rows], self.genres, self.extractor,
            tuple(chosen.titles), chosen.years, tuple(chosen.overviews),
        )  # fmt: skip


def read_films(data: Path, cache: Path, limit: int | None = None, seed: int = 0) -> LabelledFilms:
    """Films of `data`/posters.csv with the overviews of texts.csv.gz, and vectors of the bundled extractor.

    The vectors are stored in the folder `cache`. They are derived from copyrighted posters: do not commit it.
    """
    posters = sample(read_labelled_set(data / "posters.csv", data / "posters").posters, limit, seed)
    with gzip.open(data / "texts.csv.gz", "rt", encoding="utf-8", newline="") as file:
        overviews = {row["imdb_id"]: row["overview"] for row in csv.DictReader(file)}
    genres, labels = label_table(posters)
    vectors, extractor = _vectors(posters, cache)
    films = Films(
        vectors,
        np.arange(len(posters)),
        [poster.title for poster in posters],
        np.array([poster.year or 0 for poster in posters], dtype=np.int64),
        [overviews.get(Path(poster.file).stem, "") for poster in posters],
    )
    return LabelledFilms(
        posters, films, labels, group_numbers([poster.series for poster in posters]), genres, extractor
    )


def _vectors(posters: tuple[LabelledPoster, ...], cache: Path) -> tuple[npt.NDArray[np.float32], str]:
    with tempfile.TemporaryDirectory() as exports:
        extractor = load_extractor("postersite", weights_dir=None, cache_dir=Path(exports))
        shape = (len(posters), extractor.dims)

        def embed() -> dict[str, npt.NDArray[np.float16]]:
            vectors = np.zeros(shape, dtype=np.float16)
            with progress_bar("Embedding", len(posters)) as show:
                for row, vector in extractor.embed_files([poster.path for poster in posters]):
                    vectors[row] = vector
                    show(row + 1)
            return {"vectors": vectors}

        cache.mkdir(parents=True, exist_ok=True)
        digest = listing_digest(posters, extractor.fingerprint)
        stored = cached(cache / f"vectors-{digest[:16]}.npz", {"vectors": shape}, embed)["vectors"]
    return stored.astype(np.float32), extractor.fingerprint
