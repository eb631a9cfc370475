"""The poster on TMDB's page, in the shapes that page has had."""

import pytest

from catalog.posters.sources import tmdb_page
from catalog.posters.sources.links import NoPosterFound

from .saved_pages import saved_page

URL = "https://www.themoviedb.org/movie/7-the-lighthouse-choir"


@pytest.mark.parametrize(
    ("page", "poster", "shown", "found_in"),
    [
        (
            "tmdb_lazy",
            "https://www.themoviedb.org/t/p/w780/lhcPoster-1_x.jpg",
            "https://www.themoviedb.org/t/p/w300_and_h450_bestv2/lhcPoster-1_x.jpg",
            "div.image_content.backdrop img",
        ),
        (
            "tmdb_eager",
            "https://www.themoviedb.org/t/p/w780/saltOrchard.jpg",
            "https://www.themoviedb.org/t/p/w220_and_h330_face/saltOrchard.jpg",
            "div.image_content.backdrop img",
        ),
        (
            "tmdb_meta_only",
            "https://image.tmdb.org/t/p/w780/metaOnly.jpg",
            "https://image.tmdb.org/t/p/w500/metaOnly.jpg",
            "og:image",
        ),
        (
            "tmdb_json_ld",
            "https://image.tmdb.org/t/p/w780/fromLd.png",
            "https://image.tmdb.org/t/p/original/fromLd.png",
            "JSON-LD image",
        ),
    ],
)
def test_the_poster_is_found_and_lifted(page: str, poster: str, shown: str, found_in: str) -> None:
    link = tmdb_page.parse(saved_page(page), URL)
    assert link.url == poster
    assert link.alternatives[-1] == shown
    assert link.found_in == found_in


def test_sizes_to_fall_back_on_come_in_order_and_once() -> None:
    link = tmdb_page.parse(saved_page("tmdb_meta_only"), URL)
    assert [link.url, *link.alternatives] == [
        "https://image.tmdb.org/t/p/w780/metaOnly.jpg",
        "https://image.tmdb.org/t/p/w500/metaOnly.jpg",
    ]


def test_the_sites_logo_and_placeholders_are_no_poster() -> None:
    with pytest.raises(NoPosterFound, match="movie/7-the-lighthouse-choir shows no poster"):
        tmdb_page.parse(saved_page("tmdb_no_poster"), URL)


def test_other_films_on_the_page_are_not_this_films_poster() -> None:
    page = saved_page("tmdb_lazy").replace(b"lhcPoster", b"!").replace(b"og:image", b"x")
    with pytest.raises(NoPosterFound):
        tmdb_page.parse(page, URL)


@pytest.mark.parametrize(
    "url",
    [
        "https://image.tmdb.org/t/p/w92/x.jpg",
        "https://image.tmdb.org/t/p/original/x.JPG",
        "http://127.0.0.1:8900/t/p/w300_and_h450_bestv2/x.jpg?cache=1",
        "https://image.tmdb.org/t/p/w600_and_h900_multi_faces_filter(blur)/x.jpg",
        "https://media.themoviedb.org/mirror/t/p/w188_and_h282_bestv2/x.webp",
    ],
)
def test_every_size_is_lifted_on_its_own_host(url: str) -> None:
    sizes = tmdb_page.sizes(url)
    assert sizes[0].split("/t/p/")[0] == url.split("/t/p/")[0]
    assert "/t/p/w780/x." in sizes[0]
    assert sizes[-1] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://image.tmdb.org/t/p/w500/logo.svg",
        "https://image.tmdb.org/t/p/x.jpg",
        "https://image.tmdb.org/t/p/w500/../../secret.jpg",
        "https://image.tmdb.org/t/p/w500/a/b.jpg",
        "https://image.tmdb.org/x.jpg?/t/p/w500/x.jpg",
        "https://www.themoviedb.org/assets/2/v4/logo.png",
    ],
)
def test_what_is_no_poster_has_no_sizes(url: str) -> None:
    assert tmdb_page.sizes(url) == ()
