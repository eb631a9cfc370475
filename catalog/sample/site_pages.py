"""The replica's HTML: film pages like those of TMDB and IMDb, the front page, error pages; robots.txt."""

import json
import re
import unicodedata
from collections.abc import Iterable
from html import escape

from catalog.sample.site_movies import ReplicaMovie

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


def tmdb_page(movie: ReplicaMovie, url: str) -> str:
    """The page at ``/movie/<tmdb_id>``; ``url`` is the site's base address, without a final slash.

    The poster of a film with an even id is a lazily loaded ``data-src``, that of the others a plain ``src``:
    the real site has used both.
    """
    page_url = f"{url}/movie/{movie.tmdb_id}-{_slug(movie.title)}"
    if movie.poster is None:
        picture = '<div class="no_image_holder w300_and_h450_bestv2"></div>'
        share_image = None
    else:
        thumbnail = f"/t/p/w300_and_h450_bestv2/{movie.image_name}.jpg"
        double = f"/t/p/w600_and_h900_bestv2/{movie.image_name}.jpg"
        prefix = "data-" if (movie.tmdb_id or 0) % 2 == 0 else ""
        picture = (
            f'<img class="poster{" lazyload" if prefix else ""}" {prefix}src="{thumbnail}"'
            f' {prefix}srcset="{thumbnail} 1x, {double} 2x" alt="{escape(movie.title)}">'
        )
        share_image = f"{url}/t/p/w500/{movie.image_name}.jpg"
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
    if movie.poster is None:
        picture = '<div class="poster-placeholder"></div>'
        share_image = None
    else:
        small = f"{url}/images/M/{movie.image_name}._V1_UX182_CR0,0,182,268_AL_.jpg"
        picture = (
            f'<a href="/title/{movie.imdb_id}/mediaviewer/"><img alt="{escape(movie.title)} Poster" '
            f'title="{escape(movie.title)} Poster" src="{small}"></a>'
        )
        share_image = f"{url}/images/M/{movie.image_name}._V1_.jpg"
    year = f' <span id="titleYear">({movie.year})</span>' if movie.year else ""
    body = f"""\
<div class="title-overview">
  <div class="title_bar_wrapper"><h1>{escape(movie.title)}{year}</h1></div>
  <div class="slate_wrapper"><div class="poster">{picture}</div></div>
  <div class="plot_summary"><div class="summary_text">{escape(movie.overview)}</div></div>
</div>"""
    return _page(movie, page_url, share_image, body)


def front_page(movies: Iterable[ReplicaMovie], total: int) -> str:
    """The page at ``/`` with links to ``movies``, the first of ``total``."""
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
    """The page for an error status."""
    return _document(f"{status} {reason}", "", f"<h1>{status}</h1>\n<p>{escape(reason)}.</p>")


def _slug(title: str) -> str:
    """``title`` as in an address: lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


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
    # A "</script>" or "<!--" in a title would end the script element early or hide its end.
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
