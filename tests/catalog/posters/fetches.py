"""Fetch and refresh posters from the enabled sources."""

from __future__ import annotations

from catalog.models import Movie, Poster
from catalog.posters.fetch import fetch_posters
from catalog.posters.lookup import enabled_clients
from catalog.posters.refresh import RefreshResult, refresh_movie


def fetch_poster(movie: Movie) -> Poster:
    return fetch_posters(movie, 1, enabled_clients())[0]


def fetch_several(movie: Movie, wanted: int) -> list[Poster]:
    return fetch_posters(movie, wanted, enabled_clients())


def refresh(movie: Movie) -> RefreshResult:
    return refresh_movie(movie, {client.source.name: client for client in enabled_clients()})
