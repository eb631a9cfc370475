"""Tell "no image available" from a poster: a picture that a site shows for many movies is none of theirs."""

from __future__ import annotations

from django.db import transaction

from catalog.models import Movie, Placeholder, Poster
from catalog.posters.sources.registry import POSTER_SOURCES
from ml.imaging.images import sha256_hex

from . import changes, primary

# Editions and parts of a film do share a picture; so many differently named movies do not.
MOVIES = 5


def refuse(movie: Movie, data: bytes, *, source: str, source_url: str) -> str:
    """Why fetched bytes are no poster of the movie, in a sentence; empty when they may be one.

    The movie that makes them `MOVIES` gives a placeholder away: it is written down, and taken from the others
    unless a person chose it for them. A person who says in the admin that it is a poster is believed.
    """
    sha256 = sha256_hex(data)
    known = Placeholder.objects.filter(sha256=sha256).first()
    if known is not None:
        return "" if known.is_poster else _sentence(known)
    alike = Poster.objects.filter(sha256=sha256, source__in=POSTER_SOURCES).exclude(movie=movie)
    titles = set(alike.values_list("movie__title", flat=True)) | {movie.title}
    if len(titles) < MOVIES:
        return ""
    with transaction.atomic():
        found, _ = Placeholder.objects.get_or_create(
            sha256=sha256,
            defaults={"source": source, "source_url": source_url[:1000], "movies": alike.count() + 1},
        )
        # Movies in order, as everywhere they are locked, or two workers could lock each other out.
        taken = list(alike.filter(locked=False).order_by("movie_id"))
        before = changes.shown_posters([poster.movie_id for poster in taken])
        primary.remove(taken)
        changes.process_changed(before)
    return _sentence(found)


def _sentence(placeholder: Placeholder) -> str:
    return f"its picture stands for {placeholder.movies} movies there, which makes it a placeholder"
