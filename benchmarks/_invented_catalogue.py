"""A catalogue of any number of invented films, with posters, vectors and suggestions, for the benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

GENRES = (
    *(
        "Drama",
        "Comedy",
        "Thriller",
        "Action",
        "Romance",
        "Crime",
        "Adventure",
        "Horror",
        "Sci-Fi",
        "Fantasy",
    ),
    *("Mystery", "Family", "Animation", "War", "Music", "Western", "History", "Documentary", "Film-Noir"),
)
WORDS = 20_000
SHARE_UNTAGGED, SHARE_WITHOUT_POSTER, SUGGESTIONS = 0.2, 0.03, 3
BATCH = 2000
OVERVIEW = (
    "A film that was invented for a benchmark, with an overview as long as those of most real films. " * 3
)


def fill(films: int, seed: int = 0) -> None:
    """Add `films` films to the site of this process, which must be empty, and build its indexes.

    A fifth of them has no genres and three pending suggestions of the bundled model. The vectors are random,
    and no poster has a file.
    """
    from django.utils import timezone

    from catalog import search
    from catalog.embeddings import index_files
    from catalog.genres.bundled import install_genre_model
    from catalog.models import Embedding, Genre, Movie, MovieGenre, Poster, Suggestion

    model = install_genre_model().model
    rng = np.random.default_rng(seed)
    titles = _titles(rng)
    genres = [Genre.objects.get_or_create(name=name, defaults={"slug": name.lower()})[0] for name in GENRES]
    now = timezone.now()
    for numbers in _batched(range(1, films + 1)):
        movies = Movie.objects.bulk_create(
            Movie(
                title=next(titles),
                year=int(rng.integers(1920, 2026)),
                overview=OVERVIEW,
                tmdb_id=number,
                imdb_id=f"tt{number:07}",
            )
            for number in numbers
        )
        posters = Poster.objects.bulk_create(
            _poster(movie, rng, now) for movie in movies if rng.random() >= SHARE_WITHOUT_POSTER
        )
        vectors = rng.standard_normal((len(posters), model.extractor.dims)).astype("<f2")
        Embedding.objects.bulk_create(
            Embedding(poster=poster, extractor=model.extractor, vector=vector.tobytes())
            for poster, vector in zip(posters, vectors, strict=True)
        )
        tagged, suggested = [], []
        for movie in movies:
            if rng.random() < SHARE_UNTAGGED:
                suggested += [(movie, genres[each]) for each in _some(rng, SUGGESTIONS)]
            else:
                tagged += [(movie, genres[each]) for each in _some(rng, int(rng.integers(1, 4)))]
        MovieGenre.objects.bulk_create(
            MovieGenre(movie=movie, genre=genre, origin="imported") for movie, genre in tagged
        )
        shown = {poster.movie_id: poster for poster in posters}
        Suggestion.objects.bulk_create(
            Suggestion(
                movie=movie,
                genre=genre,
                model=model,
                poster=shown.get(movie.pk),
                poster_sha256=shown[movie.pk].sha256 if movie.pk in shown else "",
                evidence=",".join(model.parts),
                score=float(rng.random()) * 0.7 + 0.3,
                threshold=0.3,
                explanation={"parts": {"poster": 0.8, "title": 0.2}, "words": []},
            )
            for movie, genre in suggested
        )
        search.index([movie.pk for movie in movies])
    index_files.build(model.extractor)


def _batched(numbers: range) -> Iterator[tuple[int, ...]]:
    from django.db import transaction

    left = iter(numbers)
    while batch := tuple(islice(left, BATCH)):  # itertools.batched needs Python 3.12
        with transaction.atomic():
            yield batch


def _titles(rng: np.random.Generator) -> Iterator[str]:
    """Titles of one to four words. As in real titles, a few words are frequent and most are rare."""
    syllables = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]
    words = ["".join(rng.choice(syllables, rng.integers(2, 5))).capitalize() for _ in range(WORDS)]
    odds = 1 / np.arange(5, WORDS + 5)
    odds /= odds.sum()
    while True:
        for chosen in rng.choice(words, (BATCH, 4), p=odds):
            title = " ".join(chosen[: rng.integers(1, 5)])
            yield f"The {title}" if rng.random() < 0.2 else title


def _poster(movie: Any, rng: np.random.Generator, now: Any) -> Any:
    from catalog.models import Poster

    digest = hashlib.sha256(str(movie.pk).encode()).hexdigest()
    return Poster(
        movie=movie,
        source="upload",
        sha256=digest,
        perceptual_hash=f"{int(rng.integers(2**63)):016x}",
        width=500,
        height=750,
        file=f"posters/{digest[:2]}/{digest}.webp",
        medium=f"posters/{digest[:2]}/{digest}-500.webp",
        thumbnail=f"posters/{digest[:2]}/{digest}-220.webp",
        fetched_at=now,
        is_primary=True,
    )


def _some(rng: np.random.Generator, number: int) -> list[int]:
    """Different genres; the first ones are the most frequent."""
    return sorted(set((rng.random(number) ** 2 * len(GENRES)).astype(int).tolist()))
