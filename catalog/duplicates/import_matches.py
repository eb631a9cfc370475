"""Movies that one row of a source names: propose them to people as one film, or merge them when told to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db.models import Q

from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, Run

from .merging import CannotMerge, merge_movies

SOURCE = DuplicateMember.Reason.SOURCE
OPEN, APART = DuplicateGroup.State.OPEN, DuplicateGroup.State.APART
LONGEST_WORD = 500


def kept_apart(movies: Sequence[Collection[int]]) -> bool:
    """Whether a person has kept two of the movies apart, each given as the rows that are it."""
    of_row = {pk: number for number, pks in enumerate(movies) for pk in pks}
    said = DuplicateMember.objects.filter(
        Q(movie__in=list(of_row)) | Q(movie__merged_into__in=list(of_row)), group__state=APART
    )
    groups: dict[int, set[int]] = defaultdict(set)
    for group, pk, into in said.values_list("group", "movie", "movie__merged_into"):
        groups[group].add(of_row[pk] if pk in of_row else of_row[into or 0])
    return any(len(numbers) > 1 for numbers in groups.values())


def propose(found: Sequence[tuple[Collection[int], str]]) -> None:
    """Put the movies of each find, with the row that names them, before people; once, however often found.

    Finds that share a movie become one group. What an open group has already is not proposed again.
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
    for movies, said in found:
        if any(set(movies) <= held for held in groups.values()):
            continue
        target = _joined(sorted({of_movie[pk] for pk in movies if pk in of_movie}), said)
        # In another process the same may be proposed at this moment: the first of them counts.
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


def merge(run: Run, kept: int, others: Sequence[int], said: str) -> None:
    """Make one movie of these, by the word of a row of an import, and write down what was set aside.

    Raises merging.CannotMerge, and then nothing is changed.
    """
    movies = Movie.objects.in_bulk([kept, *others])
    if len(movies) < len(others) + 1:
        raise CannotMerge("One of the movies is gone or merged already: import the row again.")
    details = merge_movies(movies[kept], [movies[pk] for pk in others])
    DuplicateDecision.objects.create(
        verdict=DuplicateDecision.Verdict.MERGED,
        decided_by_id=run.asked_by_id,
        movie=movies[kept],
        details={
            "import": run.pk,
            "said": said,
            "kept": kept,
            "title": str(movies[kept]),
            "merged": details,
        },
    )
    forget_the_merged(others)


def forget_the_merged(gone: Collection[int]) -> None:
    """Take movies that were merged away out of what sources proposed, and drop groups that are none then."""
    members = DuplicateMember.objects.filter(reason=SOURCE, is_open=True)
    groups = list(members.filter(movie__in=gone).values_list("group", flat=True))
    members.filter(movie__in=gone).delete()
    for group in DuplicateGroup.objects.filter(pk__in=groups, state=OPEN):
        if group.members.count() < 2:
            group.delete()


def _joined(groups: list[int], said: str) -> DuplicateGroup:
    """One open group for what waits in these; a new one when there are none."""
    if not groups:
        return DuplicateGroup.objects.create(source_row=said[:LONGEST_WORD])
    first, *rest = groups
    DuplicateMember.objects.filter(group__in=rest).update(group=first)
    DuplicateGroup.objects.filter(pk__in=rest).delete()
    return DuplicateGroup.objects.get(pk=first)
