"""Pictures that are not stored: placeholders, and posters that a person removed from the movie."""

from __future__ import annotations

from django.db import transaction

from catalog.models import DuplicateDecision, Movie, Placeholder, Poster
from catalog.posters.sources.registry import POSTER_SOURCES
from ml.imaging.images import DUPLICATE_BITS, hash_distance, open_safely, perceptual_hash, sha256_hex

from . import primary

# Editions and parts of a film share a picture; this many movies with different titles do not.
MOVIES = 5


def rejection(movie: Movie, data: bytes, *, source: str, source_url: str) -> str:
    """Why fetched bytes are not stored as a poster of the movie; "" if they may be.

    Raises ml.imaging.images.ImageRejected as `was_removed`.
    """
    if was_removed(movie, data):
        return "it shows the picture that a person removed from this movie"
    return placeholder_reason(movie, data, source=source, source_url=source_url)


def was_removed(movie: Movie, data: bytes) -> bool:
    """Whether a person removed this picture, in any size or quality, from the movie.

    Raises ml.imaging.images.ImageRejected as `open_safely`, for movies with a removed poster only.
    """
    decisions = DuplicateDecision.objects.filter(movie=movie, verdict=DuplicateDecision.Verdict.WRONG_POSTER)
    removed = list(decisions.values_list("poster_sha256", "details__perceptual_hash"))
    if not removed:
        return False
    if sha256_hex(data) in {sha256 for sha256, _ in removed}:
        return True
    picture_hash = perceptual_hash(open_safely(data))
    return any(hash_distance(picture_hash, other) <= DUPLICATE_BITS for _, other in removed)


def placeholder_reason(movie: Movie, data: bytes, *, source: str, source_url: str) -> str:
    """Why the bytes are the source's picture for "no poster available"; "" if they are not.

    A picture that a source shows for `MOVIES` movies is stored as a placeholder, and its posters are deleted
    except those that a person locked. A person can mark it as a poster in the admin.
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
        removed = list(alike.filter(locked=False).order_by("movie_id"))
        before = primary.evidence_now([poster.movie_id for poster in removed])
        primary.remove(removed)
        primary.process_changed(before)
    return _sentence(found)


def _sentence(placeholder: Placeholder) -> str:
    return f"the source shows its picture for {placeholder.movies} movies, so it is a placeholder"
