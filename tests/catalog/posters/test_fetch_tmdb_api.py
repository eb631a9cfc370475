"""Posters by TMDB's API, from a replica that has one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.cache import cache

from catalog.checks import poster_sources_have_keys
from catalog.models import Movie
from catalog.posters.fetch import NoPoster, Postponed
from catalog.posters.source_settings import missing_key
from catalog.posters.sources.registry import POSTER_SOURCES
from tests.catalog.posters.conftest import Serve
from tests.catalog.posters.fetches import fetch_poster
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory
from tests.replica.faults import FaultySite, body, not_found, status, too_many

pytestmark = pytest.mark.django_db

API = POSTER_SOURCES["tmdb_api"]


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    cache.clear()
    return serve([replace(film(1), franchise="Harbour"), film(2)], ["tmdb_api"])


def test_a_poster_its_page_and_its_franchise_are_stored(site: FaultySite) -> None:
    movie = known(site.movies[0])
    poster = fetch_poster(movie)
    movie.refresh_from_db()
    assert poster.source == "tmdb_api" and "/t/p/w780/" in poster.source_url
    assert poster.page_url == f"https://www.themoviedb.org/movie/{movie.tmdb_id}"
    assert movie.franchise == "Harbour Collection"


def test_an_imdb_id_is_enough_and_the_tmdb_id_is_stored(site: FaultySite) -> None:
    movie = known(site.movies[0])
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


def test_the_next_width_is_fetched_if_the_first_is_gone(site: FaultySite) -> None:
    site.spoil("/t/p/w780/", not_found())
    assert "/t/p/w500/" in fetch_poster(known(site.movies[0])).source_url


def test_a_rate_limit_postpones_the_movie(site: FaultySite) -> None:
    site.spoil("/3/movie/", too_many("30"))
    with pytest.raises(Postponed) as caught:
        fetch_poster(known(site.movies[0]))
    assert caught.value.seconds == pytest.approx(30, abs=1)


@pytest.mark.parametrize("fault", [status(401), not_found(), body(b"<html>"), body(b"{}")])
def test_a_response_without_a_film_is_a_reason(site: FaultySite, fault: Any) -> None:
    site.spoil("/3/movie/", fault)
    with pytest.raises(NoPoster, match="tmdb_api: "):
        fetch_poster(known(site.movies[0]))


def test_a_key_that_is_not_accepted_is_the_reason(site: FaultySite) -> None:
    site.spoil("/3/movie/", status(401))
    with pytest.raises(NoPoster, match="does not accept the key in POSTERSITE_TMDB_KEY"):
        fetch_poster(known(site.movies[0]))


def test_without_a_key_the_message_names_the_setting(settings: Any) -> None:
    settings.REPLICA_URL, settings.POSTER_SOURCES = "", ["tmdb_api"]
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": ""}
    assert "set POSTERSITE_TMDB_KEY" in missing_key(API)
    with pytest.raises(NoPoster, match="tmdb_api: tmdb_api needs a key: set POSTERSITE_TMDB_KEY"):
        fetch_poster(MovieFactory(tmdb_id=348))
    assert [message.id for message in poster_sources_have_keys(None)] == ["catalog.E004"]
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": "x"}
    assert missing_key(API) == "" and poster_sources_have_keys(None) == []


def test_the_replica_never_gets_the_real_key(site: FaultySite, settings: Any) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    settings.SOURCE_KEYS = {"POSTERSITE_TMDB_KEY": secret}
    fetch_poster(known(site.movies[0]))
    assert not [path for path in site.paths() if secret in path]
