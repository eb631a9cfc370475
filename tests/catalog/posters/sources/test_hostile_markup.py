"""Markup that would stall a parser is rejected before a tree is built; other odd markup is read."""

import pytest

from catalog.posters.sources import imdb_page, tmdb_page
from catalog.posters.sources.html_metadata import MOST_KEPT, read_page
from catalog.posters.sources.links import LONGEST_URL, NoPosterFound

URL = "https://films.example/movie/7"
META = b'<meta property="og:image" content="https://image.tmdb.org/t/p/w500/x.jpg">'


@pytest.mark.parametrize(
    "before",
    [
        b"<div>" * 15_000,
        b"<div class='image_content backdrop'>" * 15_000,
        b"<table><tr><td>" * 5_000,
        b"<br>" * 25_000,
        b"<a " + b" ".join(b"a%d" % number for number in range(100_000)) + b">",
    ],
    ids=["nesting", "frames", "tables", "tags", "attributes"],
)
def test_a_page_that_would_stall_a_parser_is_rejected(before: bytes) -> None:
    with pytest.raises(NoPosterFound):
        tmdb_page.parse(before + META, URL)


@pytest.mark.parametrize(
    "before",
    [
        b"<div class='" + b"a " * 500_000 + b"'></div>",
        b"<!--" + b"-" * 100_000 + b"-->",
        b"<meta charset=punycode>" + b"a-" * 100_000,
        b"<script type='application/ld+json'>{}</script>" * 100,
    ],
    ids=["classes", "comment", "punycode", "scripts"],
)
def test_a_poster_behind_odd_markup_is_found(before: bytes) -> None:
    assert tmdb_page.parse(before + META, URL).url == "https://image.tmdb.org/t/p/w780/x.jpg"


def test_only_the_first_elements_of_a_kind_are_collected() -> None:
    html = (
        META * 200
        + b"<div><img src=/x></div>" * 200
        + b"<script type='application/ld+json'>{}</script>" * 200
    )
    page = read_page(html, lambda tag, attributes: tag == "div")
    assert len(page.metas) == len(page.images) == len(page.json_ld) == MOST_KEPT


def test_an_image_after_the_frame_is_not_in_it() -> None:
    html = b"<div class=poster><p><img src=/in.jpg></p></div><img src=/out.jpg><p><img src=/out2.jpg>"
    page = read_page(html, lambda tag, attributes: attributes.get("class") == "poster")
    assert [image["src"] for image in page.images] == ["/in.jpg"]


def test_an_address_that_is_too_long_with_its_base_is_no_poster() -> None:
    base = b'<base href="https://h/' + b"x" * (LONGEST_URL - 100) + b'/">'
    meta = b'<meta property="og:image" content="' + b"y/" * 100 + b'images/M/x.jpg">'
    with pytest.raises(NoPosterFound):
        imdb_page.parse(base + meta, URL)
