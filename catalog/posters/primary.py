"""Store posters in three sizes, choose which one a movie shows, and process movies whose evidence changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from catalog.models import GenreModel, Movie, Poster, Run, Suggestion
from catalog.models.poster import NO_WORDS
from catalog.runs import kinds, lifecycle
from ml.imaging import images

from .storage import file_name, lock_picture, write_files, write_missing_files

MEDIUM_WIDTH = 500  # px: the movie page
THUMBNAIL_WIDTH = 220  # px: the poster wall
LARGEST_WIDTH = 2000  # px: nothing here needs more, and originals of 5,000 px exist
IDS_PER_QUERY = 1000


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
            defaults={} if same and _has_priority(same, source) else fields,
            create_defaults=fields | created,
        )
        if locked:
            _show(poster, locked=True)
        else:
            _choose(movie.pk)
    poster.refresh_from_db()
    return poster


def write_smaller(poster: Poster) -> int:
    """Create the smaller images again from the stored original; returns how many.

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
    """Remove a person's choice: from now on the movie shows the poster that `preference` puts first."""
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
    """The sort key of a movie's posters, the one to show last, unless a person chose one.

    Posters that their source replaced come after all others. Then posters are compared by language in the
    operator's order, resolution up to that of the pages, the operator's order of sources, the source's own
    order, and the latest fetch.
    """
    wanted = [code[:2] for code in settings.POSTER_LANGUAGES]
    language = poster.language[:2] if poster.language != NO_WORDS else ""
    place = wanted.index(language) if language in wanted else len(wanted)
    # A poster without words, or in an unknown language, is better than one in an unwanted language.
    foreign = bool(wanted and language) and place == len(wanted)
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


class EvidenceNow(NamedTuple):
    """What a movie's suggestions rest on: the poster that it shows, and the version of its title, year and
    overview. None if it has no poster, or is not stored yet."""

    poster: int | None = None
    text_version: int | None = None


def evidence_now(movies: Iterable[int]) -> dict[int, EvidenceNow]:
    """What suggestions for each of the movies rest on now; pass it to `process_changed`."""
    keys = list(dict.fromkeys(movies))
    found: dict[int, EvidenceNow] = {}
    for start in range(0, len(keys), IDS_PER_QUERY):
        part = keys[start : start + IDS_PER_QUERY]
        shown = dict(Poster.objects.filter(movie__in=part, is_primary=True).values_list("movie_id", "pk"))
        versions = dict(Movie.objects.filter(pk__in=part).values_list("pk", "text_version"))
        found |= {pk: EvidenceNow(shown.get(pk), versions.get(pk)) for pk in part}
    return found


def process_changed(before: Mapping[int, EvidenceNow], *, by: AbstractBaseUser | None = None) -> Run | None:
    """Embed and label the movies whose poster or texts differ from `before` (from `evidence_now`).

    Pending suggestions of a movie without a poster are superseded. Texts matter only if the active genre
    model reads them, and for movies that are untagged or have suggestions. Call it in the transaction of the
    change, so that a crash cannot separate the two. Returns the run that was started, None if nothing is to
    be done. For more than IDS_PER_QUERY movies it is a run over everything that is not embedded or labelled.
    """
    now = evidence_now(before)
    changed = [movie for movie, (poster, _) in now.items() if poster != before[movie].poster]
    without = [movie for movie in changed if now[movie].poster is None]
    for start in range(0, len(without), IDS_PER_QUERY):
        suggestions = Suggestion.objects.filter(movie__in=without[start : start + IDS_PER_QUERY])
        suggestions.filter(state=Suggestion.State.PENDING).update(state=Suggestion.State.SUPERSEDED)
    changed = [movie for movie in changed if now[movie].poster is not None]
    if len(changed) > IDS_PER_QUERY:
        can_embed = kinds.get("embed").due() is not None
        return lifecycle.start("embed", asked_by=by, followed_by=["label"]) if can_embed else None
    run = lifecycle.start_first_due(("embed", "label"), Movie.objects.filter(pk__in=changed), asked_by=by)
    texts = [
        movie for movie, each in now.items() if before[movie].text_version not in (None, each.text_version)
    ]
    labelled = label_changed({*texts, *without} - {*changed}, by=by)
    return run or labelled


def label_changed(movies: Collection[int], *, by: AbstractBaseUser | None = None) -> Run | None:
    """Label the movies, whose texts changed, if the active genre model reads texts; see `process_changed`."""
    if not movies:
        return None
    active = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).only("parts").first()
    if active is None or not active.reads_texts:
        return None
    if len(movies) > IDS_PER_QUERY:
        due = kinds.get("label").due()
        return lifecycle.start("label", asked_by=by) if due is not None and due.exists() else None
    return lifecycle.start_first_due(("label",), Movie.objects.filter(pk__in=movies), asked_by=by)


def _has_priority(poster: Poster, source: str) -> bool:
    """Whether the poster's own source still shows it, and comes before `source` in the operator's order."""
    order = [*settings.POSTER_SOURCES]
    if poster.gone_at is not None or poster.superseded or not {poster.source, source} <= set(order):
        return False
    return order.index(poster.source) < order.index(source)


def _choose(movie_id: int) -> None:
    posters = list(Poster.objects.filter(movie=movie_id))
    if posters and not any(poster.is_primary and poster.locked for poster in posters):
        best = max(posters, key=preference)
        if not best.is_primary:
            _show(best, locked=best.locked)


def _show(poster: Poster, *, locked: bool) -> None:
    others = Poster.objects.filter(movie=poster.movie_id).exclude(pk=poster.pk)
    others.filter(is_primary=True).update(is_primary=False)
    if locked:
        others.filter(locked=True).update(locked=False)
    Poster.objects.filter(pk=poster.pk).update(is_primary=True, locked=locked)
