"""The movie's admin form, filled in as a browser would."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from catalog.models import Movie
from tests.factories import GenreFactory


def save_movie(client: Client, movie: Movie | None, *, genres: list[str] | None = None, **fields: Any) -> Any:
    """POST the form. `genres=None` leaves the boxes as the movie has them."""
    address = (
        reverse("admin:catalog_movie_change", args=[movie.pk])
        if movie
        else reverse("admin:catalog_movie_add")
    )
    chosen = (
        [GenreFactory(name=name).pk for name in genres]
        if genres is not None
        else list(movie.genres.values_list("pk", flat=True) if movie else [])
    )
    data = {
        "title": movie.title if movie else "",
        "year": (movie.year if movie else "") or "",
        "imdb_id": (movie.imdb_id if movie else "") or "",
        "tmdb_id": (movie.tmdb_id if movie else "") or "",
        "genre_choices": chosen,
        "posters-TOTAL_FORMS": 0,
        "posters-INITIAL_FORMS": 0,
    }
    return client.post(address, data | fields)
