"""Fetch posters: look movies up at the enabled sources in turn, and store the first good images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from catalog import search
from catalog.fetching.errors import (
    Denied,
    FetchError,
    NotFound,
    RobotsDisallow,
    TooLarge,
    TryLater,
    printable,
)
from catalog.fetching.robots import UNREADABLE_S
from catalog.models import Movie, Poster, RunItem, SourceLookup
from catalog.runs import leases
from ml.imaging.images import ImageRejected

from . import rejections
from .lookup import LookupResult, NotLookedUp, SourceClient, enabled_clients, look_up, poster_url_error
from .primary import choose, store_poster
from .source_settings import attribution
from .sources.links import NoPosterFound, PosterLink
from .sources.protocol import Found
from .sources.registry import POSTER_SOURCES

Renew = Callable[[], object]

# A run's parameter: how many posters of each movie to fetch, and how many when a user asks for alternatives.
POSTERS_PARAM = "posters"
ALTERNATIVES = 8
RETRY_WITHOUT_BROKER_S = 30.0
# Images of a movie that may fail before its source is given up.
MAX_FAILURES = 3
NO_SOURCE = (
    "No poster source is enabled. Set POSTERSITE_POSTER_SOURCES (for example to tmdb_page) after "
    "reading docs/data-sources.md."
)


class NoPoster(LookupError):
    """No source has a usable poster for the movie; the message lists the reason of each."""


class Postponed(RuntimeError):
    """A site, or our own throttle, requires a wait of `seconds`; the movie is not the reason."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class SourceResult:
    """The stored posters of a source, the first to show first. unchanged: nothing differs from last time."""

    posters: tuple[Poster, ...]
    unchanged: bool


def unavailable() -> str:
    """Why no poster can be fetched for any movie, as a sentence; "" if posters can be fetched."""
    return "" if settings.POSTER_SOURCES else NO_SOURCE


def fetch_items(items: Sequence[RunItem]) -> None:
    """Fetch the posters of each item's movie, and finish, fail or postpone the item."""
    wanted = items[0].run.params.get(POSTERS_PARAM) or settings.POSTERS_PER_MOVIE
    clients = enabled_clients()

    def fetch(item: RunItem, renew: Renew) -> None:
        assert item.movie is not None  # noqa: S101  items of a scrape run have a movie
        try:
            posters = fetch_posters(item.movie, wanted, clients, renew)
        except Postponed as error:
            leases.postpone(item, error.seconds, str(error))
        except NoPoster as error:
            if leases.skip_merged([item]):
                leases.fail(item, str(error))
        else:
            more = f" and {len(posters) - 1} more" if len(posters) > 1 else ""
            leases.finish(item, f"{describe(posters[0])}{more}")

    leases.process_each(items, fetch)


def describe(poster: Poster) -> str:
    return f"{poster.width}×{poster.height} from {poster.source}"


def fetch_posters(
    movie: Movie, wanted: int, clients: Sequence[SourceClient], renew: Renew = lambda: None
) -> list[Poster]:
    """Fetch and store up to `wanted` posters, at least one, from the sources in the order of `clients`.

    An address that was imported for the movie comes first. `renew` is called before each image. Raises
    NoPoster if no source has any, Postponed if a site demands to wait and no other source has a poster.
    """
    if not settings.POSTER_SOURCES:
        raise NoPoster(NO_SOURCE)
    posters: dict[int, Poster] = {}
    errors: list[str] = []
    postponed: Postponed | None = None
    for client in (*([None] if movie.poster_url else []), *clients):
        name = client.source.name if client else "imported address"
        try:
            if client is None:
                new: Sequence[Poster] = [fetch_imported_address(movie, clients, renew)]
            else:
                missing = wanted - len(posters)
                new = fetch_from_source(movie, client, wanted=missing, renew=renew).posters
        except FetchError as error:
            seconds = postponement_s(error)
            if seconds is not None:
                postponed = postponed or Postponed(str(error), seconds)
            errors.append(f"{name}: {error}.")
        except NoPoster as error:
            errors.append(f"{name}: {error}.")
        else:
            posters |= {poster.pk: poster for poster in new}
        if len(posters) >= wanted:
            break
    if posters:
        return list(posters.values())
    if postponed is not None:
        raise postponed
    for name in settings.POSTER_SOURCES:
        if name not in POSTER_SOURCES:
            errors.append(f"{name}: there is no such source; there are {', '.join(sorted(POSTER_SOURCES))}.")
    if settings.REPLICA_URL:
        errors.append(
            f"Only the replica at {settings.REPLICA_URL} was used; for the real sites, start without it."
        )
    raise NoPoster(f"No poster for {movie}. " + " ".join(errors))


