"""Posters by TMDB's API, from a replica that has one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.cache import cache

from catalog.checks import poster_sources_have_keys
from catalog.models import Movie
from catalog.posters.fetch import NoPoster
from catalog.posters.source_settings import missing_key
from catalog.posters.sources.registry import POSTER_SOURCES
from tests.catalog.posters.conftest import Serve, fetch_poster
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory
from tests.replica.faults import Fault, FaultySite, body, not_found, status

pytestmark = pytest.mark.django_db

API = POSTER_SOURCES["tmdb_api"]


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    cache.clear()
    return serve([replace(film(1), franchise="Harbour"), film(2)], ["tmdb_api"])


def test_a_poster_its_page_and_its_franchise_are_stored(movie: Movie) -> None:
    poster = fetch_poster(movie)
    movie.refresh_from_db()
    assert poster.source == "tmdb_api" and "/t/p/w780/" in poster.source_url
    assert poster.page_url == f"https://www.themoviedb.org/movie/{movie.tmdb_id}"
    assert movie.franchise == "Harbour Collection"


def test_an_imdb_id_is_enough_and_the_tmdb_id_is_stored(site: FaultySite, movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(tmdb_id=None, franchise="Docks")
    movie.refresh_from_db()
    assert fetch_poster(movie).source == "tmdb_api"
    movie.refresh_from_db()
    assert movie.tmdb_id == site.movies[0].tmdb_id
    assert movie.franchise == "Docks"


def test_an_id_that_another_movie_has_is_not_stored(site: FaultySite) -> None:
    MovieFactory(tmdb_id=site.movies[0].tmdb_id)
    movie = MovieFactory(imdb_id=site.movies[0].imdb_id, tmdb_id=None)
    assert fetch_poster(movie).movie_id == movie.pk
    movie.refresh_from_db()
    assert movie.tmdb_id is None


def test_the_configuration_is_requested_once(site: FaultySite, settings: Any) -> None:
    # Other tests have no cache.
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "configuration"}
    }
    for shown in site.movies:
        fetch_poster(known(shown))
    assert len(site.paths("/3/configuration")) == 1
    assert len(site.paths("/3/movie/")) == 2
    assert site.paths("robots") == ["/robots.txt"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (status(401), "does not accept the key in POSTERSITE_TMDB_KEY"),
        (not_found(), ""),
        (body(b"<html>"), ""),
        (body(b"{}"), ""),
    ],
)
def test_a_response_without_a_film_is_a_reason(
    site: FaultySite, movie: Movie, fault: Fault, reason: str
) -> None:
    site.spoil("/3/movie/", fault)
    with pytest.raises(NoPoster, match=f"tmdb_api.*{reason}"):
        fetch_poster(movie)


def test_without_a_key_the_message_names_the_setting(settings: Any) -> None:
    settings.REPLICA_URL, settings.POSTER_SOURCES = "", ["tmdb_api"]
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": ""}
    assert "set POSTERSITE_TMDB_KEY" in missing_key(API)
    with pytest.raises(NoPoster, match="tmdb_api: tmdb_api needs a key: set POSTERSITE_TMDB_KEY"):
        fetch_poster(MovieFactory(tmdb_id=348))
    assert [message.id for message in poster_sources_have_keys(None)] == ["catalog.E004"]
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": "x"}
    assert missing_key(API) == "" and poster_sources_have_keys(None) == []


def test_the_replica_never_gets_the_real_key(site: FaultySite, movie: Movie, settings: Any) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": secret}
    fetch_poster(movie)
    assert not [path for path in site.paths() if secret in path]
