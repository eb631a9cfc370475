"""Duplicates: which movies may be one film, found anew without forgetting what people said."""

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
# After a search that failed or was cancelled: what stopped it will most likely do so again.
PAUSE = timedelta(hours=1)
# Members for whom what they were found by still holds: the poster is shown, or a source named the movie.
STANDING = Q(poster__is_primary=True) | Q(
    reason=DuplicateMember.Reason.SOURCE, movie__merged_into__isnull=True
)
JOINED = (DuplicateGroup.State.OPEN, DuplicateGroup.State.MERGED)


def groups_of(poster_ids: Collection[int]) -> dict[int, int]:
    """Group number by poster id, for those of the posters that are in an open or merged group.

    Posters with the same number show one picture. Those a person kept apart are not told here, nor those
    that were found by nobody yet.
    """
    found: dict[int, int] = {}
    wanted = sorted(set(poster_ids))
    for start in range(0, len(wanted), IDS_PER_QUERY):
        members = DuplicateMember.objects.filter(
            poster__in=wanted[start : start + IDS_PER_QUERY], group__state__in=JOINED
        )
        # Of several the proposal is the latest word: a merged group's poster can be found alike again.
        rows = members.order_by("is_open", "group_id").values_list("poster_id", "group_id")
        found.update((poster, group) for poster, group in rows if poster is not None)
    return found


def open_groups() -> QuerySet[DuplicateGroup]:
    """Groups that wait for a person: a source names their movies as one, or they show one picture and two of
    them may be one film.

    IMDb and TMDB give a film one id, and no two movies have the same, so two that have one each are two films
    with the same picture: see `same_picture`.
    """

    def some(**ids: bool) -> Exists:
        return Exists(DuplicateMember.objects.filter(STANDING, group=OuterRef("pk"), **ids))

    without_ids = some(movie__imdb_id__isnull=True, movie__tmdb_id__isnull=True)
    only_imdb = some(movie__imdb_id__isnull=False, movie__tmdb_id__isnull=True)
    only_tmdb = some(movie__imdb_id__isnull=True, movie__tmdb_id__isnull=False)
    return undecided_groups().filter(~Q(source_row="") | without_ids | (only_imdb & only_tmdb))


def undecided_groups() -> QuerySet[DuplicateGroup]:
    """Groups about which nobody has decided, proposed or not, each with the number of its movies as `size`.

    At least two of them are still what they were found as.
    """
    standing = DuplicateMember.objects.filter(STANDING, group=OuterRef("pk")).order_by().values("group")
    return (
        DuplicateGroup.objects.filter(state=DuplicateGroup.State.OPEN)
        .annotate(size=Subquery(standing.annotate(number=Count("pk")).values("number")))
        .filter(size__gt=1)
        .order_by("pk")
    )


def same_picture(movie: Movie) -> QuerySet[Movie]:
    """Other movies that show the same picture, whether they were kept apart or never proposed as one film."""
    known = (DuplicateGroup.State.OPEN, DuplicateGroup.State.APART)
    members = DuplicateMember.objects.filter(poster__isnull=False, poster__is_primary=True)
    groups = members.filter(poster=movie.primary_poster, group__state__in=known).values("group")
    return Movie.objects.filter(pk__in=members.filter(group__in=groups).values("movie")).exclude(pk=movie.pk)


def uncompared(extractor: int) -> QuerySet[Poster]:
    """Primary posters with a vector of the extractor that were not yet compared with all others by it."""
    seen = Embedding.objects.filter(poster=OuterRef("pk"), extractor=extractor)
    return Poster.objects.filter(Exists(seen), is_primary=True).exclude(compared_with=extractor)


def is_due() -> bool:
    """Whether a search would find something to compare, and nothing speaks against starting one now."""
    extractor = extractors.default_extractor()
    if extractor is None or not uncompared(extractor.pk).exists():
        return False
    # What is being fetched and embedded is best compared all at once, afterwards.
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
        why = "The extractor this was started with is gone: look for duplicates anew."
        leases.finish_all(items, errors={item.pk: why for item in items})
        return
    posters = [item.poster for item in items if item.poster is not None]
    found = find(posters, extractor, still_wanted=lambda: bool(leases.renew(items)))
    if found is None:
        return  # cancelled, or taken over
    notes = {}
    for item in items:
        if number := found.get(item.poster_id or 0, 0):
            movies = "another movie" if number == 1 else f"{number} other movies"
            notes[item.pk] = f"the same picture as {movies}"
    leases.finish_all(items, notes=notes)
