"""Films that a replica site shows and the catalogue knows, each with a poster of its own."""

from __future__ import annotations

from catalog.models import Movie
from catalog.sample.site import ReplicaMovie
from tests.factories import tiny_jpeg

FIRST_ID = 7_000_000


def film(number: int, poster: bytes | None = None) -> ReplicaMovie:
    return ReplicaMovie(
        FIRST_ID + number,
        f"tt{FIRST_ID + number}",
        f"Film {number}",
        1950 + number % 70,
        "Somebody goes somewhere.",
        tiny_jpeg(number, (60, 90)) if poster is None else poster,
    )


def known(shown: ReplicaMovie) -> Movie:
    """The catalogue's movie for a film of the replica."""
    return Movie.objects.create(
        title=shown.title, year=shown.year, tmdb_id=shown.tmdb_id, imdb_id=shown.imdb_id
    )
