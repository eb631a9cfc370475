"""Visit one poster source for one movie: store what it shows, and write down what it said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog import search
from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import Denied, NotFound, TooLarge, printable
from catalog.models import Movie, Poster, SourceLookup
from catalog.posters.sources.links import PosterLink
from catalog.posters.sources.protocol import Found
from catalog.posters.sources.registry import NoPosterFound, PosterSource
from ml.imaging.images import ImageRejected

from . import rejections
from .clients import page_client, picture_client
from .lookup import LookedUp, NotAsked, look_up
from .primary import choose, store_poster

# Pictures of one film that may fail before its source is given up on.
MOST_FAILURES = 3


class NoPoster(LookupError):
    """No source has a usable poster for the movie; the message lists what each said."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a source showed: its posters, the first to show first. unchanged: it said that nothing has
    changed, or every picture was found as it was."""

    posters: tuple[Poster, ...]
    unchanged: bool


def visit(
    movie: Movie,
    source: PosterSource,
    *,
    wanted: int = 1,
    refresh: bool = False,
    alive: Callable[[], object] = lambda: None,
) -> Visit:
    """Fetch and store up to `wanted` of the movie's posters from one source.

    `alive` is called before each picture, any of which may take a while. With `refresh` the source is only
    asked what has changed since the last visit. A poster that it shows no more in this place is marked as
    superseded. Raises NoPoster when it has none (the copies that there are
    stay, and are marked as gone where that is what it says), and FetchErrors, after which all is as it was.
    """
    before = SourceLookup.objects.filter(movie=movie, source=source.name).first() if refresh else None
    try:
        said = look_up(source, movie, page_client(source), before)
        if said.found is None:
            return _as_before(movie, source)
        posters, unchanged = _pictures(movie, source, said.found, wanted, refresh, alive)
    except NotAsked as error:
        raise NoPoster(str(error)) from error
    except (NoPosterFound, NotFound, NoPoster) as error:
        # A damaged picture, or one that a person took away, does not mean that the site gave its poster up.
        _write_nothing(movie, source, str(error), gone=not isinstance(error, NoPoster))
        raise NoPoster(str(error)) from error
    _write_found(movie, source, said, posters)
    return Visit(tuple(posters), unchanged)


def fetch_known(movie: Movie, source: PosterSource) -> Poster:
    """Fetch and store the poster at the address that an import gave for the movie, one of the source's.

    The source's page is not asked, so nothing is noted about it. Raises NoPoster and FetchErrors.
    """
    first, *others = source.sizes(movie.poster_url)
    link = PosterLink(first, tuple(others), "an import")
    poster, _ = _picture(movie, source, picture_client(source), link, page_url="", rank=0, refresh=False)
    return poster


def attribution(source: PosterSource) -> str:
    """What is shown with a poster; a replica's pictures are not the site's whose form it has."""
    if settings.REPLICA_URL:
        return "Served by a replica site in place of the real one."
    return source.attribution


def learn(movie: Movie, told: Found) -> None:
    """Fill in what the movie lacks and its source told; what it has already is left alone."""
    if told.franchise and Movie.objects.filter(pk=movie.pk, franchise="").update(franchise=told.franchise):
        search.index([movie.pk])
    if told.tmdb_id is not None and movie.tmdb_id is None:
        # Another row may be the same film, which is for a person to say.
        with suppress(IntegrityError), transaction.atomic():
            Movie.objects.filter(pk=movie.pk, tmdb_id=None).update(tmdb_id=told.tmdb_id)


def _pictures(
    movie: Movie,
    source: PosterSource,
    told: Found,
    wanted: int,
    refresh: bool,
    alive: Callable[[], object],
) -> tuple[list[Poster], bool]:
    client = picture_client(source)
    good: list[Poster] = []
    failures: list[Exception] = []
    unchanged = True
    for rank, link in enumerate(told.links):
        if len(good) >= wanted or len(failures) > MOST_FAILURES:
            break
        alive()
        try:
            poster, same = _picture(movie, source, client, link, told.page_url, rank, refresh)
        except (NotFound, Denied, TooLarge, NoPoster) as error:
            failures.append(error)
        else:
            good.append(poster)
            unchanged = unchanged and same
    if not good:
        raise failures[0] if failures else NoPoster("its page links no picture")
    learn(movie, told)
    listed = {address: rank for rank, link in enumerate(told.links) for address in link.addresses}
    return good, not _supersede(movie, source, good, listed) and unchanged


def _picture(
    movie: Movie,
    source: PosterSource,
    client: PoliteClient,
    link: PosterLink,
    page_url: str,
    rank: int,
    refresh: bool,
) -> tuple[Poster, bool]:
    """The stored poster of a link, and whether it was there before and is the same."""
    last: NotFound | Denied | TooLarge | NoPoster | None = None
    held = (
        {poster.source_url: poster for poster in movie.posters.filter(source=source.name)} if refresh else {}
    )
    for url in link.addresses:
        known = held.get(url)
        try:
            picture = client.get(
                url,
                accept="image/*",
                etag=known.etag if known else "",
                last_modified=known.last_modified if known else "",
            )
            if known is not None and picture.status == 304:
                return _confirmed(known, link, rank), True
            if why := rejections.rejection(movie, picture.body, source=source.name, source_url=url):
                raise NoPoster(why)
            poster = store_poster(
                movie,
                picture.body,
                source=source.name,
                source_url=url,
                page_url=page_url,
                attribution=attribution(source),
                etag=picture.etag,
                last_modified=picture.last_modified,
                language=link.language,
                rank=rank,
            )
            return poster, known is not None and known.pk == poster.pk
        except (NotFound, Denied, TooLarge) as error:
            # All three are about this one size: stores of pictures say 403 of what they do not have.
            last = error
        except ImageRejected as error:
            last = NoPoster(f"{printable(url)}: {str(error).rstrip('.')}")
    raise last or NoPoster("its page links no picture")


def _confirmed(poster: Poster, link: PosterLink, rank: int) -> Poster:
    Poster.objects.filter(pk=poster.pk).update(
        checked_at=timezone.now(), gone_at=None, superseded=False, language=link.language[:8], rank=rank
    )
    poster.refresh_from_db()
    return poster


def _supersede(movie: Movie, source: PosterSource, good: Sequence[Poster], listed: Mapping[str, int]) -> bool:
    """Mark what the source does not show any more, or shows another picture in the place of; whether any was.

    listed: the source's order, by address.
    """
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        here = {poster.source_url for poster in good}
        others = Poster.objects.filter(movie=movie, source=source.name).exclude(
            pk__in=[poster.pk for poster in good]
        )
        replaced = False
        for poster in others:
            superseded = poster.source_url not in listed or poster.source_url in here
            replaced = replaced or (superseded and not poster.superseded)
            Poster.objects.filter(pk=poster.pk).update(
                superseded=superseded, rank=listed.get(poster.source_url, poster.rank)
            )
    choose(movie)
    return replaced


def _as_before(movie: Movie, source: PosterSource) -> Visit:
    now = timezone.now()
    SourceLookup.objects.filter(movie=movie, source=source.name).update(checked_at=now)
    mine = Poster.objects.filter(movie=movie, source=source.name, superseded=False, gone_at=None)
    mine.update(checked_at=now)
    return Visit(tuple(mine.order_by("rank", "pk")), unchanged=True)


def _write_found(movie: Movie, source: PosterSource, said: LookedUp, posters: Sequence[Poster]) -> None:
    SourceLookup.objects.update_or_create(
        movie=movie,
        source=source.name,
        defaults={
            "url": said.url[:1000],
            "etag": said.etag,
            "last_modified": said.last_modified,
            "found": True,
            "note": "",
            "checked_at": timezone.now(),
        },
    )
    for poster in posters:
        poster.refresh_from_db()


def _write_nothing(movie: Movie, source: PosterSource, why: str, *, gone: bool) -> None:
    # No validators: the next visit reads the page whole.
    now = timezone.now()
    SourceLookup.objects.update_or_create(
        movie=movie,
        source=source.name,
        defaults={
            "url": "",
            "etag": "",
            "last_modified": "",
            "found": False,
            "note": why[:300],
            "checked_at": now,
        },
    )
    if gone:
        Poster.objects.filter(movie=movie, source=source.name, gone_at=None).update(gone_at=now)