def postponement_s(error: FetchError) -> float | None:
    """When to try again after an error of the whole site, or of our own; None for an error of the movie."""
    if isinstance(error, TryLater):
        return error.retry_after_s
    if isinstance(error, RobotsDisallow) and error.retryable:
        return UNREADABLE_S
    return RETRY_WITHOUT_BROKER_S if type(error) is FetchError and error.retryable else None


def fetch_imported_address(
    movie: Movie, clients: Sequence[SourceClient], renew: Renew = lambda: None
) -> Poster:
    """Fetch and store the poster at the movie's imported address, if it belongs to one of the sources.

    The source's page is not fetched, so no lookup is stored. Raises NoPoster and FetchErrors.
    """
    for client in clients:
        if not poster_url_error(movie.poster_url, client.source):
            renew()
            first, *others = client.source.sizes(movie.poster_url)
            link = PosterLink(first, tuple(others), "an import")
            return _fetch_image(movie, client, link, page_url="", rank=0, stored={})[0]
    raise NoPoster(f"no enabled source has {movie.poster_url}")


def fetch_from_source(
    movie: Movie,
    client: SourceClient,
    *,
    wanted: int = 1,
    refresh: bool = False,
    renew: Renew = lambda: None,
) -> SourceResult:
    """Fetch and store up to `wanted` of the movie's posters from one source.

    `renew` is called before each image. With `refresh` the source is only checked for changes since the last
    lookup. Posters that it does not list any more are marked as superseded. Raises NoPoster if it has none
    (stored posters stay, and are marked as gone if the source says so), and FetchErrors, which change
    nothing.
    """
    source = client.source.name
    previous = SourceLookup.objects.filter(movie=movie, source=source).first() if refresh else None
    overview = ""
    try:
        result = look_up(client, movie, previous)
        overview = result.overview
        if result.found is None:
            return _confirm_all(movie, source, overview)
        posters, unchanged = _fetch_images(movie, client, result.found, wanted, refresh, renew)
    except NotLookedUp as error:
        raise NoPoster(str(error)) from error
    except (NoPosterFound, NotFound, NoPoster) as error:
        # A damaged image, or one that a person removed, does not mean that the source has no poster any more.
        if isinstance(error, NoPosterFound):
            overview = error.overview
        _store_failure(movie, source, str(error), overview, gone=not isinstance(error, NoPoster))
        raise NoPoster(str(error)) from error
    _store_lookup(movie, source, result)
    for poster in posters:
        poster.refresh_from_db()
    return SourceResult(tuple(posters), unchanged)


def _fetch_images(
    movie: Movie, client: SourceClient, found: Found, wanted: int, refresh: bool, renew: Renew
) -> tuple[list[Poster], bool]:
    source = client.source.name
    stored = {p.source_url: p for p in movie.posters.filter(source=source)} if refresh else {}
    good: list[Poster] = []
    failures: list[Exception] = []
    unchanged = True
    for rank, link in enumerate(found.links):
        if len(good) >= wanted or len(failures) > MAX_FAILURES:
            break
        renew()
        try:
            poster, same = _fetch_image(movie, client, link, found.page_url, rank, stored)
        except (NotFound, Denied, TooLarge, NoPoster) as error:
            failures.append(error)
        else:
            good.append(poster)
            unchanged = unchanged and same
    if not good:
        raise failures[0] if failures else NoPoster("its page has no link to an image")
    complete_movie(movie, found)
    ranks = {address: rank for rank, link in enumerate(found.links) for address in link.addresses}
    return good, not _supersede(movie, source, good, ranks) and unchanged


