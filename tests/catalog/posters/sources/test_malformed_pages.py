"""Malformed pages give a poster or NoPosterFound, and never raise another error."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.posters.sources.html_metadata import MAX_ELEMENTS, MAX_TAGS, read_page
from catalog.posters.sources.links import LARGEST_PAGE, LONGEST_URL, NoPosterFound
from catalog.posters.sources.registry import POSTER_SOURCES, PageSource

from .saved_pages import PAGES, poster_on, saved_page

SOURCES = sorted(
    (source for source in POSTER_SOURCES.values() if isinstance(source, PageSource)),
    key=lambda source: source.name,
)
URL = "https://films.example/movie/7"
EVERY_PAGE = sorted(page.stem for page in PAGES.glob("*.html"))
POSTERS = {
    "tmdb_page": "https://image.tmdb.org/t/p/w500/x.jpg",
    "imdb_page": "https://m.media-amazon.com/images/M/x._V1_.jpg",
}

META = b'<meta property="og:image" content="https://image.tmdb.org/t/p/w500/x.jpg">'
WITHOUT_POSTER = [
    *(b"", b"\x00" * 1000, b"\xff\xfe", b"not html at all", b"<", b"<!", b"<![CDATA[", b"<!-- never closed"),
    b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
    META.replace(b"o", b"o\0"),
    META.replace(b"x.jpg", b"x" * 5000 + b".jpg"),
    b"&amp;" * 100_000,
    b"<!DOCTYPE html [<!ENTITY a 'x'>" + b"<!ENTITY b '&a;&a;&a;'>" * 1000 + b"]>&b;",
    b"<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>&a;",
    b'<div class="poster_wrapper"><img srcset="' + b"/x 1w, " * 100_000 + b'">',
    b"<html><head><meta charset='klingon'><body>",
    b"<?xml version='1.0' encoding='utf-7'?><html/>",
    b"<div class='image_content backdrop'>" * 1000,
    b"<img>" * 1000,
    b'<script type="application/ld+json">{"image":' * 50,
    *(
        b'<script type="application/ld+json">' + text + b"</script>"
        for text in (
            *(b"[" * 100_000, b"9" * 10**6, b'"just text"', b"NaN"),
            b'{"image": 5, "@graph": {"@graph": null}}',
        )
    ),
    b'<meta property="og:image">',
    b'<meta property="og:image" content="">',
    *(
        META.replace(b"https://image.tmdb.org", start)
        for start in (b"http://[::1", b"http://h:port", b"javascript:", b"file://")
    ),
    b'<base href="http://["><meta property="og:image" content="data:image/png;base64,AAAA">',
    b'<div class="poster"><img src="http:///images/M/x.jpg"></div>',
    gzip.compress(b"<html>", mtime=0),
    b"\xff\xd8\xff\xe0\x00\x10JFIF",
]
STALLING = [
    b"<b>" * MAX_TAGS,
    b"<br>" * 25_000,
    b"<div>" * 15_000,
    b"<div class='image_content backdrop'>" * 15_000,
    b"<table><tr><td>" * 5_000,
    b"<a " + b" ".join(b"a%d" % number for number in range(100_000)) + b">",
    b" " * LARGEST_PAGE,
]
META_POSTER = "<meta property='og:image' content='POSTER'>"
SLOPPY = [
    '<html><body><p><meta name="twitter:image" content=POSTER>',
    '</html></div><META PROPERTY="og:image" CONTENT="  POSTER  "></head></head>',
    '<meta property="og:image" content=""><meta property="og:image" content="POSTER">',
    '<script type="application/ld+json">{"image": ["", null, {"url": "POSTER"}]}</script>',
    '<script type="application/ld+json">[{"image": "/logo.png"}, {"image": "POSTER"}]</script>',
    '<script type="application/ld+json">\n\n  {"image": "POSTER#top"}</script>',
    "\ufeff<!doctype html>" + META_POSTER,
    "<meta charset=klingon><title>caf\udce9</title>" + META_POSTER,
    "<meta charset=punycode>" + "a-" * 100_000 + META_POSTER,
    "<div class='" + "a " * 500_000 + "'></div>" + META_POSTER,
    "<!--" + "-" * 100_000 + "-->" + META_POSTER,
    "<script type='application/ld+json'>{}</script>" * 100 + META_POSTER,
]

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


def poster_or_none(source: PageSource, page: bytes) -> str | None:
    try:
        link = poster_on(source, page, URL)
    except NoPosterFound as error:
        assert URL in str(error)
        return None
    assert link.url.startswith(("http://", "https://"))
    return link.url


@every_source
def test_a_page_without_a_poster_has_none(source: PageSource) -> None:
    for page in WITHOUT_POSTER:
        assert poster_or_none(source, page) is None, page[:60]


@every_source
def test_a_page_that_would_stall_a_parser_is_rejected(source: PageSource) -> None:
    for page in STALLING:
        with pytest.raises(NoPosterFound):
            poster_on(source, META_POSTER.replace("POSTER", POSTERS[source.name]).encode() + page, URL)


@every_source
def test_a_poster_is_found_in_sloppy_markup(source: PageSource) -> None:
    for page in SLOPPY:
        written = page.replace("POSTER", POSTERS[source.name]).encode(errors="surrogateescape")
        assert (poster_or_none(source, written) or "").startswith(POSTERS[source.name][:20]), page[:60]


@every_source
def test_the_encoding_of_the_page_does_not_matter(source: PageSource) -> None:
    page = f"<html><title>Café</title><meta property='og:image' content='{POSTERS[source.name]}'></html>"
    for encoding in ("utf-16", "latin-1", "cp1252", "utf-8-sig"):
        assert poster_or_none(source, page.encode(encoding)), encoding


@every_source
def test_relative_links_start_from_the_page_or_its_base(source: PageSource) -> None:
    path = POSTERS[source.name].partition("//")[2].partition("/")[2]
    meta = f'<meta property="og:image" content="/{path}">'.encode()
    assert (poster_or_none(source, meta) or "").startswith("https://films.example/")
    based = b'<base href="https://img.example/deep/">' + meta
    assert (poster_or_none(source, based) or "").startswith("https://img.example/")


@every_source
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_page_is_never_an_error(source: PageSource, data: st.DataObject) -> None:
    page = bytearray(saved_page(data.draw(st.sampled_from(EVERY_PAGE))))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(page) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                page[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del page[at : at + data.draw(st.integers(1, 200))]
            case "insert":
                page[at:at] = data.draw(st.binary(max_size=20))
        page = page or bytearray(b" ")
    poster_or_none(source, bytes(page))


@pytest.mark.slow
@every_source
@settings(max_examples=100, deadline=None)
@given(
    page=st.binary(max_size=300)
    | st.text(alphabet="<>/='\"!-[]{}& \nimgscrhfetapo:", max_size=300).map(str.encode)
)
def test_any_bytes_are_never_an_error(source: PageSource, page: bytes) -> None:
    assert poster_or_none(source, page) is None


@every_source
@settings(max_examples=100, deadline=None)
@given(url=st.text(max_size=80))
def test_any_address_on_a_page_is_never_an_error(source: PageSource, url: str) -> None:
    quoted = url.replace("&", "&amp;").replace('"', "&quot;").encode(errors="ignore")
    poster_or_none(source, b'<meta property="og:image" content="' + quoted + b'">')
    poster_or_none(source, b'<div class="image_content backdrop"><img srcset="' + quoted + b'"></div>')
    poster_or_none(
        source, b'<base href="' + quoted + b'"><div class="poster"><img src="/images/M/x.jpg"></div>'
    )


def test_only_the_first_elements_of_a_kind_are_collected() -> None:
    html = (
        b"<meta property=og:image content=/x>" * 200
        + b"<div><img src=/x></div>" * 200
        + b"<script type='application/ld+json'>{}</script>" * 200
    )
    page = read_page(html, lambda tag, attributes: tag == "div")
    assert len(page.metas) == len(page.images) == len(page.json_ld) == MAX_ELEMENTS


def test_an_image_after_the_frame_is_not_in_it() -> None:
    html = b"<div class=poster><p><img src=/in.jpg></p></div><img src=/out.jpg><p><img src=/out2.jpg>"
    page = read_page(html, lambda tag, attributes: attributes.get("class") == "poster")
    assert [image["src"] for image in page.images] == ["/in.jpg"]


def test_an_address_that_is_too_long_with_its_base_is_no_poster() -> None:
    base = b'<base href="https://h/' + b"x" * (LONGEST_URL - 100) + b'/">'
    meta = b'<meta property="og:image" content="' + b"y/" * 100 + b'images/M/x.jpg">'
    with pytest.raises(NoPosterFound):
        poster_on(SOURCES[0], base + meta, URL)
