"""The replica's HTML: film pages in the shape of TMDB's and IMDb's, its front page, robots.txt and 404."""

import hashlib
import json
import re
import unicodedata
from base64 import b32encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

ROBOTS_TXT = """\
User-agent: *
Disallow: /search
Disallow: /login
Disallow: /movie/*/edit
Allow: /movie/
Allow: /title/
Allow: /t/p/
Allow: /images/
"""


@dataclass(frozen=True)
class ReplicaMovie:
    """One film the replica shows.

    ``poster`` is a file, the bytes of an image, a function that makes those bytes when they are first asked
    for, or None for a film whose pages show no poster. ``others`` are posters that only the API tells of, by
    language. As on the real sites a picture never changes at its address: another ``revision`` has another.
    """

    tmdb_id: int | None
    imdb_id: str | None
    title: str
    year: int | None
    overview: str
    poster: Path | bytes | Callable[[], bytes] | None
    franchise: str = ""
    others: tuple[tuple[str | None, Path | bytes], ...] = ()
    revision: str = ""

    @property
    def image_name(self) -> str:
        """The film's picture name: opaque, as on the real sites, and the same in every run."""
        key = f"{self.tmdb_id}/{self.imdb_id}/{self.title}{self.revision and '/'}{self.revision}".encode()
        return b32encode(hashlib.sha256(key).digest()[:15]).decode().lower()

    def alternatives(self) -> "list[tuple[str | None, ReplicaMovie]]":
        """(language, the film as if that were its poster) for each of ``others``."""
        return [
            (language, replace(self, poster=poster, others=(), revision=f"{self.revision}+{number}"))
            for number, (language, poster) in enumerate(self.others, start=1)
        ]


def slug(title: str) -> str:
    """``title`` as it stands in an address: ASCII lower-case words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def tmdb_picture(name: str, size: str) -> str:
    """The path of a picture in TMDB's manner; ``size`` is such as ``w500`` or ``original``."""
    return f"/t/p/{size}/{name}.jpg"


def imdb_picture(name: str, transform: str = "") -> str:
    """The path of a picture in IMDb's manner; ``transform`` is such as ``UX182_CR0,0,182,268_AL_``."""
    return f"/images/M/{name}._V1_{transform}.jpg"


def tmdb_page(movie: ReplicaMovie, url: str) -> str:
    """The page at ``/movie/<tmdb_id>``; ``url`` is the site's base address, without a final slash.

    Films with an even id carry the poster as a lazily loaded ``data-src``, the others as a plain ``src``: the
    real site has done both.
    """
    page_url = f"{url}/movie/{movie.tmdb_id}-{slug(movie.title)}"
    name = movie.image_name
    if movie.poster is None:
        picture = '<div class="no_image_holder w300_and_h450_bestv2"></div>'
        share_image = None
    else:
        thumbnail = tmdb_picture(name, "w300_and_h450_bestv2")
        double = tmdb_picture(name, "w600_and_h900_bestv2")
        prefix = "data-" if (movie.tmdb_id or 0) % 2 == 0 else ""
        picture = (
            f'<img class="poster{" lazyload" if prefix else ""}" {prefix}src="{thumbnail}"'
            f' {prefix}srcset="{thumbnail} 1x, {double} 2x" alt="{escape(movie.title)}">'
        )
        share_image = url + tmdb_picture(name, "w500")
    year = f' <span class="tag release_date">({movie.year})</span>' if movie.year else ""
    body = f"""\
<section class="inner_content movie_content">
  <div class="poster_wrapper">
    <div class="poster"><div class="image_content backdrop">
      {picture}
    </div></div>
  </div>
  <div class="header_poster_wrapper">
    <div class="title"><h2><a href="{escape(page_url)}">{escape(movie.title)}</a>{year}</h2></div>
    <h3>Overview</h3>
    <div class="overview"><p>{escape(movie.overview)}</p></div>
  </div>
</section>"""
    return _page(movie, page_url, share_image, body)


def imdb_page(movie: ReplicaMovie, url: str) -> str:
    """The page at ``/title/<imdb_id>/``; ``url`` is the site's base address, without a final slash."""
    page_url = f"{url}/title/{movie.imdb_id}/"
    name = movie.image_name
    if movie.poster is None:
        picture = '<div class="poster-placeholder"></div>'
        share_image = None
    else:
        small = url + imdb_picture(name, "UX182_CR0,0,182,268_AL_")
        picture = (
            f'<a href="/title/{movie.imdb_id}/mediaviewer/"><img alt="{escape(movie.title)} Poster" '
            f'title="{escape(movie.title)} Poster" src="{small}"></a>'
        )
        share_image = url + imdb_picture(name)
    year = f' <span id="titleYear">({movie.year})</span>' if movie.year else ""
    body = f"""\
<div class="title-overview">
  <div class="title_bar_wrapper"><h1>{escape(movie.title)}{year}</h1></div>
  <div class="slate_wrapper"><div class="poster">{picture}</div></div>
  <div class="plot_summary"><div class="summary_text">{escape(movie.overview)}</div></div>
</div>"""
    return _page(movie, page_url, share_image, body)


def front_page(movies: Iterable[ReplicaMovie], total: int) -> str:
    """The page at ``/``, with links to the films given out of ``total``."""
    items = []
    for movie in movies:
        path = f"/movie/{movie.tmdb_id}" if movie.tmdb_id is not None else f"/title/{movie.imdb_id}/"
        items.append(f'<li><a href="{escape(path)}">{escape(movie.title)}</a></li>')
    return _document(
        "Replica site",
        "",
        f"<h1>Replica site</h1>\n<p>{total} films; the first {len(items)}:</p>\n<ul>{''.join(items)}</ul>",
    )


def error_page(status: int, reason: str) -> str:
    """The page shown with an error status."""
    return _document(f"{status} {reason}", "", f"<h1>{status}</h1>\n<p>{escape(reason)}.</p>")


def _page(movie: ReplicaMovie, page_url: str, share_image: str | None, body: str) -> str:
    heading = f"{movie.title} ({movie.year})" if movie.year else movie.title
    facts: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Movie",
        "url": page_url,
        "name": movie.title,
        "description": movie.overview,
    }
    if movie.year:
        facts["datePublished"] = f"{movie.year}-01-01"
    if share_image:
        facts["image"] = share_image
    # A "</script>" or "<!--" inside a title would end the script element early or swallow its end.
    linked_data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    head = [
        f'<link rel="canonical" href="{escape(page_url)}">',
        '<meta property="og:type" content="video.movie">',
        f'<meta property="og:title" content="{escape(heading)}">',
        f'<meta property="og:description" content="{escape(movie.overview)}">',
        f'<meta property="og:url" content="{escape(page_url)}">',
    ]
    if share_image:
        head.append(f'<meta property="og:image" content="{escape(share_image)}">')
    head.append(f'<script type="application/ld+json">{linked_data}</script>')
    return _document(heading, "\n".join(head), body)


def _document(title: str, head: str, body: str) -> str:
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
{head}
</head>
<body>
<header><a href="/">Replica</a></header>
<main>
{body}
</main>
</body>
</html>
"""
