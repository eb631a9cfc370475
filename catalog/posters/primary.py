"""Store posters: check the bytes, re-encode them, keep three sizes, and say which one a movie shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from catalog.models import Movie, Poster
from catalog.models.poster import NO_WORDS
from ml.imaging import images

from .storage import file_name, lock_picture, write_files, write_missing_files

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
    language: str = "",
    rank: int = 0,
    locked: bool = False,
) -> Poster:
    """Check, re-encode and store `data` as a poster of `movie`; the same bytes again change only dates.

    The movie then shows the one that `preference` puts first, unless a person locked another. `locked=True`
    is that person's choice. Raises ml.imaging.images.ImageRejected, with a sentence, for bytes that are
    no acceptable picture.
    """
    image = images.open_safely(data)
    sha256 = images.sha256_hex(data)
    full = images.fit_width(image, LARGEST_WIDTH)
    now = timezone.now()
    fields = {
        "source": source,
        "source_url": source_url[:1000],
        "page_url": page_url[:1000],
        "attribution": attribution[:300],
        "etag": etag[:200],
        "last_modified": last_modified[:60],
        "language": language[:8],
        "rank": rank,
        "fetched_at": now,
        "checked_at": now,
        "gone_at": None,
        "superseded": False,
    }
    pictures = {
        "file": (file_name(sha256, "original"), full),
        "medium": (file_name(sha256, "medium"), images.fit_width(full, MEDIUM_WIDTH)),
        "thumbnail": (file_name(sha256, "thumbnail"), images.fit_width(full, THUMBNAIL_WIDTH)),
    }
    contents = {name: images.encode_jpeg(picture) for name, picture in pictures.values()}
    created = {
        "perceptual_hash": images.perceptual_hash(image),
        "width": full.width,
        "height": full.height,
        **{field: name for field, (name, _) in pictures.items()},
    }
    write_files(contents)
    with transaction.atomic():
        # The movie's row is the lock: two workers storing posters of one movie take turns.
        Movie.objects.select_for_update().get(pk=movie.pk)
        # Another movie's poster with the same picture may have been deleted since, and the files with it.
        lock_picture(sha256)
        write_missing_files(contents)
        same = Poster.objects.filter(movie=movie, sha256=sha256).first()
        poster, _ = Poster.objects.update_or_create(
            movie=movie,
            sha256=sha256,
            defaults={} if same and _speaks_first(same, source) else fields,
            create_defaults=fields | created,
        )
        if locked:
            _show(poster, locked=True)
        else:
            _choose(movie.pk)
    poster.refresh_from_db()
    return poster


def write_smaller(poster: Poster) -> int:
    """Make the stored smaller pictures anew from the stored original; returns how many.

    None are made for a poster that is gone. Raises OSError and ImageRejected where the original can't be
    read.
    """
    with default_storage.open(str(poster.file.name)) as file:
        full = images.open_safely(file.read())
    contents = {
        str(field.name): images.encode_jpeg(images.fit_width(full, width))
        for field, width in ((poster.medium, MEDIUM_WIDTH), (poster.thumbnail, THUMBNAIL_WIDTH))
    }
    with transaction.atomic():
        lock_picture(poster.sha256)
        if not Poster.objects.filter(pk=poster.pk).exists():
            return 0
        write_files(contents)
    return len(contents)


def make_primary(poster: Poster, *, locked: bool = True) -> None:
    """Show this poster for its movie. Locked, as by a person, no later fetch replaces it."""
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=poster.movie_id)
        _show(poster, locked=locked)
    poster.refresh_from_db()


def choose(movie: Movie) -> None:
    """Show the poster that `preference` puts first, unless a person locked one."""
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        _choose(movie.pk)


def unlock(movie: Movie) -> None:
    """Take a person's choice back: from now on the movie shows what `preference` puts first."""
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        Poster.objects.filter(movie=movie, locked=True).update(locked=False)
        _choose(movie.pk)


def remove(posters: Iterable[Poster]) -> None:
    """Delete posters. A movie that showed one of them shows the best that it still has."""
    for poster in posters:
        with transaction.atomic():
            Movie.objects.select_for_update().get(pk=poster.movie_id)
            poster.delete()
            _choose(poster.movie_id)


def preference(poster: Poster) -> tuple[bool, int, int, int, int, datetime, int]:
    """What a movie's posters are sorted by, the one to show last: the rule where no person chose.

    One that its source replaced comes behind all others; then it goes by language as the operator wants them,
    by resolution up to what the pages show, by the operator's order of sources, by the source's own order,
    and by the latest fetch.
    """
    wanted = [code[:2] for code in settings.POSTER_LANGUAGES]
    spoken = poster.language[:2] if poster.language != NO_WORDS else ""
    place = wanted.index(spoken) if spoken in wanted else len(wanted)
    # Without words, or nobody knows: better than words in a language that nobody wants.
    foreign = bool(wanted and spoken) and place == len(wanted)
    sources = [*settings.POSTER_SOURCES]
    source = sources.index(poster.source) if poster.source in sources else -1
    return (
        not poster.superseded,
        -place - foreign,
        min(poster.width, MEDIUM_WIDTH),
        -source,
        -poster.rank,
        poster.fetched_at,
        poster.pk,
    )


def _speaks_first(poster: Poster, source: str) -> bool:
    """Whether the poster's own source still shows it, and comes before `source` in the operator's order."""
    order = [*settings.POSTER_SOURCES]
    if poster.gone_at is not None or poster.superseded or not {poster.source, source} <= set(order):
        return False
    return order.index(poster.source) < order.index(source)


def _choose(movie_id: int) -> None:
    mine = list(Poster.objects.filter(movie=movie_id))
    if mine and not any(poster.is_primary and poster.locked for poster in mine):
        best = max(mine, key=preference)
        if not best.is_primary:
            _show(best, locked=best.locked)


def _show(poster: Poster, *, locked: bool) -> None:
    others = Poster.objects.filter(movie=poster.movie_id).exclude(pk=poster.pk)
    others.filter(is_primary=True).update(is_primary=False)
    if locked:
        others.filter(locked=True).update(locked=False)
    Poster.objects.filter(pk=poster.pk).update(is_primary=True, locked=locked)
