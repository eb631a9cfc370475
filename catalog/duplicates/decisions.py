"""Decisions about duplicates: merge movies, keep them apart, or remove a wrong poster."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie
from catalog.posters import primary

from . import import_matches
from .merging import CannotMerge, merge_movies

Verdict = DuplicateDecision.Verdict


class AlreadyDecided(ValueError):
    """Somebody else decided about the group, or its posters changed, since the page was loaded."""


def merge(
    group: DuplicateGroup, kept: Movie, by: AbstractBaseUser, only: Collection[int] | None = None
) -> DuplicateDecision:
    """Merge the movies of the group into `kept`, or `only` those by id; the others stay in the open group.

    See merging.merge_movies. Raises CannotMerge and AlreadyDecided.
    """
    with transaction.atomic():
        members = _members(group)
        chosen = {member.movie_id for member in members} & {*(only or [m.movie_id for m in members]), kept.pk}
        if kept.pk not in chosen:
            raise CannotMerge(f"{kept} is not one of the movies to merge: choose one of them to keep.")
        others = [member.movie for member in members if member.movie_id in chosen - {kept.pk}]
        details = merge_movies(kept, others)
        left = [member for member in members if member.movie_id not in chosen]
        decided = _split(group, members, chosen, kept) if left else group
        _close(decided, DuplicateGroup.State.MERGED)
        import_matches.remove_merged([movie.pk for movie in others])
        return DuplicateDecision.objects.create(
            verdict=Verdict.MERGED,
            decided_by_id=by.pk,
            movie=kept,
            details={"group": decided.pk, "kept": kept.pk, "title": str(kept), "merged": details},
        )


def keep_apart(group: DuplicateGroup, by: AbstractBaseUser) -> DuplicateDecision:
    """Record that the group's movies are different films. They are not proposed again with these posters.

    Movies that a source had named as one film are not proposed again by any source, nor merged by an import.
    Other open groups of the same movies are closed too. Raises AlreadyDecided.
    """
    with transaction.atomic():
        members = _members(group)
        _record_posters(members)
        for same in (group, *_open_within(group, members)):
            _close(same, DuplicateGroup.State.APART)
        apart = [
            {"movie": each.movie_id, "title": str(each.movie), "poster": each.poster_sha256}
            for each in members
        ]
        return DuplicateDecision.objects.create(
            verdict=Verdict.APART,
            decided_by_id=by.pk,
            details={"group": group.pk, "apart": apart, "said": group.source_row},
        )


def wrong_poster(member: DuplicateMember, by: AbstractBaseUser) -> DuplicateDecision:
    """Remove the poster from the member's movie. Fetching never stores this picture for the movie again.

    The movie shows its newest other poster. If it has none, a poster is fetched again. Raises AlreadyDecided.
    """
    with transaction.atomic():
        _members(member.group)
        decision = _remove_poster(member, by)
        if member.group.members.count() < 2:
            member.group.delete()
    return decision


def wrong_for_all(group: DuplicateGroup, by: AbstractBaseUser) -> list[DuplicateDecision]:
    """Remove the picture from every movie of the group, for example a logo. Raises AlreadyDecided."""
    with transaction.atomic():
        decisions = [_remove_poster(member, by) for member in _members(group)]
        group.delete()
    return decisions


def _remove_poster(member: DuplicateMember, by: AbstractBaseUser) -> DuplicateDecision:
    poster = member.poster
    if poster is None or poster.movie_id != member.movie_id:
        raise AlreadyDecided(f"{member.movie} shows another poster now: reload the page.")
    decision = DuplicateDecision.objects.create(
        verdict=Verdict.WRONG_POSTER,
        decided_by_id=by.pk,
        movie=member.movie,
        poster_sha256=poster.sha256,
        details={
            "group": member.group_id,
            "movie": member.movie_id,
            "title": str(member.movie),
            "perceptual_hash": poster.perceptual_hash,
            "source": poster.source,
            "source_url": poster.source_url,
            "page_url": poster.page_url,
        },
    )
    member.delete()
    primary.remove([poster])
    return decision


def _members(group: DuplicateGroup) -> list[DuplicateMember]:
    """The members of an open group, which is locked. Raises AlreadyDecided."""
    still_open = DuplicateGroup.objects.select_for_update().filter(state=DuplicateGroup.State.OPEN)
    members = list(group.members.select_related("movie")) if still_open.filter(pk=group.pk).exists() else []
    if len(members) < 2:
        raise AlreadyDecided("Somebody has decided about these movies in the meantime. Nothing was changed.")
    return members


def _split(
    group: DuplicateGroup, members: list[DuplicateMember], chosen: set[int], kept: Movie
) -> DuplicateGroup:
    """A new group of the merged movies. The kept movie is in both groups."""
    decided = DuplicateGroup.objects.create()
    for member in members:
        if member.movie_id == kept.pk:
            member.pk = None
            member.group, member.is_open = decided, False
            member.save(force_insert=True)
        elif member.movie_id in chosen:
            DuplicateMember.objects.filter(pk=member.pk).update(group=decided, is_open=False)
    return decided


def _record_posters(members: list[DuplicateMember]) -> None:
    """Record the posters of movies that a source named, so that the search does not propose them either."""
    for member in members:
        if member.poster is None and (poster := member.movie.primary_poster) is not None:
            member.poster_sha256 = poster.sha256
            member.save(update_fields=["poster_sha256"])


def _open_within(group: DuplicateGroup, members: list[DuplicateMember]) -> list[DuplicateGroup]:
    """Other open groups that contain only movies of this one."""
    movies = [member.movie_id for member in members]
    beyond = DuplicateMember.objects.filter(group=OuterRef("pk")).exclude(movie__in=movies)
    others = DuplicateGroup.objects.filter(
        Exists(DuplicateMember.objects.filter(group=OuterRef("pk"), movie__in=movies)),
        ~Exists(beyond),
        state=DuplicateGroup.State.OPEN,
    )
    return list(others.exclude(pk=group.pk))


def _close(group: DuplicateGroup, state: str) -> None:
    DuplicateGroup.objects.filter(pk=group.pk).update(state=state, decided_at=timezone.now())
    DuplicateMember.objects.filter(group=group).update(is_open=False)
    group.refresh_from_db()
