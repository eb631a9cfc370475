"""What is known of movies whose genres are to be predicted, and digests of what suggestions rest on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.models import Embedding, Movie, Poster
from ml.genres.evidence.films import Films


@dataclass(frozen=True)
class Evidence:
    """What is known of one movie. poster: the one it shows, if it has one."""

    title: str
    year: int | None
    overview: str
    text_version: int
    poster: Poster | None = None

    @classmethod
    def of(cls, movie: Movie, poster: Poster | None) -> Evidence:
        return cls(movie.title, movie.year, movie.overview, movie.text_version, poster)

    @property
    def poster_sha256(self) -> str:
        return self.poster.sha256 if self.poster is not None else ""

    def digest(self, parts: Sequence[str]) -> str:
        """The digest of these parts, missing ones included: 64 hexadecimal digits.

        That of a poster alone is the poster's own SHA-256, which earlier versions recorded.
        """
        if list(parts) == ["poster"] and self.poster is not None:
            return self.poster.sha256
        known = {
            "poster": self.poster_sha256,
            "title": self.title,
            "year": self.year,
            "overview": self.overview,
        }
        chosen = {part: known.get(part) for part in parts}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def films_of(known: Sequence[Evidence], vectors: Iterable[tuple[int, Embedding]], dims: int) -> Films:
    """The movies as a genre model reads them. vectors: embeddings of posters, each with its movie's index."""
    listed = list(vectors)
    return Films(
        vectors=np.stack([row.as_array() for _, row in listed])
        if listed
        else np.zeros((0, dims), dtype=np.float32),
        owners=np.array([index for index, _ in listed], dtype=np.int64),
        titles=[each.title for each in known],
        years=np.array([each.year or 0 for each in known], dtype=np.int64),
        overviews=[each.overview for each in known],
    )


def shares(explanation: Mapping[str, object]) -> list[tuple[str, float]]:
    """The parts that speak for a suggestion with their shares of what speaks for it, largest first."""
    parts = explanation.get("parts")
    values = {
        str(part): float(value)
        for part, value in (parts.items() if isinstance(parts, dict) else ())
        if isinstance(value, int | float) and value > 0
    }
    total = sum(values.values())
    return sorted(((part, value / total) for part, value in values.items()), key=lambda each: -each[1])
