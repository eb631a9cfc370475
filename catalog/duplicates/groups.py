"""Groups of duplicates: which ones are open, which movies are in one, and the run that finds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from catalog.embeddings import extractors
from catalog.models import (
    DuplicateGroup,
    DuplicateMember,
    Embedding,
    Extractor,
    Movie,
    Poster,
    Run,
    RunItem,
)
from catalog.runs import leases

from .search import find

IDS_PER_QUERY = 1000
# A search that failed or was cancelled is not repeated before this time.
PAUSE = timedelta(hours=1)
# Members whose reason still applies: the poster is shown, or a source named the movie.
CURRENT = Q(poster__is_primary=True) | Q(
    reason=DuplicateMember.Reason.SOURCE, movie__merged_into__isnull=True
)
JOINED = (DuplicateGroup.State.OPEN, DuplicateGroup.State.MERGED)


def groups_of(poster_ids: Collection[int]) -> dict[int, int]:
    """Group id by poster id, for the posters in open or merged groups. Equal ids mean the same picture."""
    found: dict[int, int] = {}
    wanted = sorted(set(poster_ids))
    for start in range(0, len(wanted), IDS_PER_QUERY):
        members = DuplicateMember.objects.filter(
            poster__in=wanted[start : start + IDS_PER_QUERY], group__state__in=JOINED
        )
        # A poster of a merged group may be in an open one too, which counts.
        rows = members.order_by("is_open", "group_id").values_list("poster_id", "group_id")
        found.update((poster, group) for poster, group in rows if poster is not None)
    return found


def open_groups() -> QuerySet[DuplicateGroup]:
    """Groups to decide about: a source names the movies as one film, or they show the same picture and two of
    them may be the same film.

    Two movies that both have an IMDb id, or both a TMDB id, are different films, because each film has one
    id. If they show the same picture, `same_picture` finds them.
    """

    def some(**ids: bool) -> Exists:
        return Exists(DuplicateMember.objects.filter(CURRENT, group=OuterRef("pk"), **ids))

    without_ids = some(movie__imdb_id__isnull=True, movie__tmdb_id__isnull=True)
    only_imdb = some(movie__imdb_id__isnull=False, movie__tmdb_id__isnull=True)
    only_tmdb = some(movie__imdb_id__isnull=True, movie__tmdb_id__isnull=False)
    return undecided_groups().filter(~Q(source_row="") | without_ids | (only_imdb & only_tmdb))


def undecided_groups() -> QuerySet[DuplicateGroup]:
    """Open groups with at least two current members, annotated with their number as `size`."""
    current = DuplicateMember.objects.filter(CURRENT, group=OuterRef("pk")).order_by().values("group")
    return (
        DuplicateGroup.objects.filter(state=DuplicateGroup.State.OPEN)
        .annotate(size=Subquery(current.annotate(number=Count("pk")).values("number")))
        .filter(size__gt=1)
        .order_by("pk")
    )


def same_picture(movie: Movie) -> QuerySet[Movie]:
    """Other movies that show the same picture and were kept apart or not decided about."""
    known = (DuplicateGroup.State.OPEN, DuplicateGroup.State.APART)
    members = DuplicateMember.objects.filter(poster__isnull=False, poster__is_primary=True)
    mine = members.filter(poster=movie.primary_poster, group__state__in=known)
    # Most posters are in no group, so this is asked first.
    groups = list(mine.order_by().values_list("group", flat=True))
    if not groups:
        return Movie.objects.none()
    return Movie.objects.filter(pk__in=members.filter(group__in=groups).values("movie")).exclude(pk=movie.pk)


def uncompared(extractor: int) -> QuerySet[Poster]:
    """Primary posters that the extractor has embedded and that were not compared with all others by it."""
    embedded = Embedding.objects.filter(poster=OuterRef("pk"), extractor=extractor)
    return Poster.objects.filter(Exists(embedded), is_primary=True).exclude(compared_with=extractor)


def is_due() -> bool:
    """Whether there are posters to compare, no other run comes first, and the last search did not fail."""
    extractor = extractors.default_extractor()
    if extractor is None or not uncompared(extractor.pk).exists():
        return False
    # New posters are compared all at once after they are embedded.
    if Run.objects.filter(
        kind__in=("embed", "duplicates"), state__in=(Run.State.QUEUED, Run.State.RUNNING)
    ).exists():
        return False
    last = Run.objects.filter(kind="duplicates").first()
    stopped = last is not None and last.state in (Run.State.FAILED, Run.State.CANCELLED)
    now = timezone.now()
    return not (stopped and last and now - PAUSE < last.created_at <= now)


def find_items(items: Sequence[RunItem]) -> None:
    """Compare each item's poster with all others, propose groups, and finish the item."""
    extractor = Extractor.objects.filter(pk=items[0].run.params["extractor"]).first()
    if extractor is None:
        error = "The extractor of this run was deleted: start another search for duplicates."
        leases.finish_all(items, errors={item.pk: error for item in items})
        return
    posters = [item.poster for item in items if item.poster is not None]
    found = find(posters, extractor, is_wanted=lambda: bool(leases.renew(items)))
    if found is None:
        return  # the run was cancelled, or the lease was lost
    notes = {}
    for item in items:
        if number := found.get(item.poster_id or 0, 0):
            movies = "another movie" if number == 1 else f"{number} other movies"
            notes[item.pk] = f"the same picture as {movies}"
    leases.finish_all(items, notes=notes)
