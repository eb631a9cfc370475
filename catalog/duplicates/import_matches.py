"""Movies that one row of an import names as one film: propose them as duplicates, or merge them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db.models import Q

from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, Run

from .merging import CannotMerge, merge_movies

SOURCE = DuplicateMember.Reason.SOURCE
OPEN, APART = DuplicateGroup.State.OPEN, DuplicateGroup.State.APART
MAX_ROW_LENGTH = 500


def kept_apart(movies: Sequence[Collection[int]]) -> bool:
    """Whether a person has kept two of the movies apart; each movie is given as the ids of its rows."""
    of_row = {pk: number for number, pks in enumerate(movies) for pk in pks}
    members = DuplicateMember.objects.filter(
        Q(movie__in=list(of_row)) | Q(movie__merged_into__in=list(of_row)), group__state=APART
    )
    groups: dict[int, set[int]] = defaultdict(set)
    for group, pk, into in members.values_list("group", "movie", "movie__merged_into"):
        groups[group].add(of_row[pk] if pk in of_row else of_row[into or 0])
    return any(len(numbers) > 1 for numbers in groups.values())


def propose(found: Sequence[tuple[Collection[int], str]]) -> None:
    """Propose the movies of each match as duplicates; each match is movie ids and the row that names them.

    Matches that share a movie become one group. Movies that are in one open group already are not proposed
    again.
    """
    if not found:
        return
    every = {pk for movies, _ in found for pk in movies}
    open_members = DuplicateMember.objects.filter(is_open=True, movie__in=every)
    groups: dict[int, set[int]] = defaultdict(set)
    for group, movie in open_members.values_list("group", "movie"):
        groups[group].add(movie)
    waiting = open_members.filter(reason=SOURCE).values_list("movie", "group")
    of_movie = dict(waiting)
    for movies, row in found:
        if any(set(movies) <= held for held in groups.values()):
            continue
        target = _joined(sorted({of_movie[pk] for pk in movies if pk in of_movie}), row)
        # Another process may be proposing the same movies; the first one counts.
        DuplicateMember.objects.bulk_create(
            [
                DuplicateMember(group=target, movie_id=pk, reason=SOURCE)
                for pk in sorted(movies)
                if of_movie.get(pk) is None
            ],
            ignore_conflicts=True,
        )
        now = set(target.members.values_list("movie", flat=True))
        of_movie.update(dict.fromkeys(now, target.pk))
        groups[target.pk] = now


def merge(run: Run, kept: int, others: Sequence[int], row: str) -> None:
    """Merge movies because one row of an import names them, and record what was set aside.

    Raises merging.CannotMerge, and then nothing is changed.
    """
    movies = Movie.objects.in_bulk([kept, *others])
    if len(movies) < len(others) + 1:
        raise CannotMerge("One of the movies was deleted or merged meanwhile: import the row again.")
    details = merge_movies(movies[kept], [movies[pk] for pk in others])
    DuplicateDecision.objects.create(
        verdict=DuplicateDecision.Verdict.MERGED,
        decided_by_id=run.asked_by_id,
        movie=movies[kept],
        details={
            "import": run.pk,
            "said": row,
            "kept": kept,
            "title": str(movies[kept]),
            "merged": details,
        },
    )
    remove_merged(others)


def remove_merged(gone: Collection[int]) -> None:
    """Remove merged movies from open groups that sources proposed, and delete groups of fewer than two."""
    members = DuplicateMember.objects.filter(reason=SOURCE, is_open=True)
    groups = list(members.filter(movie__in=gone).values_list("group", flat=True))
    members.filter(movie__in=gone).delete()
    for group in DuplicateGroup.objects.filter(pk__in=groups, state=OPEN):
        if group.members.count() < 2:
            group.delete()


def _joined(groups: list[int], row: str) -> DuplicateGroup:
    """One open group with the members of these; a new one if there are none."""
    if not groups:
        return DuplicateGroup.objects.create(source_row=row[:MAX_ROW_LENGTH])
    first, *rest = groups
    DuplicateMember.objects.filter(group__in=rest).update(group=first)
    DuplicateGroup.objects.filter(pk__in=rest).delete()
    return DuplicateGroup.objects.get(pk=first)
