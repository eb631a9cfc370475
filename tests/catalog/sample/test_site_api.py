"""The replica's API requires a key, limits the rate, and responds as TMDB's does."""

from dataclasses import replace

import pytest
import requests

from catalog.sample.site import ReplicaSite
from tests.catalog.sample.pictures import film

TOKEN = {"Authorization": "Bearer some-token"}


@pytest.mark.parametrize("path", ["/3/configuration", "/3/movie/1", "/3/find/tt0000001", "/3/nothing"])
def test_a_key_is_required(site: ReplicaSite, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic abc"}):
        response = requests.get(site.url + path, headers=headers, timeout=5)
        assert (response.status_code, response.json()["status_code"]) == (401, 7)


def test_both_kinds_of_key_are_accepted(site: ReplicaSite) -> None:
    by_header = requests.get(f"{site.url}/3/configuration", headers=TOKEN, timeout=5)
    by_query = requests.get(f"{site.url}/3/configuration?api_key=abc", timeout=5)
    assert by_header.json() == by_query.json()
    assert by_header.json()["images"]["secure_base_url"] == f"{site.url}/t/p/"


def test_the_api_is_rate_limited_and_the_pages_are_not() -> None:
    with ReplicaSite([film()], api_per_second=3) as site, requests.Session() as session:
        responses = [session.get(f"{site.url}/3/movie/701", headers=TOKEN, timeout=5) for _ in range(4)]
        page = session.get(f"{site.url}/movie/701", timeout=5)
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[-1].headers["Retry-After"] == "1"
    assert page.status_code == 200


def test_only_a_film_with_both_ids_is_found_by_its_imdb_id() -> None:
    movie = film(1)
    with ReplicaSite([movie, replace(film(2), tmdb_id=None)]) as site:
        found, unknown, without = (
            requests.get(f"{site.url}/3/find/{imdb_id}", headers=TOKEN, timeout=5).json()["movie_results"]
            for imdb_id in (movie.imdb_id, "tt9999999", film(2).imdb_id)
        )
        missing = requests.get(f"{site.url}/3/movie/999999", headers=TOKEN, timeout=5)
    assert [each["id"] for each in found] == [movie.tmdb_id]
    assert unknown == without == []
    assert (missing.status_code, missing.json()["status_code"]) == (404, 34)
