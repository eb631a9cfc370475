"""Pages make the same number of queries for any number of rows, and no more than the limit below."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import DuplicateGroup, DuplicateMember, Movie
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    MovieFactory,
    RunFactory,
    RunItemFactory,
    SuggestionFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Two queries of each staff page are for session and account, and two for the number of pending suggestions.
# Tests cache nothing; on a site the second of these and some others are made every few seconds only.
PAGES = {
    "/": 14,
    "/?q=film": 15,
    "/?genre=drama": 19,
    "/movie/{movie}/": 17,
    "/compare/{movie}/": 13,
    "/compare/?q=film": 11,
    "/runs/live/": 1,
    "/api/movies": 5,
    "/api/movies/{movie}/lookalikes": 13,
}
STAFF_PAGES = {
    "/": 18,
    "/runs/": 19,
    "/runs/{run}/": 9,
    "/admin/": 14,
    "/admin/catalog/reviewqueue/": 40,
    "/admin/catalog/reviewqueue/grid/": 13,
    "/admin/catalog/duplicategroup/": 9,
    "/admin/catalog/movie/": 9,
    "/admin/catalog/movie/{movie}/change/": 12,
    "/admin/catalog/genremodel/": 14,
    "/admin/catalog/suggestion/": 9,
    "/admin/catalog/poster/": 12,
    "/admin/catalog/run/": 12,
    "/runs/{run}/?state=done": 9,
}


def films(number: int) -> list[Movie]:
    """Movies with an embedded poster, two genres, two suggestions, an item of a run, and a duplicate."""
    extractor = ExtractorFactory(spec="histograms", dims=8)
    run = RunFactory(kind="scrape", state="done", asked_by=UserFactory())
    made: list[Movie] = []
    for _ in range(number):
        film, twin = (
            MovieFactory(
                title=f"Film {name}", genres=["Drama", "Horror"], poster=True, imdb_id=None, tmdb_id=None
            )
            for name in "ab"
        )
        group = DuplicateGroup.objects.create()
        for each in (film, twin):
            EmbeddingFactory(poster=each.primary_poster, extractor=extractor)
            DuplicateMember.objects.create(
                group=group, movie=each, poster=each.primary_poster, reason="first"
            )
        for genre in ("War", "Western"):
            SuggestionFactory(movie=film, genre__name=genre)
        RunItemFactory(run=run, movie=film, state="done")
        made.append(film)
    return made


@pytest.mark.parametrize("who", ["visitor", "staff"])
def test_pages_take_the_same_few_queries_however_much_they_show(
    who: str, client: Client, admin_client: Client
) -> None:
    visitor, pages = (client, PAGES) if who == "visitor" else (admin_client, STAFF_PAGES)
    film, _ = films(2)
    run = film.run_items.get().run_id
    addresses = {address: address.format(movie=film.pk, run=run) for address in pages}
    few = {address: queries(visitor, real) for address, real in addresses.items()}
    films(5)
    many = {address: queries(visitor, real) for address, real in addresses.items()}
    assert many == few
    assert {address: number for address, number in few.items() if number > pages[address]} == {}


def queries(client: Client, address: str) -> int:
    response: Any = client.get(address)  # fill caches
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200, address
    return len(captured)
