"""A poster's picture as admin shows it in lists and forms."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Movie, Poster

THUMBNAIL_HEIGHT = 60  # px: three rows of text
PREVIEW_HEIGHT = 300  # px


def thumbnail(poster: Poster | None, height: int = THUMBNAIL_HEIGHT) -> SafeString | str:
    """An `img` of the poster `height` px high, or a dash; of the medium size when large."""
    if poster is None:
        return "–"
    picture = poster.thumbnail if height <= PREVIEW_HEIGHT else poster.medium
    width = max(1, round(poster.width * height / poster.height))
    return format_html(
        '<img class="poster-thumb" src="{}" alt="Poster of {}" width="{}" height="{}" loading="lazy">',
        picture.url,
        poster.movie,
        width,
        height,
    )


def movie_thumbnail(movie: Movie, height: int = THUMBNAIL_HEIGHT) -> SafeString | str:
    """The movie's primary poster; reads a prefetch of `posters`."""
    poster = movie.primary_poster
    if poster is not None:
        poster.movie = movie
    return thumbnail(poster, height)
