"""Pages, answers of TMDB's API and robots.txt, as no site should send them."""

import json
import random
from collections.abc import Callable
from typing import Any

from catalog.fetching.robots import LARGEST_BYTES, read_robots
from catalog.posters.sources import imdb_page, tmdb_page
from catalog.posters.sources.html_metadata import MOST_TAGS
from catalog.posters.sources.protocol import Answer
from catalog.posters.sources.tmdb_api import questions
from catalog.titles.formats.cells import is_imdb_id

from .cases import TAKEN, Case

URL = "https://films.example/movie/7"
META = b'<meta property="og:image" content="https://image.tmdb.org/t/p/w500/x.jpg">'
LD = b'<script type="application/ld+json">'


class _Film:
    imdb_id = "tt0000007"
    tmdb_id: int | None = None


def pages() -> list[Case]:
    def page(
        what: str, expected: str, html: Callable[[], bytes] | bytes, within_mb: int = 60, slow: bool = False
    ) -> Case:
        def attempt() -> str:
            data = html if isinstance(html, bytes) else html()
            if expected != TAKEN:
                imdb_errors = _error_of(lambda: imdb_page.parse(data, URL))
                assert imdb_errors == expected, imdb_errors
            return tmdb_page.parse(data, URL).url

        return Case(what, expected, attempt, within_mb, slow)

    no = "NoPosterFound"
    return [
        page("an ordinary meta tag", TAKEN, META),
        page("3 MB of nested tags", no, b"<b>" * 10**6),
        page("25,000 nested tags around as many pictures", no, b"<div>" * 25_000 + b"<img>" * 24_900),
        page("such nesting before the poster", no, b"<div>" * 25_000 + META),
        page(
            "25,000 frames of a poster in each other",
            no,
            b'<div class="poster poster_wrapper">' * 49_000 + b"<img>" * 900,
        ),
        page(
            "400,000 attributes on one tag",
            no,
            lambda: b"<a " + b" ".join(b"a%d" % n for n in range(400_000)) + b">",
            200,
            True,
        ),
        page("a class of 1.5 million names", no, b'<div class="' + b"a " * 1_500_000 + b'"><img>', 200),
        page(
            "as many tags as are read, all of them meta",
            no,
            b'<meta property="og:image" content="/x">' * MOST_TAGS,
        ),
        page("3 MB of noise", no, lambda: random.Random(7).randbytes(3 * 10**6).replace(b"<", b"x")),
        page("600,000 entities", no, b"&amp;" * 600_000, slow=True),
        page(
            "an entity bomb",
            no,
            b"<!DOCTYPE html [<!ENTITY a 'x'>" + b"<!ENTITY b '&a;&a;&a;'>" * 1000 + b"]>&b;",
        ),
        page("an external entity", no, b"<!DOCTYPE html [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>&a;"),
        page("a comment that never ends", no, b"<!--" + b"-" * 3 * 10**6),
        page("5 MB", no, b" " * 5 * 10**6),
        page("NUL between the letters", no, META.replace(b"o", b"o\0")),
        page("an encoding named punycode", TAKEN, b"<meta charset=punycode>" + META + b"a-" * 10**6),
        page("JSON-LD nested a million deep", no, LD + b"[" * 10**6),
        page("JSON-LD with a number of a million digits", no, LD + b"9" * 10**6 + b"</script>"),
        page("a hundred JSON-LD of nothing, then the poster", TAKEN, (LD + b"{}</script>") * 100 + META),
        page("the address `javascript:`", no, META.replace(b"https://image.tmdb.org", b"javascript:")),
        page("the address `file:`", no, META.replace(b"https:", b"file:")),
        page("an address of 5,000 characters", no, META.replace(b"x.jpg", b"x" * 5000 + b".jpg")),
        page(
            "a base that makes a short address long",
            no,
            b'<base href="https://h/'
            + b"x" * 800
            + b'/"><meta property="og:image" content="'
            + b"y/" * 200
            + b't/p/w500/x.jpg">',
        ),
        page(
            "a picture with 500,000 sizes",
            no,
            b'<div class="poster_wrapper"><img srcset="' + b"/x 1w, " * 500_000 + b'">',
            200,
        ),
        page(
            "an address of another host: for the guard to refuse",
            TAKEN,
            META.replace(b"image.tmdb.org", b"127.0.0.1"),
        ),
    ]


