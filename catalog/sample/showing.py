"""The sample films as the replica site shows them."""

from functools import partial
from pathlib import Path

from catalog.sample.drawing import kept_poster
from catalog.sample.films import sample_films
from catalog.sample.site_pages import ReplicaMovie


def sample_movies(posters: Path) -> list[ReplicaMovie]:
    """Every sample film; posters are drawn when first asked for and kept in the folder ``posters``."""
    return [
        ReplicaMovie(
            film.tmdb_id,
            film.imdb_id,
            film.title,
            film.year,
            film.overview,
            partial(kept_poster, film, posters),
            film.franchise,
        )
        for film in sample_films()
    ]
