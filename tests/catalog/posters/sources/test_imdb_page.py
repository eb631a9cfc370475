"""The poster on IMDb's page, in the shapes that page has had."""

import pytest

from catalog.posters.sources import imdb_page
from catalog.posters.sources.links import NoPosterFound

from .saved_pages import saved_page

URL = "https://www.imdb.com/title/tt0000007/"


@pytest.mark.parametrize(
    ("page", "poster", "found_in"),
    [
        (
            "imdb_2012",
            "http://ia.media-imdb.com/images/M/MV5BMTI3NTQyMzU5M15BMl5BanBnXkFtZTcwMTM2MjgyMQ@@._V1_SX780_.jpg",
            "div.poster img",
        ),
        (
            "imdb_2018",
            "https://m.media-amazon.com/images/M/MV5BYzE5MjY1ZDgtMTkyNC00MTMyLThhMjAtZGI5OTE1NzFlZGJjXkEyXkFqcGde"
            "QXVyNjU0OTQ0OTY@._V1_SX780_.jpg",
            "div.poster img",
        ),
        ("imdb_2024", "https://m.media-amazon.com/images/M/MV5Bld._V1_SX780_.jpg", "JSON-LD image"),
    ],
)
def test_the_poster_is_found_and_lifted(page: str, poster: str, found_in: str) -> None:
    link = imdb_page.parse(saved_page(page), URL)
    assert link.url == poster
    assert link.found_in == found_in
    assert len(link.alternatives) == 1


@pytest.mark.parametrize(
    ("without", "found_in", "name"),
    [
        (b"application/ld+json", "og:image", "MV5Bog"),
        (b"og:image", "JSON-LD image", "MV5Bld"),
    ],
)
def test_one_place_stands_in_for_another(without: bytes, found_in: str, name: str) -> None:
    link = imdb_page.parse(saved_page("imdb_2024").replace(without, b"x"), URL)
    assert link.found_in == found_in
    assert f"/images/M/{name}._V1_SX780_.jpg" in link.url


def test_the_hero_picture_is_the_last_resort() -> None:
    page = saved_page("imdb_2024").replace(b"application/ld+json", b"x").replace(b"og:image", b"x")
    assert imdb_page.parse(page, URL).url.endswith("/images/M/MV5Bhero._V1_SX780_.jpg")


def test_the_sites_logo_is_no_poster() -> None:
    with pytest.raises(NoPosterFound, match="tt0000007/ shows no poster"):
        imdb_page.parse(saved_page("imdb_no_poster"), URL)


@pytest.mark.parametrize(
    ("url", "lifted"),
    [
        ("https://h/images/M/a._V1_UX182_CR0,0,182,268_AL_.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a@@._V1_SX300.jpg", "https://h/images/M/a@@._V1_SX780_.jpg"),
        ("https://h/images/M/a._V1_.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a._V1_FMjpg_UX1000_.png", "https://h/images/M/a._V1_SX780_.png"),
    ],
)
def test_size_and_crop_are_replaced(url: str, lifted: str) -> None:
    assert imdb_page.sizes(url) == (lifted, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://h/images/G/01/imdb/images/social/imdb_logo.png",
        "https://h/images/S/sash/x.png",
        "https://h/images/M/a.svg",
        "https://h/images/M/a/b.jpg",
        "https://h/x.jpg?u=/images/M/a.jpg",
    ],
)
def test_what_is_no_poster_has_no_sizes(url: str) -> None:
    assert imdb_page.sizes(url) == ()