def api() -> list[Case]:
    good = {"movie_results": [{"id": 7}]}
    film: dict[str, Any] = {"poster_path": "/x.jpg"}
    places = {"images": {"secure_base_url": "https://image.tmdb.org/t/p/", "poster_sizes": ["w500"]}}

    def told(what: str, expected: str, *answers: Any) -> Case:
        full = [*answers, *(good, film, places)[len(answers) :]]
        bodies = [answer if isinstance(answer, bytes) else json.dumps(answer).encode() for answer in full]
        return Case(what, expected, lambda: _asked(bodies))

    no = "NoPosterFound"
    return [
        told("ordinary answers", TAKEN),
        told("no JSON", no, b"<html>"),
        told("nothing", no, b""),
        told("a list", no, []),
        told("null", no, None),
        told("JSON nested a million deep", no, b"[" * 10**6),
        told("3 MB", no, b" " * 3 * 10**6),
        told("bytes that are no UTF-8", no, b"\xff\xfe\xfd"),
        told("a number of 10,000 digits", no, b'{"id":' + b"9" * 10**4),
        told("results that are a text", no, {"movie_results": "x"}),
        told("a result that is a number", no, {"movie_results": [7]}),
        told("the id `true`", no, {"movie_results": [{"id": True}]}),
        told("the id 2³¹", no, {"movie_results": [{"id": 2**31}]}),
        told("the id `7/../../account`", no, {"movie_results": [{"id": "7/../../account"}]}),
        told("the id -7", no, {"movie_results": [{"id": -7}]}),
        told("the poster `//evil.example/x.jpg`", no, good, {"poster_path": "//evil.example/x.jpg"}),
        told("the poster `/../../x.jpg`", no, good, {"poster_path": "/../../x.jpg"}),
        told(
            "the poster `/x.jpg?redirect=https://evil.example`",
            no,
            good,
            {"poster_path": "/x.jpg?redirect=https://evil.example"},
        ),
        told("the poster 5", no, good, {"poster_path": 5}),
        told(
            "30,000 posters",
            TAKEN,
            good,
            {"images": {"posters": [{"file_path": f"/{n}.jpg"} for n in range(30_000)]}},
        ),
        told(
            "votes of NaN and widths of 10³⁰⁸",
            TAKEN,
            good,
            b'{"images":{"posters":[{"file_path":"/x.jpg","vote_average":NaN,"width":1e308}]}}',
        ),
        told(
            "a collection named with an escape sequence",
            TAKEN,
            good,
            {**film, "belongs_to_collection": {"name": "\x1b[2J"}},
        ),
        told("a collection that is a list", TAKEN, good, {**film, "belongs_to_collection": []}),
        told(
            "pictures at `file:///`",
            no,
            good,
            film,
            {"images": {"secure_base_url": "file:///", "poster_sizes": ["w500"]}},
        ),
        told(
            "pictures at another host: for the guard to refuse",
            TAKEN,
            good,
            film,
            {"images": {"secure_base_url": "https://127.0.0.1/", "poster_sizes": ["w500"]}},
        ),
        told(
            "widths that are numbers",
            no,
            good,
            film,
            {"images": {"secure_base_url": "https://h/", "poster_sizes": [500]}},
        ),
    ]


def robots() -> list[Case]:
    def said(what: str, body: Callable[[], bytes] | bytes, within_mb: int = 60, slow: bool = False) -> Case:
        def attempt() -> str:
            rules = read_robots(body if isinstance(body, bytes) else body())
            allowed = rules.allows("https://films.example/movie/" + "a" * 800, "Postersite")
            wait = rules.interval_s("Postersite")
            return f"/movie/… is {'allowed' if allowed else 'forbidden'}, {wait:g} s between requests"

        return Case(what, TAKEN, attempt, within_mb, slow)

    star = b"User-agent: *\n"
    return [
        said("nothing", b""),
        said("noise", lambda: random.Random(7).randbytes(10**5)),
        said("a web page", b"<!doctype html><title>404</title>"),
        said("everything forbidden", star + b"Disallow: /"),
        said(
            "10 MB, a rule after the first 500 KB",
            b"#" * LARGEST_BYTES + b"\n" * 9 * 10**6 + star + b"Disallow: /",
        ),
        said("30 stars in a rule", star + b"Disallow: /" + b"*a" * 30 + b"*b"),
        said(
            "20,000 rules with stars",
            lambda: star + b"".join(b"Disallow: /a%d*b$\n" % n for n in range(20_000)),
            100,
            True,
        ),
        said(
            "16,000 user agents",
            lambda: b"".join(b"User-agent: b%d\nDisallow: /\n" % n for n in range(16_000)),
            100,
            True,
        ),
        said("a rule of 400,000 percent signs", star + b"Disallow: /" + b"%" * 400_000, 100),
        said("Crawl-delay: 1e400", star + b"Crawl-delay: 1e400"),
        said("Crawl-delay: nan", star + b"Crawl-delay: nan"),
        said("Crawl-delay: -5", star + b"Crawl-delay: -5"),
        said("Request-rate: 1/0", star + b"Request-rate: 1/0"),
        said("NUL in a rule", star + b"Disallow: /\0"),
        said("carriage returns only", star.replace(b"\n", b"\r") + b"Disallow: /"),
    ]


def _asked(bodies: list[bytes]) -> str:
    assert is_imdb_id(_Film.imdb_id)
    asking = questions(_Film())
    given = iter(bodies)
    try:
        question = next(asking)
        while True:
            question = asking.send(Answer(f"https://api.themoviedb.org{question.path}", next(given)))
    except StopIteration as end:
        return f"{end.value.links[0].url}, franchise “{end.value.franchise}”"


def _error_of(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - compared by name
        return type(error).__name__
    return TAKEN
