"""Make one movie of two rows that are the same film: everything moves, and what cannot is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q

from catalog.models import Genre, Movie, MovieGenre, Poster, RunItem, Suggestion
from catalog.models.movie import EXTERNAL_IDS
from catalog.runs.leases import merged_note

# Sites that give a film one id. MovieLens and a site's own list may name a film twice.
ONE_PER_FILM = ("imdb_id", "tmdb_id")
FACTS = ("original_title", "year", "overview", "franchise", "poster_url")
# An origin beats those behind it.
_RANK = [MovieGenre.Origin.MANUAL, MovieGenre.Origin.IMPORTED, MovieGenre.Origin.ACCEPTED]

AnyGenre = TypeVar("AnyGenre", Genre, str)


class CannotMerge(ValueError):
    """Movies that cannot be one; the message says why, and what to do instead."""


def label_of(name: str) -> str:
    """What a field of a movie is called: "IMDb id"."""
    return str(Movie._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def conflict(movies: Sequence[Movie]) -> str:
    """Why these cannot be one film, in a sentence; empty when nothing speaks against it."""
    for name in ONE_PER_FILM:
        held = {getattr(movie, name): movie for movie in movies if getattr(movie, name) is not None}
        if len(held) > 1:
            label = label_of(name)
            listed = " and ".join(
                f"{value} ({movie.title})" for value, movie in sorted(held.items(), key=str)
            )
            return (
                f"They have different {label}s, {listed}, so they are different films. Keep them apart, or "
                "take the poster away from the one that it does not belong to."
            )
    return ""


def merge_movies(kept: Movie, others: Sequence[Movie]) -> list[dict[str, Any]]:
    """Move all that `others` have to `kept`, and leave them as rows that lead to it and no list shows.

    Ids and facts fill what `kept` lacks. A movie whose genres a person set keeps just those, or gives them;
    else genres are joined, manual before imported before accepted. Posters move along, and one that a person
    chose is shown; of the same file only one is kept. Suggestions move where none like it is there. Decisions
    stay with the row that they were taken on. MovieLens and local ids that differ stay with it too, and
    imports find the kept movie by them.

    Returns, for each of `others`, what it was, and what of it was set aside.
    Raises CannotMerge, and then nothing is changed.
    """
    with transaction.atomic():
        pks = sorted({kept.pk, *(movie.pk for movie in others)})
        locked = {
            movie.pk: movie for movie in Movie.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        }
        if len(locked) < len(pks):
            raise CannotMerge("One of the movies is gone or merged already: look at the page anew.")
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
    # What waits to be fetched or asked for it is the kept movie's own matter now.
    RunItem.objects.filter(movie=other, state=RunItem.State.PENDING).update(
        state=RunItem.State.CANCELLED, note=merged_note(kept)
    )
    Movie.everything.filter(merged_into=other).update(merged_into=kept)
    return {**was, "set_aside": aside}


@dataclass(frozen=True)
class FactsPlan:
    """What a merge does with ids and facts of the movie that goes, each a value by its field's name.

    taken: those that the kept movie lacks; told: ids that differ, by which imports go on finding the kept
    movie; lost: facts that give way, the title among them.
    """

    taken: dict[str, Any]
    told: dict[str, Any]
    lost: dict[str, Any]


def facts_plan(kept: Movie, other: Movie) -> FactsPlan:
    """What merging `other` into `kept` would do with its ids and facts; changes nothing."""
    plan = FactsPlan({}, {}, {})
    for name in (*EXTERNAL_IDS, *FACTS, "title"):
        mine, theirs = getattr(kept, name), getattr(other, name)
        if theirs in (None, "") or theirs == mine:
            continue
        group = plan.taken if mine in (None, "") else plan.told if name in EXTERNAL_IDS else plan.lost
        group[name] = theirs
    return plan


@dataclass(frozen=True)
class GenresPlan:
    """after: the genres that the kept movie will have, with their origins; lost: those of either that it
    will not."""

    after: dict[Genre, str]
    lost: set[Genre]


def genres_plan(kept: Movie, other: Movie) -> GenresPlan:
    """What merging `other` into `kept` would do with their genres; changes nothing."""
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
    """The genres of both, each with the origin that beats the other."""
    return {
        genre: min(
            (origins[genre] for origins in (mine, theirs) if genre in origins),
            key=lambda origin: _RANK.index(MovieGenre.Origin(origin)),
        )
        for genre in mine.keys() | theirs.keys()
    }


def _ids_and_facts(kept: Movie, other: Movie) -> list[str]:
    plan = facts_plan(kept, other)
    for name in plan.taken.keys() & set(EXTERNAL_IDS):
        setattr(other, name, None)
    other.merged_into = kept
    # First the one that gives an id away: two rows may not have it for a moment.
    other.save()
    for name, value in plan.taken.items():
        setattr(kept, name, value)
    kept.save()
    told = [
        f"{label_of(name)} {value} (imports still find the movie by it)" for name, value in plan.told.items()
    ]
    return told + [f"{label_of(name)}: {value}" for name, value in plan.lost.items()]


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
    return [f"genre {name}: a person set the genres of the other without it" for name in lost]


def _posters(kept: Movie, other: Movie) -> list[str]:
    aside = []
    shown = Poster.objects.filter(movie=kept, is_primary=True).first()
    theirs = Poster.objects.filter(movie=other, is_primary=True).first()
    chosen = theirs if theirs and (shown is None or (theirs.locked and not shown.locked)) else shown
    Poster.objects.filter(movie=other, is_primary=True).update(is_primary=False)
    there = dict(Poster.objects.filter(movie=kept).values_list("sha256", "pk"))
    for poster in Poster.objects.filter(movie=other):
        if poster.sha256 in there:
            # The same file: its row goes, its picture and vectors are those of the kept movie's.
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
    held = set(kept.movie_genres.values_list("genre_id", flat=True))
    for suggestion in Suggestion.objects.filter(movie=other).select_related("genre").order_by("pk"):
        pending = suggestion.state == Suggestion.State.PENDING
        same = Q(model=suggestion.model_id, poster_sha256=suggestion.poster_sha256)
        waits = Q(state=Suggestion.State.PENDING) if pending else Q(pk__in=[])
        there = Suggestion.objects.filter(same | waits, movie=kept, genre=suggestion.genre_id).exists()
        if there or (pending and (suggestion.genre_id in held or kept.genres_locked)):
            if pending:
                Suggestion.objects.filter(pk=suggestion.pk).update(state=Suggestion.State.SUPERSEDED)
                aside.append(f"suggestion {suggestion.genre} {suggestion.score:.2f}")
        else:
            Suggestion.objects.filter(pk=suggestion.pk).update(movie=kept)
    return aside
