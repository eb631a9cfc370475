"""The rate limits of hosts: defaults, settings, and the lowest if sources share a host."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.posters.lookup import _policy
from catalog.posters.source_settings import image_host, requests_per_second, unknown_rate_names
from catalog.posters.sources.registry import POSTER_SOURCES

API, PAGE, IMDB = (POSTER_SOURCES[name] for name in ("tmdb_api", "tmdb_page", "imdb_page"))


@pytest.fixture(autouse=True)
def defaults(settings: Any) -> None:
    settings.REQUESTS_PER_SECOND = None
    settings.REQUESTS_PER_SECOND_OF = {}
    settings.POSTER_SOURCES = ["tmdb_api", "tmdb_page", "imdb_page"]


def test_the_default_rates() -> None:
    assert requests_per_second(API) == {"api.themoviedb.org": 20, "image.tmdb.org": 20}
    assert requests_per_second(PAGE)["www.themoviedb.org"] == 1
    assert requests_per_second(IMDB)["www.imdb.com"] == 1
    assert requests_per_second(IMDB)["m.media-amazon.com"] == 5


def test_a_rate_for_a_host_has_priority_over_its_source_and_that_over_one_for_all(settings: Any) -> None:
    settings.REQUESTS_PER_SECOND = 2.0
    assert set(requests_per_second(API).values()) == {2}
    settings.REQUESTS_PER_SECOND_OF = {"tmdb_api": 30.0, "tmdb_page": 30.0, "www.themoviedb.org": 0.5}
    assert requests_per_second(API) == {"api.themoviedb.org": 30, "image.tmdb.org": 30}
    assert requests_per_second(PAGE)["www.themoviedb.org"] == 0.5
    assert requests_per_second(IMDB)["www.imdb.com"] == 2


def test_sources_that_share_a_host_share_the_lower_rate(settings: Any) -> None:
    settings.REQUESTS_PER_SECOND_OF = {"tmdb_page": 3.0}
    assert requests_per_second(API)["image.tmdb.org"] == requests_per_second(PAGE)["image.tmdb.org"] == 3
    settings.POSTER_SOURCES = ["tmdb_api"]
    assert requests_per_second(API)["image.tmdb.org"] == 20


def test_a_replica_is_one_host_for_all(settings: Any) -> None:
    settings.REPLICA_URL = "http://127.0.0.1:8900"
    assert requests_per_second(API) == {"127.0.0.1:8900": 1}
    settings.POSTER_SOURCES = ["tmdb_api"]
    assert requests_per_second(API) == {"127.0.0.1:8900": 20}
    settings.REQUESTS_PER_SECOND_OF = {"127.0.0.1:8900": 100.0}
    assert requests_per_second(API) == {"127.0.0.1:8900": 100}
    assert image_host(API) == "127.0.0.1:8900"
    assert unknown_rate_names() == []


def test_unknown_names(settings: Any) -> None:
    settings.REQUESTS_PER_SECOND_OF = {
        "tmdb_api": 1.0,
        "image.tmdb.org": 1.0,
        "tmbd_page": 1.0,
        "imdb.com": 1.0,
    }
    assert unknown_rate_names() == ["tmbd_page", "imdb.com"]


def test_the_policy_of_a_source(settings: Any) -> None:
    settings.REQUESTS_AT_ONCE = 7
    policy = _policy(API, 1000)
    assert policy.interval_s("api.themoviedb.org") == 0.05
    assert policy.max_at_once == 7
    assert policy.depends_on == {"image.tmdb.org"}
    assert hash(policy) == hash(_policy(API, 1000)) and policy == _policy(API, 1000)
    settings.REQUESTS_PER_SECOND = 1.0
    assert policy != _policy(API, 1000)
