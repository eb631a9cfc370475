"""A replica of the poster sources, which the settings point to, and functions that fetch from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis

from catalog.models import Movie, Poster
from catalog.posters.fetch import fetch_posters
from catalog.posters.lookup import enabled_clients
from catalog.posters.refresh import RefreshResult, refresh_movie
from catalog.sample.site import ReplicaMovie
from tests.catalog.posters.films import known
from tests.replica.faults import FaultySite

Serve = Callable[[Sequence[ReplicaMovie], list[str]], FaultySite]


@pytest.fixture
def serve(broker: Redis, settings: Any) -> Iterator[Serve]:
    """serve(films, sources) starts a replica with these films and enables these sources."""
    with ExitStack() as stack:

        def start(films: Sequence[ReplicaMovie], sources: list[str]) -> FaultySite:
            site = stack.enter_context(FaultySite(films))
            settings.REPLICA_URL = site.url
            settings.POSTER_SOURCES = sources
            settings.REQUESTS_PER_SECOND = 1000.0
            return site

        yield start


@pytest.fixture
def movie(site: FaultySite) -> Movie:
    """The catalogue's movie for the first film of the module's `site`."""
    return known(site.movies[0])


def fetch_poster(movie: Movie) -> Poster:
    return fetch_posters(movie, 1, enabled_clients())[0]


def fetch_several(movie: Movie, wanted: int) -> list[Poster]:
    return fetch_posters(movie, wanted, enabled_clients())


def refresh(movie: Movie) -> RefreshResult:
    return refresh_movie(movie, {client.source.name: client for client in enabled_clients()})