def _fetch_image(
    movie: Movie,
    client: SourceClient,
    link: PosterLink,
    page_url: str,
    rank: int,
    stored: Mapping[str, Poster],
) -> tuple[Poster, bool]:
    """The poster of a link, and whether it is one of those stored before, by address, unchanged."""
    source = client.source.name
    last: NotFound | Denied | TooLarge | NoPoster | None = None
    for url in link.addresses:
        known = stored.get(url)
        try:
            image = client.images.get(
                url,
                accept="image/*",
                etag=known.etag if known else "",
                last_modified=known.last_modified if known else "",
            )
            if known is not None and image.status == 304:
                return _confirm(known, link, rank), True
            if why := rejections.rejection(movie, image.body, source=source, source_url=url):
                raise NoPoster(why)
            poster = store_poster(
                movie,
                image.body,
                source=source,
                source_url=url,
                page_url=page_url,
                attribution=attribution(client.source),
                etag=image.etag,
                last_modified=image.last_modified,
                language=link.language,
                rank=rank,
            )
            return poster, known is not None and known.pk == poster.pk
        except (NotFound, Denied, TooLarge) as error:
            # Another size may exist: image hosts respond with 403 to what they do not have.
            last = error
        except ImageRejected as error:
            last = NoPoster(f"{printable(url)}: {str(error).rstrip('.')}")
    raise last or NoPoster("its page has no link to an image")


def complete_movie(movie: Movie, found: Found) -> None:
    """Fill in what the movie lacks and its source knows; existing values stay."""
    if found.franchise and Movie.objects.filter(pk=movie.pk, franchise="").update(franchise=found.franchise):
        search.index([movie.pk])
    if found.tmdb_id is not None and movie.tmdb_id is None:
        # Another movie may have this id already. Whether they are duplicates is for a person to decide.
        with suppress(IntegrityError), transaction.atomic():
            Movie.objects.filter(pk=movie.pk, tmdb_id=None).update(tmdb_id=found.tmdb_id)


def add_overview(movie: Movie, overview: str) -> None:
    """Store the overview of a movie that has none, also if another worker or an import stores one meanwhile.

    Call it in the transaction that stores the lookup, and first: others lock the movie before its lookups.
    """
    without = Movie.objects.filter(pk=movie.pk, overview="")
    # The label run that follows scores the movie again.
    if overview and without.update(overview=overview, text_version=F("text_version") + 1):
        movie.overview = overview


def _confirm(poster: Poster, link: PosterLink, rank: int) -> Poster:
    Poster.objects.filter(pk=poster.pk).update(
        checked_at=timezone.now(), gone_at=None, superseded=False, language=link.language[:8], rank=rank
    )
    poster.refresh_from_db()
    return poster


def _confirm_all(movie: Movie, source: str, overview: str) -> SourceResult:
    now = timezone.now()
    posters = Poster.objects.filter(movie=movie, source=source, superseded=False, gone_at=None)
    with transaction.atomic():
        add_overview(movie, overview)
        SourceLookup.objects.filter(movie=movie, source=source).update(checked_at=now)
        posters.update(checked_at=now)
    return SourceResult(tuple(posters.order_by("rank", "pk")), unchanged=True)


def _supersede(movie: Movie, source: str, good: Sequence[Poster], ranks: Mapping[str, int]) -> bool:
    """Mark posters that the source does not list any more, or replaced by others; returns whether any was.

    ranks: the source's order, by address.
    """
    with transaction.atomic():
        Movie.objects.select_for_update().get(pk=movie.pk)
        addresses = {poster.source_url for poster in good}
        others = Poster.objects.filter(movie=movie, source=source).exclude(pk__in=[p.pk for p in good])
        replaced = False
        for poster in others:
            superseded = poster.source_url not in ranks or poster.source_url in addresses
            replaced = replaced or (superseded and not poster.superseded)
            Poster.objects.filter(pk=poster.pk).update(
                superseded=superseded, rank=ranks.get(poster.source_url, poster.rank)
            )
    choose(movie)
    return replaced


def _store_lookup(movie: Movie, source: str, result: LookupResult) -> None:
    with transaction.atomic():
        add_overview(movie, result.overview)
        SourceLookup.objects.update_or_create(
            movie=movie,
            source=source,
            defaults={
                "url": result.url[:1000],
                "etag": result.etag,
                "last_modified": result.last_modified,
                "found": True,
                "note": "",
                "checked_at": timezone.now(),
            },
        )


def _store_failure(movie: Movie, source: str, why: str, overview: str, *, gone: bool) -> None:
    # Without validators, so that the next lookup reads the whole page.
    now = timezone.now()
    with transaction.atomic():
        add_overview(movie, overview)
        SourceLookup.objects.update_or_create(
            movie=movie,
            source=source,
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
            Poster.objects.filter(movie=movie, source=source, gone_at=None).update(gone_at=now)
