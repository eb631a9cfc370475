"""Find and fetch posters: ask the switched-on sources in turn, store the first good picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from catalog.fetching.errors import FetchError, RobotsDisallow, TryLater
from catalog.fetching.robots import UNREADABLE_S
from catalog.models import Movie, Poster, Run, RunItem
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.runs import leases, lifecycle
from catalog.runs.chunks import LIVE, OPEN

from .fetch import NoPoster, fetch_known, visit
from .known_addresses import source_of

RETRY_PACING_S = 30.0
NO_SOURCE = (
    "No poster source is switched on. Set POSTERSITE_POSTER_SOURCES (for example to tmdb_page) after "
    "reading docs/data-sources.md."
)
# A person who asks for alternatives wants to choose among a handful.
ALTERNATIVES = 8
KNOWN = "imported address"
# A schedule looks up a movie that no source had a poster for again after this time; users may any time.
RETRY_AFTER = timedelta(days=7)
# Where a run's params say how many posters of each movie are wanted.
WANTED = "posters"


def to_look_up() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that no other run is about to look up."""
    found = not_being_looked_up()
    for run in Run.objects.filter(kind="scrape", state__in=LIVE, chosen=False):
        first, last = run.chunks.first(), run.chunks.last()
        if first is not None and last is not None:
            found = found.exclude(pk__range=(first.keys[0], last.keys[-1]))
    return found


def not_being_looked_up() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that are no item of a live run."""
    pending = RunItem.objects.filter(
        movie=OuterRef("pk"), run__kind="scrape", run__state__in=LIVE, state__in=OPEN
    )
    return Movie.objects.without_poster().filter(
        Q(tmdb_id__isnull=False) | Q(imdb_id__isnull=False), ~Exists(pending)
    )


def start_new_arrivals() -> Run | None:
    """Fetch the posters of new arrivals, embed them and suggest genres; None when there is nothing to do."""
    arrivals = new_arrivals()
    if not settings.POSTER_SOURCES or not arrivals.exists():
        return None
    return lifecycle.start_unless_live("scrape", movies=arrivals, followed_by=("embed", "label"))


def new_arrivals() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that no source lacked within RETRY_AFTER."""
    lacked = RunItem.objects.filter(
        movie=OuterRef("pk"),
        run__kind="scrape",
        state=RunItem.State.FAILED,
        finished_at__gt=timezone.now() - RETRY_AFTER,
    )
    return to_look_up().filter(~Exists(lacked))


class NotNow(RuntimeError):
    """A site, or what paces us, asks to come back after `seconds`; nothing is wrong with the movie."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


def why_not() -> str:
    """Why no poster can be fetched whatever the movie, in a sentence; empty when some can."""
    return "" if settings.POSTER_SOURCES else NO_SOURCE


def scrape_items(items: Sequence[RunItem]) -> None:
    """Fetch the posters of each item's movie, and finish, fail or postpone the item."""
    wanted = items[0].run.params.get(WANTED) or settings.POSTERS_PER_MOVIE

    def scrape(item: RunItem, alive: Callable[[], object]) -> None:
        assert item.movie is not None  # noqa: S101  a scrape run has movies for items
        try:
            posters = scrape_posters(item.movie, wanted, alive)
        except NotNow as error:
            leases.postpone(item, error.seconds, str(error))
        except NoPoster as error:
            if leases.skip_merged([item]):
                leases.fail(item, str(error))
        else:
            more = f" and {len(posters) - 1} more" if len(posters) > 1 else ""
            leases.finish(item, f"{described(posters[0])}{more}")

    leases.process_each(items, scrape)


def described(poster: Poster) -> str:
    return f"{poster.width}×{poster.height} from {poster.source}"


def scrape_movie(movie: Movie) -> Poster:
    """Fetch and store the movie's poster from the first source that has a good one. Raises as below."""
    return scrape_posters(movie, 1)[0]


def scrape_posters(movie: Movie, wanted: int, alive: Callable[[], object] = lambda: None) -> list[Poster]:
    """Fetch and store up to `wanted` posters; one at least.

    First the address that an import gave is asked, then source by source in the operator's order. `alive` is
    called before each picture.
    Raises NoPoster when no source has any, NotNow when a site asks us to wait and no other source helped.
    """
    if not settings.POSTER_SOURCES:
        raise NoPoster(NO_SOURCE)
    got: dict[int, Poster] = {}
    said: list[str] = []
    wait: NotNow | None = None
    for name in ([KNOWN] if movie.poster_url else []) + list(settings.POSTER_SOURCES):
        try:
            got |= {poster.pk: poster for poster in _from_source(movie, name, wanted - len(got), alive)}
        except FetchError as error:
            seconds = wait_s(error)
            if seconds is not None:
                wait = wait or NotNow(str(error), seconds)
            said.append(f"{name}: {error}.")
        except NoPoster as error:
            said.append(f"{name}: {error}.")
        if len(got) >= wanted:
            break
    if got:
        return list(got.values())
    if wait is not None:
        raise wait
    if settings.REPLICA_URL:
        said.append(
            f"Only the replica at {settings.REPLICA_URL} was asked; for the real sites, start without it."
        )
    raise NoPoster(f"No poster for {movie}. " + " ".join(said))


def wait_s(error: FetchError) -> float | None:
    """When to come back after an error that is the whole site's, or our own; None for the movie's own."""
    if isinstance(error, TryLater):
        return error.retry_after_s
    if isinstance(error, RobotsDisallow) and error.retryable:
        return UNREADABLE_S
    return RETRY_PACING_S if type(error) is FetchError and error.retryable else None


def _from_source(movie: Movie, name: str, wanted: int, alive: Callable[[], object]) -> Sequence[Poster]:
    if name == KNOWN:
        has_it = source_of(movie.poster_url)
        if has_it is None:
            raise NoPoster(f"no source that is switched on has {movie.poster_url}")
        alive()
        return [fetch_known(movie, has_it)]
    source = POSTER_SOURCES.get(name)
    if source is None:
        raise NoPoster(f"there is no such source; there are {', '.join(sorted(POSTER_SOURCES))}")
    return visit(movie, source, wanted=wanted, alive=alive).posters
