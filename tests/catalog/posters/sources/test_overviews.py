"""Overviews on pages and in API responses: plain text of this film, and not the site's own phrases."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.overviews import MAX_OVERVIEW_LENGTH, plain_overview
from catalog.posters.sources import overviews
from catalog.posters.sources.links import NoPosterFound
from catalog.posters.sources.protocol import SourceResponse
from catalog.posters.sources.registry import POSTER_SOURCES, PageSource
from catalog.titles.formats.records import TitleRecord

ALIEN = TitleRecord("Alien", imdb_id="tt0078748", tmdb_id=348)
PAGES = {name: source for name, source in POSTER_SOURCES.items() if isinstance(source, PageSource)}
ADDRESSES = {
    "tmdb_page": "https://www.themoviedb.org/movie/348-alien",
    "imdb_page": "https://www.imdb.com/title/tt0078748/",
}
PLOT = "A crew meets a lifeform."
OTHER = "A diver looks for her brother."


def meta(text: str, name: str = 'property="og:description"') -> str:
    return f'<meta {name} content="{text}">'


def linked(**facts: object) -> str:
    data = json.dumps({"@type": "Movie", **facts}).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{data}</script>'


def on_page(head: str, source: str = "tmdb_page", *, lang: str = "en", url: str = "", languages=()) -> str:
    """The overview of a page of Alien, or of what is at `url` after a redirect."""
    html = f"<html lang='{lang}'><head>{head}</head></html>".encode(errors="surrogatepass")

    def get(path: str, *, ttl: int = 0, is_validator: bool = False) -> SourceResponse:
        return SourceResponse(url or ADDRESSES[source], html)

    with pytest.raises(NoPosterFound) as error:
        PAGES[source].find(ALIEN, get, languages)
    return error.value.overview


def in_json(**film: object) -> str:
    return overviews.in_json(film, 348)


@pytest.mark.parametrize("source", PAGES)
@pytest.mark.parametrize(
    "head",
    [
        meta(PLOT),
        meta(PLOT, 'name="description"'),
        linked(description=PLOT),
        linked(description=PLOT) + meta(OTHER),
        meta("") + meta(PLOT),
        meta(PLOT) + meta(OTHER, 'name="description"'),
        meta(PLOT) + '<link rel="canonical" href="/movie/348?language=en"><link rel="canonical" href="/x">',
        linked(**{"@graph": [{"@type": ["Thing", "Movie"], "description": PLOT}], "@type": "WebPage"}),
        linked(**{"@type": "Organization", "description": OTHER}) + meta(PLOT),
        "<script type='application/ld+json'>{</script>" + meta(PLOT),
        f"<p>{OTHER}</p>" + meta(PLOT),
    ],
)
def test_the_metadata_of_a_page_has_the_overview(source: str, head: str) -> None:
    if source == "imdb_page":
        head = head.replace("/movie/348", "/de/title/tt0078748/")
    assert on_page(head, source) == PLOT


@pytest.mark.parametrize("source", PAGES)
@pytest.mark.parametrize(
    "text",
    [
        "We don't have an overview translated in English. Help us expand our database by adding one.",
        "We don’t have an overview translated in English.",
        "The Movie Database (TMDB) is a popular, user editable database for movies and TV shows.",
        "IMDb is the world's most popular and authoritative source for movie, TV and celebrity content.",
        "Alien: Directed by Ridley Scott. With Sigourney Weaver, Tom Skerritt. A crew meets a lifeform.",
        "Directed by Ridley Scott.  With Sigourney Weaver, Tom Skerritt.",
        "With Sigourney Weaver, Tom Skerritt, John Hurt. A crew meets a lifeform.",
        "1h 57m | Not Rated by anyone",
        "57m | Not Rated by anyone",
        "Plot kept under wraps.",
        "The plot is currently unknown.",
        "No overview available.",
        "Alien (1979) ★ Horror, Sci-Fi",
        "R, 117 min",
        "1979 – 1986 – 1992",
        "caf\ufffd in space, a story",
        "  &lt;p&gt; &lt;/p&gt; &amp;nbsp; ",
        "",
    ],
)
def test_phrases_of_the_site_are_no_overview(source: str, text: str) -> None:
    title = meta("ALIEN (1979) ★ Horror,  Sci-Fi", 'property="og:title"')
    for head in (meta(text), meta(text, 'name="description"'), linked(description=text)):
        assert on_page(title + head, source) == ""
    assert on_page(title + meta(text) + meta(PLOT), source) == PLOT
    if "1979) " not in text:
        assert in_json(overview=text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "With his life in danger, Tom runs.",
        "We don't have much time, says the keeper.",
        "The plot of land that was unknown to all.",
        "A play directed by a madman, with a cast of ghosts.",
        "宇宙船の乗組員が未知の生命体に遭遇する物語。",
    ],
)
def test_overviews_that_resemble_them_are_overviews(text: str) -> None:
    assert on_page(meta(text)) == in_json(overview=text) == text


@pytest.mark.parametrize(
    "declared",
    [
        '<link rel="canonical" href="https://www.themoviedb.org/movie/349-aliens">',
        '<link rel="canonical" href="https://www.themoviedb.org/">',
        '<link rel="canonical" href="/movie/348/cast">',
        '<link rel="canonical" href="http://[">',
        meta("https://www.themoviedb.org/tv/348", 'property="og:url"'),
        meta("/login", 'property="og:url"'),
    ],
)
def test_the_page_of_another_film_has_none(declared: str) -> None:
    assert on_page(declared + meta(PLOT)) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://www.themoviedb.org/movie/349",
        "https://www.themoviedb.org/",
        "https://www.themoviedb.org/login?next=/movie/348",
        "https://www.themoviedb.org/movie/3480",
    ],
)
def test_a_redirect_to_another_page_gives_none(url: str) -> None:
    assert on_page(meta(PLOT), url=url) == ""


def test_a_title_at_imdb_that_leads_to_another_has_none() -> None:
    assert on_page(meta(PLOT), "imdb_page", url="https://www.imdb.com/title/tt0078749/") == ""
    assert on_page(meta(PLOT), "imdb_page", url="https://www.imdb.com/title/tt78748") == PLOT


def test_other_films_in_the_linked_data_are_not_this_film() -> None:
    other = linked(description=OTHER, url="https://www.themoviedb.org/movie/349")
    own = linked(description=PLOT, url="/movie/348-alien")
    unknown = linked(description=OTHER)
    assert on_page(other + own) == on_page(unknown + own) == on_page(other + meta(PLOT)) == PLOT
    assert on_page(unknown + unknown) == on_page(other) == ""


@pytest.mark.parametrize(
    ("lang", "languages", "found"),
    [
        ("en-US", (), PLOT),
        ("", (), PLOT),
        ("de", (), ""),
        ("de-DE", ("de",), PLOT),
        ("pt-BR", ("pt-BR",), PLOT),
        ("en", ("de",), PLOT),
        ("fr", ("de", "en"), ""),
    ],
)
def test_a_page_in_an_unwanted_language_has_none(lang: str, languages: tuple[str, ...], found: str) -> None:
    assert on_page(meta(PLOT), lang=lang, languages=languages) == found


def test_the_api_has_an_overview_of_the_film_that_was_requested() -> None:
    assert in_json(id=348, overview=PLOT, title="Alien") == PLOT
    assert in_json(id=349, overview=PLOT) == ""
    assert in_json(overview="A Long Film Title", title="A Long Film Title") == ""
    for value in (None, 7, [PLOT], {"en": PLOT}):
        assert in_json(overview=value) == ""


HOSTILE = [
    ("A <b>crew</b> meets<br/>a lifeform", "A crew meets a lifeform"),
    ("<script>alert(1)</script> meets a lifeform", "alert(1) meets a lifeform"),
    ("A crew <<b>script>meets</script>", "A crew < script>meets"),
    ("A crew meets a <scr<b>ipt>lifeform", "A crew meets a ipt>lifeform"),
    ("A crew meets a lifeform <img src=x onerror=alert(1)", "A crew meets a lifeform"),
    ("A crew <!-- of seven --> meets a lifeform", "A crew meets a lifeform"),
    ("1 < 2 and a crew > a lifeform <3", "1 < 2 and a crew > a lifeform <3"),
    ("A\x00 crew\x1b[31m \u202emeets\u2069 \x07 a\n\n\tlifeform\x7f", "A crew[31m meets a lifeform"),
    ("A cre\u0301w me\u0301ets a lifeform", "A créw méets a lifeform"),
    ("A crew &amp;amp; a &amp;lt;b&amp;gt; lifeform", "A crew &amp; a &lt;b&gt; lifeform"),
    (
        "A crew &lt;i&gt;meets&lt;/i&gt; &quot;a&quot; lifeform&#x27;s &eacute;gg",
        'A crew meets "a" lifeform\'s égg',
    ),
]


@pytest.mark.parametrize(("text", "plain"), HOSTILE)
def test_an_overview_is_plain_text(text: str, plain: str) -> None:
    """Tags are removed, entities are decoded once."""
    assert in_json(overview=text) == plain
    assert on_page(linked(description=text)) == plain
    if not any(c in text for c in "\x00\x1b\x7f\x07"):  # HTML has none of these
        assert on_page(meta(text.replace('"', "&quot;"))) == plain


def test_a_long_overview_is_cut_at_a_word() -> None:
    words = "lifeform " * (MAX_OVERVIEW_LENGTH // 9 + 500)
    for text in (in_json(overview=words), on_page(meta(words)), plain_overview(words)):
        assert MAX_OVERVIEW_LENGTH - 9 < len(text) <= MAX_OVERVIEW_LENGTH
        assert set(text.split()) == {"lifeform"}
    assert in_json(overview="語" * 20_000) == "語" * MAX_OVERVIEW_LENGTH
    assert plain_overview("x" * MAX_OVERVIEW_LENGTH + " y") == "x" * MAX_OVERVIEW_LENGTH
    # U+0958 becomes two characters.
    assert len(plain_overview("\u0958" * MAX_OVERVIEW_LENGTH)) == MAX_OVERVIEW_LENGTH


def test_hostile_texts_take_no_time() -> None:
    for part in ("<a", "<!--", "&lt;", "<<", "a\u0315\u0300", "With A, ", "Directed ", ": with A", "1h "):
        text = part * (2_000_000 // len(part))
        assert len(in_json(overview=text)) <= MAX_OVERVIEW_LENGTH


texts = st.text(max_size=60) | st.text("<>&;#ax/ \n\x00\u0301\u202e\ufffdAé'\"!-", max_size=60)


@settings(max_examples=100, deadline=None)
@given(text=texts, address=texts)
def test_whatever_is_on_the_page_an_overview_is_plain(text: str, address: str) -> None:
    quoted = text.replace("&", "&amp;").replace('"', "&quot;")
    where = linked(url=address, description=text, name=[text])
    for found in (
        in_json(overview="A long text. " + text),
        on_page(meta("A long text. " + quoted)),
        on_page(where + meta(quoted)),
        on_page(f'<link rel="canonical" href="{address}">' + meta(quoted), lang="x"),
    ):
        assert found == plain_overview(found) == unicodedata.normalize("NFC", found)
        assert not overviews._TAG.search(found)
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in found)
