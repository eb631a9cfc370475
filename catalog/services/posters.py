"""Store posters: check the bytes, re-encode them, keep three sizes, and say which one a movie shows."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from PIL.Image import Image

from catalog.models import Movie, Poster
from ml import images

MEDIUM_WIDTH = 500  # px: the movie page
THUMBNAIL_WIDTH = 220  # px: the poster wall
LARGEST_WIDTH = 2000  # px: nothing here needs more, and originals of 5,000 px exist


def store_poster(
    movie: Movie,
    data: bytes,
    *,
    source: str,
    source_url: str = "",
    page_url: str = "",
    attribution: str = "",
    etag: str = "",
    last_modified: str = "",
    locked: bool = False,
) -> Poster:
    """Check, re-encode and store `data` as a poster of `movie`; the same bytes again change only dates.

    The movie shows the newest poster, unless a person locked another. `locked=True` is that person's choice.
    Raises ml.images.ImageRejected, with a sentence, for bytes that are no acceptable picture.
    """
    image = images.open_safely(data)
    sha256 = images.sha256_hex(data)
    full = images.fit_width(image, LARGEST_WIDTH)
    fields = {
        "source": source,
        "source_url": source_url[:1000],
        "page_url": page_url[:1000],
        "attribution": attribution[:300],
        "etag": etag[:200],
        "last_modified": last_modified[:60],
        "fetched_at": timezone.now(),
    }
    created = {
        "perceptual_hash": images.perceptual_hash(image),
        "width": full.width,
        "height": full.height,
        "file": _written(full, sha256, "original"),
        "medium": _written(images.fit_width(full, MEDIUM_WIDTH), sha256, "medium"),
        "thumbnail": _written(images.fit_width(full, THUMBNAIL_WIDTH), sha256, "thumbnail"),
    }
    with transaction.atomic():
        # The movie's row is the lock: two workers storing posters of one movie take turns.
        Movie.objects.select_for_update().get(pk=movie.pk)
        poster, _ = Poster.objects.update_or_create(
            movie=movie, sha256=sha256, defaults=fields, create_defaults=fields | created
        )
        chosen = Poster.objects.filter(movie=movie, is_primary=True).first()
        if locked or chosen is None or not chosen.locked:
            _show(poster, locked=locked or poster.locked)
    poster.refresh_from_db()
    return poster


def write_smaller(poster: Poster) -> int:
    """Make the stored smaller pictures anew from the stored original; returns how many.

    Raises OSError and ml.images.ImageRejected where the original can't be read.
    """
    with default_storage.open(str(poster.file.name)) as file:
        full = images.open_safely(file.read())
    for field, width in ((poster.medium, MEDIUM_WIDTH), (poster.thumbnail, THUMBNAIL_WIDTH)):
        default_storage.save(str(field.name), _jpeg(images.fit_width(full, width)))
    return 2


def make_primary(poster: Poster, *, locked: bool = True) -> None:
    """Show this poster for its movie. Locked, as by a person, no later fetch replaces it."""
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=poster.movie_id)
        _show(poster, locked=locked)
    poster.refresh_from_db()


def remove(posters: Iterable[Poster]) -> None:
    """Delete posters. A movie that showed one of them shows the newest that it still has."""
    for poster in posters:
        with transaction.atomic():
            Movie.objects.select_for_update().get(pk=poster.movie_id)
            poster.delete()
            newest = Poster.objects.filter(movie=poster.movie_id).first()
            if newest is not None and not newest.is_primary:
                _show(newest, locked=newest.locked)


def _show(poster: Poster, *, locked: bool) -> None:
    others = Poster.objects.filter(movie=poster.movie_id).exclude(pk=poster.pk)
    others.filter(is_primary=True).update(is_primary=False)
    if locked:
        others.filter(locked=True).update(locked=False)
    Poster.objects.filter(pk=poster.pk).update(is_primary=True, locked=locked)


def _written(image: Image, sha256: str, size: str) -> str:
    """Name of the stored JPEG. Named by content: writing it again is harmless and two movies may share it."""
    name = f"posters/{sha256[:2]}/{sha256}-{size}.jpg"
    return default_storage.save(name, _jpeg(image))


def _jpeg(image: Image) -> ContentFile:
    return ContentFile(images.encode_jpeg(image))
