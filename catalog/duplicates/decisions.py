"""What a person says about duplicates: one film, different films, or a poster on the wrong film."""

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
    """Somebody else decided about the group, or its posters changed, since the page was made."""


def merge(
    group: DuplicateGroup, kept: Movie, by: AbstractBaseUser, only: Collection[int] | None = None
) -> DuplicateDecision:
    """Make one movie of the group's, or of `only` those by id; what is left stays in the open group.

    See merging.merge_movies for what becomes of ids, genres, posters and decisions. Raises CannotMerge with a
    sentence, and AlreadyDecided.
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
        import_matches.forget_the_merged([movie.pk for movie in others])
        return DuplicateDecision.objects.create(
            verdict=Verdict.MERGED,
            decided_by_id=by.pk,
            movie=kept,
            details={"group": decided.pk, "kept": kept.pk, "title": str(kept), "merged": details},
        )


def keep_apart(group: DuplicateGroup, by: AbstractBaseUser) -> DuplicateDecision:
    """Say that the group's movies are different; they are not proposed again with these posters.

    Movies that a source had named as one are not proposed again by any source, nor merged by an import. What
    else waits about the same movies is decided with it. Raises AlreadyDecided.
    """
    with transaction.atomic():
        members = _members(group)
        _remember_posters(members)
        for same in (group, *_open_within(group, members)):
            _close(same, DuplicateGroup.State.APART)
        told = [
            {"movie": each.movie_id, "title": str(each.movie), "poster": each.poster_sha256}
            for each in members
        ]
        return DuplicateDecision.objects.create(
            verdict=Verdict.APART,
            decided_by_id=by.pk,
            details={"group": group.pk, "apart": told, "said": group.source_row},
        )


def wrong_poster(member: DuplicateMember, by: AbstractBaseUser) -> DuplicateDecision:
    """Take the poster away from the member's movie, and never store this picture for it again unasked.

    The movie shows the newest other poster that it has, or none, and is then fetched for again. Raises
    AlreadyDecided.
    """
    with transaction.atomic():
        _members(member.group)
        decision = _take_away(member, by)
        if member.group.members.count() < 2:
            member.group.delete()
    return decision


def wrong_for_all(group: DuplicateGroup, by: AbstractBaseUser) -> list[DuplicateDecision]:
    """Take the picture away from every movie of the group: a logo, or a notice that there is no poster.

    Raises AlreadyDecided.
    """
    with transaction.atomic():
        decisions = [_take_away(member, by) for member in _members(group)]
        group.delete()
    return decisions


def _take_away(member: DuplicateMember, by: AbstractBaseUser) -> DuplicateDecision:
    poster = member.poster
    if poster is None or poster.movie_id != member.movie_id:
        raise AlreadyDecided(f"{member.movie} shows another poster by now: look at the page anew.")
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
    """The members of a group that is still open, locked for a decision."""
    open_ones = DuplicateGroup.objects.select_for_update().filter(state=DuplicateGroup.State.OPEN)
    members = list(group.members.select_related("movie")) if open_ones.filter(pk=group.pk).exists() else []
    if len(members) < 2:
        raise AlreadyDecided("Somebody has decided about these movies in the meantime. Nothing was changed.")
    return members


def _split(
    group: DuplicateGroup, members: list[DuplicateMember], chosen: set[int], kept: Movie
) -> DuplicateGroup:
    """A group of its own for what is merged; the kept movie also stays with those that are left."""
    decided = DuplicateGroup.objects.create()
    for member in members:
        if member.movie_id == kept.pk:
            member.pk = None
            member.group, member.is_open = decided, False
            member.save(force_insert=True)
        elif member.movie_id in chosen:
            DuplicateMember.objects.filter(pk=member.pk).update(group=decided, is_open=False)
    return decided


def _remember_posters(members: list[DuplicateMember]) -> None:
    """What movies named by a source show now: the search for posters does not propose that pair either."""
    for member in members:
        if member.poster is None and (shown := member.movie.primary_poster) is not None:
            member.poster_sha256 = shown.sha256
            member.save(update_fields=["poster_sha256"])


def _open_within(group: DuplicateGroup, members: list[DuplicateMember]) -> list[DuplicateGroup]:
    """Other open groups that hold nothing but movies of this one, found by something else."""
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
