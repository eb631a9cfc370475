"""Merge movies that are the same film: move everything to one of them, and record what cannot be moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q

from catalog.models import Genre, Movie, MovieGenre, Poster, RunItem, Suggestion
from catalog.models.movie import EXTERNAL_IDS
from catalog.runs.leases import merged_note

# A film has one id at these sites. MovieLens and local lists may contain a film twice.
UNIQUE_IDS = ("imdb_id", "tmdb_id")
FACTS = ("original_title", "year", "overview", "franchise", "poster_url")
# The strongest origin first.
_RANK = [MovieGenre.Origin.MANUAL, MovieGenre.Origin.IMPORTED, MovieGenre.Origin.ACCEPTED]

AnyGenre = TypeVar("AnyGenre", Genre, str)


class CannotMerge(ValueError):
    """Movies cannot be merged; the message says why, and what to do instead."""


def label_of(name: str) -> str:
    """The label of a movie's field, such as "IMDb id"."""
    return str(Movie._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def conflict(movies: Sequence[Movie]) -> str:
    """Why these movies cannot be the same film, in a sentence; empty if they can."""
    for name in UNIQUE_IDS:
        held = {getattr(movie, name): movie for movie in movies if getattr(movie, name) is not None}
        if len(held) > 1:
            label = label_of(name)
            listed = " and ".join(
                f"{value} ({movie.title})" for value, movie in sorted(held.items(), key=str)
            )
            return (
                f"They have different {label}s, {listed}, so they are different films. Keep them apart, or "
                "remove the poster from the one that it does not belong to."
            )
    return ""


def merge_movies(kept: Movie, others: Sequence[Movie]) -> list[dict[str, Any]]:
    """Merge `others` into `kept`. Their rows stay, redirect to `kept` and are in no list.

    Ids and facts fill empty fields of `kept`. Genres that a person set on one movie replace those of the
    other; else genres are joined, and manual beats imported beats accepted. Posters move; a poster that a
    person chose is shown, and of the same file only one row stays. Suggestions move unless `kept` has the
    same. Decisions stay with the row that they are about. So do MovieLens and local ids that differ, by which
    imports find the kept movie.

    Returns, for each of `others`, its former values and what was set aside.
    Raises CannotMerge, and then nothing is changed.
    """
    with transaction.atomic():
        pks = sorted({kept.pk, *(movie.pk for movie in others)})
        locked = {
            movie.pk: movie for movie in Movie.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        }
        if len(locked) < len(pks):
            raise CannotMerge("One of the movies was deleted or merged meanwhile: reload the page.")
        if len(pks) < 2:
            raise CannotMerge("Choose at least two movies to merge.")
        if why := conflict(list(locked.values())):
            raise CannotMerge(why)
        target = locked[kept.pk]
        return [_absorb(target, locked[pk]) for pk in pks if pk != kept.pk]


def _absorb(kept: Movie, other: Movie) -> dict[str, Any]:
    was = {
        "movie": other.pk,
        "title": str(other),
        **{name: getattr(other, name) for name in (*EXTERNAL_IDS, *FACTS) if getattr(other, name)},
        "genres": {row.genre.name: row.origin for row in other.movie_genres.select_related("genre")},
        "genres_locked": other.genres_locked,
        "posters": list(
            other.posters.values("sha256", "source", "source_url", "page_url", "is_primary", "locked")
        ),
    }
    aside = _ids_and_facts(kept, other)
    aside += _genres(kept, other)
    aside += _posters(kept, other)
    aside += _suggestions(kept, other)
    # Pending work concerns the kept movie now, which has items of its own.
    RunItem.objects.filter(movie=other, state=RunItem.State.PENDING).update(
        state=RunItem.State.CANCELLED, note=merged_note(kept)
    )
    Movie.everything.filter(merged_into=other).update(merged_into=kept)
    if not kept.flags.open().exists():
        other.flags.open().update(movie=kept)
    return {**was, "set_aside": aside}


@dataclass(frozen=True)
class FactsPlan:
    """What a merge does with the ids and facts of the other movie, as values by field name.

    moved: fill empty fields of the kept movie. aliases: ids that differ, by which imports still find the kept
    movie. lost: facts that differ, such as the title.
    """

    moved: dict[str, Any]
    aliases: dict[str, Any]
    lost: dict[str, Any]


def facts_plan(kept: Movie, other: Movie) -> FactsPlan:
    """What merging `other` into `kept` would do with its ids and facts."""
    plan = FactsPlan({}, {}, {})
    for name in (*EXTERNAL_IDS, *FACTS, "title"):
        mine, theirs = getattr(kept, name), getattr(other, name)
        if theirs in (None, "") or theirs == mine:
            continue
        group = plan.moved if mine in (None, "") else plan.aliases if name in EXTERNAL_IDS else plan.lost
        group[name] = theirs
    return plan


@dataclass(frozen=True)
class GenresPlan:
    """What a merge does with genres. after: the genres of the kept movie, with their origins. lost: genres of
    either movie that it will not have."""

    after: dict[Genre, str]
    lost: set[Genre]


def genres_plan(kept: Movie, other: Movie) -> GenresPlan:
    """What merging `other` into `kept` would do with their genres."""
    mine, theirs = (
        {row.genre: row.origin for row in movie.movie_genres.select_related("genre")}
        for movie in (kept, other)
    )
    if kept.genres_locked != other.genres_locked:
        after = mine if kept.genres_locked else theirs
    else:
        after = origins_joined(mine, theirs)
    return GenresPlan(after, (mine.keys() | theirs.keys()) - after.keys())


def origins_joined(mine: Mapping[AnyGenre, str], theirs: Mapping[AnyGenre, str]) -> dict[AnyGenre, str]:
    """The genres of both, each with its stronger origin."""
    return {
        genre: min(
            (origins[genre] for origins in (mine, theirs) if genre in origins),
            key=lambda origin: _RANK.index(MovieGenre.Origin(origin)),
        )
        for genre in mine.keys() | theirs.keys()
    }


def _ids_and_facts(kept: Movie, other: Movie) -> list[str]:
    plan = facts_plan(kept, other)
    for name in plan.moved.keys() & set(EXTERNAL_IDS):
        setattr(other, name, None)
    other.merged_into = kept
    # Saved first, because ids are unique.
    other.save()
    for name, value in plan.moved.items():
        setattr(kept, name, value)
    kept.save()
    aliases = [
        f"{label_of(name)} {value} (imports still find the movie by it)"
        for name, value in plan.aliases.items()
    ]
    return aliases + [f"{label_of(name)}: {value}" for name, value in plan.lost.items()]


def _genres(kept: Movie, other: Movie) -> list[str]:
    plan = genres_plan(kept, other)
    kept.movie_genres.exclude(genre__in=plan.after).delete()
    other.movie_genres.all().delete()
    MovieGenre.objects.bulk_create(
        [MovieGenre(movie=kept, genre=genre, origin=origin) for genre, origin in plan.after.items()],
        update_conflicts=True,
        unique_fields=["movie", "genre"],
        update_fields=["origin"],
    )
    kept.genres_locked = kept.genres_locked or other.genres_locked
    kept.save(update_fields=["genres_locked"])
    lost = sorted(genre.name for genre in plan.lost)
    return [f"genre {name}: a person set the genres of the other movie without it" for name in lost]


def _posters(kept: Movie, other: Movie) -> list[str]:
    aside = []
    shown = Poster.objects.filter(movie=kept, is_primary=True).first()
    theirs = Poster.objects.filter(movie=other, is_primary=True).first()
    chosen = theirs if theirs and (shown is None or (theirs.locked and not shown.locked)) else shown
    Poster.objects.filter(movie=other, is_primary=True).update(is_primary=False)
    there = dict(Poster.objects.filter(movie=kept).values_list("sha256", "pk"))
    for poster in Poster.objects.filter(movie=other):
        if poster.sha256 in there:
            # The same file: one row is enough for its picture and embeddings.
            aside.append(f"second row of the poster from {poster.source_url or poster.source}")
            if chosen == poster:
                chosen = Poster.objects.get(pk=there[poster.sha256])
            locked = poster.locked
            poster.delete()
            if locked and chosen and chosen.pk == there[poster.sha256]:
                Poster.objects.filter(pk=chosen.pk).update(locked=True)
        else:
            Poster.objects.filter(pk=poster.pk).update(movie=kept, locked=poster.locked and poster == chosen)
    if chosen is not None:
        Poster.objects.filter(movie=kept, is_primary=True).exclude(pk=chosen.pk).update(is_primary=False)
        Poster.objects.filter(pk=chosen.pk).update(is_primary=True)
    return aside


def _suggestions(kept: Movie, other: Movie) -> list[str]:
    aside = []
    moved = False
    held = set(kept.movie_genres.values_list("genre_id", flat=True))
    for suggestion in Suggestion.objects.filter(movie=other).select_related("genre").order_by("pk"):
        pending = suggestion.state == Suggestion.State.PENDING
        same = Q(model=suggestion.model_id, evidence_digest=suggestion.evidence_digest)
        waits = Q(state=Suggestion.State.PENDING) if pending else Q(pk__in=[])
        there = Suggestion.objects.filter(same | waits, movie=kept, genre=suggestion.genre_id).exists()
        if there or (pending and (suggestion.genre_id in held or kept.genres_locked)):
            if pending:
                Suggestion.objects.filter(pk=suggestion.pk).update(state=Suggestion.State.SUPERSEDED)
                aside.append(f"suggestion {suggestion.genre} {suggestion.score:.2f}")
        else:
            Suggestion.objects.filter(pk=suggestion.pk).update(movie=kept)
            moved = True
    if moved:
        # They rest on the title, year and overview of the other movie: no version of theirs fits.
        kept.text_version = max(kept.text_version, other.text_version) + 1
        Movie.objects.filter(pk=kept.pk).update(text_version=kept.text_version)
    return aside
