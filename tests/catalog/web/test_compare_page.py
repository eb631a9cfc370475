"""The compare page puts one poster before several extractors, a row for each."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.embeddings.index_files import build_stale
from catalog.models import Extractor, Movie
from tests.catalog.pages import films, one, soup, texts
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def extractors() -> list[Extractor]:
    return [ExtractorFactory(spec=spec, dims=4) for spec in ("histograms", "mobilenet_v2", "pixels")]


@pytest.fixture
def shelf(extractors: list[Extractor]) -> list[Movie]:
    shelf = MovieFactory.create_batch(7, genres=["Drama"], poster=True)
    for film in shelf:
        for extractor in extractors:
            EmbeddingFactory(poster=film.primary_poster, extractor=extractor)
    build_stale()
    return shelf


def test_a_row_of_five_for_every_extractor_raw_pixels_first(client: Client, shelf: list[Movie]) -> None:
    page = soup(client.get(f"/compare/{shelf[0].pk}/"))
    assert texts(page, ".rows h2") == [
        "Raw pixels 4 dimensions, Euclidean distance",
        "MobileNetV2 4 dimensions, corrected cosine distance",
        "Colour and shape 4 dimensions, corrected cosine distance",
    ]
    for row in page.select(".rows section"):
        assert len(row.select(".tile")) == 5
        assert shelf[0].title not in texts(row, ".title")


def test_only_the_ticked_extractors_are_shown_and_stay_ticked(
    client: Client, shelf: list[Movie], extractors: list[Extractor]
) -> None:
    chosen = [extractors[0].pk, extractors[2].pk]
    query = {"extractor": [str(pk) for pk in chosen], "method": "ball_tree"}
    page = soup(client.get(f"/compare/{shelf[0].pk}/", query))
    assert [name.split(" 4 ")[0] for name in texts(page, ".rows h2")] == ["Raw pixels", "Colour and shape"]
    assert {int(str(box["value"])) for box in page.select("[type=checkbox][checked]")} == set(chosen)
    assert one(page, "[type=radio][checked]")["value"] == "ball_tree"
    assert all("Euclidean" in heading for heading in texts(page, ".rows h2"))


def test_htmx_gets_the_rows_alone(client: Client, shelf: list[Movie]) -> None:
    headers = {"HX-Request": "true", "HX-Target": "rows"}
    page = soup(client.get(f"/compare/{shelf[0].pk}/", headers=headers))
    assert page.select("#rows") and not page.select("h1")


def test_picking_a_film_by_search(client: Client, shelf: list[Movie]) -> None:
    MovieFactory(title=shelf[3].title + " without poster")
    page = soup(client.get("/compare/", {"q": shelf[3].title}))
    assert films(page) == [shelf[3].title]
    assert one(page, ".wall a")["href"] == f"/compare/{shelf[3].pk}/"


def test_a_random_film_is_one_that_can_be_compared(client: Client, shelf: list[Movie]) -> None:
    MovieFactory()
    seen = {client.get("/compare/random/")["Location"] for _ in range(12)}
    assert seen <= {f"/compare/{film.pk}/" for film in shelf} and len(seen) > 1


def test_before_anything_is_embedded_both_pages_say_so(client: Client) -> None:
    film = MovieFactory(poster=True)
    assert "once they are embedded" in one(soup(client.get("/compare/")), ".empty").get_text()
    assert "once they are embedded" in one(soup(client.get(f"/compare/{film.pk}/")), ".empty").get_text()
    assert client.get("/compare/random/")["Location"] == "/compare/"


def test_a_film_without_poster_says_why_its_rows_are_empty(client: Client, shelf: list[Movie]) -> None:
    film = MovieFactory()
    assert set(texts(soup(client.get(f"/compare/{film.pk}/")), ".rows section .quiet")) == {
        "This film has no poster yet."
    }


def test_raw_pixels_are_offered_where_they_are_not_in_use(
    client: Client, admin_client: Client, shelf: list[Movie], extractors: list[Extractor]
) -> None:
    switch, addresses = "POSTERSITE_EXTRACTORS=postersite,pixels", ("/compare/", f"/compare/{shelf[0].pk}/")
    for address in addresses:
        assert switch not in admin_client.get(address).text
    extractors[2].embeddings.all().delete()
    for address in addresses:
        assert switch in admin_client.get(address).text
        assert switch not in client.get(address).text
