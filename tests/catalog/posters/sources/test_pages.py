"""Posters on the pages of TMDB and IMDb, in the shapes these pages have had, and on those of a replica."""

from types import ModuleType

import pytest

from catalog.posters.sources import imdb_page, tmdb_page
from catalog.posters.sources.links import NoPosterFound
from catalog.posters.sources.registry import POSTER_SOURCES, PageSource
from catalog.sample.site import ReplicaMovie
from tests.catalog.fetching.clients import client_for
from tests.replica.faults import FaultySite

from .saved_pages import poster_on, saved_page

TMDB_URL = "https://www.themoviedb.org/movie/7-the-lighthouse-choir"
IMDB_URL = "https://www.imdb.com/title/tt0000007/"
TMDB, IMDB = PAGES = [source for source in POSTER_SOURCES.values() if isinstance(source, PageSource)]
POSTER = b"the bytes of a poster"
ODD = ReplicaMovie(7, "tt0000007", 'A "<b>Choir</b>" & </script>', 1961, "", POSTER)
BARE = ReplicaMovie(9, "tt0000009", "Untitled Harbour Project", 2030, "", None)


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
def test_the_poster_on_a_page_of_tmdb(page: str, poster: str, shown: str, found_in: str) -> None:
    link = poster_on(TMDB, saved_page(page), TMDB_URL)
    assert (link.url, link.alternatives[-1], link.found_in) == (poster, shown, found_in)
    if page == "tmdb_meta_only":  # a width is named once
        assert link.alternatives == (shown,)


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
def test_the_poster_on_a_page_of_imdb(page: str, poster: str, found_in: str) -> None:
    link = poster_on(IMDB, saved_page(page), IMDB_URL)
    assert (link.url, link.found_in, len(link.alternatives)) == (poster, found_in, 1)


@pytest.mark.parametrize(
    ("without", "name"),
    [
        ([b"application/ld+json"], "MV5Bog"),
        ([b"og:image"], "MV5Bld"),
        ([b"application/ld+json", b"og:image"], "MV5Bhero"),
    ],
)
def test_another_place_on_a_page_of_imdb_is_the_fallback(without: list[bytes], name: str) -> None:
    page = saved_page("imdb_2024")
    for place in without:
        page = page.replace(place, b"x")
    assert poster_on(IMDB, page, IMDB_URL).url.endswith(f"/images/M/{name}._V1_SX780_.jpg")


@pytest.mark.parametrize(
    ("source", "page", "url"), [(IMDB, "imdb_no_poster", IMDB_URL), (TMDB, "tmdb_no_poster", TMDB_URL)]
)
def test_logos_and_placeholders_are_no_posters(source: PageSource, page: str, url: str) -> None:
    with pytest.raises(NoPosterFound, match=f"{url} shows no poster"):
        poster_on(source, saved_page(page), url)


def test_other_films_on_the_page_are_not_this_films_poster() -> None:
    page = saved_page("tmdb_lazy").replace(b"lhcPoster", b"!").replace(b"og:image", b"x")
    with pytest.raises(NoPosterFound):
        poster_on(TMDB, page, TMDB_URL)


@pytest.mark.parametrize(
    ("url", "largest"),
    [
        ("https://h/images/M/a._V1_UX182_CR0,0,182,268_AL_.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a@@._V1_SX300.jpg", "https://h/images/M/a@@._V1_SX780_.jpg"),
        ("https://h/images/M/a._V1_.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a.jpg", "https://h/images/M/a._V1_SX780_.jpg"),
        ("https://h/images/M/a._V1_FMjpg_UX1000_.png", "https://h/images/M/a._V1_SX780_.png"),
    ],
)
def test_size_and_crop_of_an_imdb_address_are_replaced(url: str, largest: str) -> None:
    assert imdb_page.sizes(url) == (largest, url)


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
def test_every_width_of_a_tmdb_address_is_replaced_on_its_own_host(url: str) -> None:
    sizes = tmdb_page.sizes(url)
    assert sizes[0].split("/t/p/")[0] == url.split("/t/p/")[0]
    assert "/t/p/w780/x." in sizes[0]
    assert sizes[-1] == url


@pytest.mark.parametrize(
    ("parser", "url"),
    [
        (imdb_page, "https://h/images/G/01/imdb/images/social/imdb_logo.png"),
        (imdb_page, "https://h/images/S/sash/x.png"),
        (imdb_page, "https://h/images/M/a.svg"),
        (imdb_page, "https://h/images/M/a/b.jpg"),
        (imdb_page, "https://h/x.jpg?u=/images/M/a.jpg"),
        (tmdb_page, "https://image.tmdb.org/t/p/w500/logo.svg"),
        (tmdb_page, "https://image.tmdb.org/t/p/x.jpg"),
        (tmdb_page, "https://image.tmdb.org/t/p/w500/../../secret.jpg"),
        (tmdb_page, "https://image.tmdb.org/t/p/w500/a/b.jpg"),
        (tmdb_page, "https://image.tmdb.org/x.jpg?/t/p/w500/x.jpg"),
        (tmdb_page, "https://www.themoviedb.org/assets/2/v4/logo.png"),
    ],
)
def test_other_addresses_have_no_sizes(parser: ModuleType, url: str) -> None:
    assert parser.sizes(url) == ()


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name)
def test_pages_of_a_replica_lead_to_its_posters(broker: object, source: PageSource) -> None:
    with FaultySite([ODD, BARE]) as site, client_for(site.url) as client:
        page = client.get(source.page_url(ODD, site.url) or "")
        link = poster_on(source, page.body, page.url)
        for url in (link.url, *link.alternatives):
            assert ODD.image_name in url
            assert client.get(url).body == POSTER
        page = client.get(source.page_url(BARE, site.url) or "")
        with pytest.raises(NoPosterFound):
            poster_on(source, page.body, page.url)
