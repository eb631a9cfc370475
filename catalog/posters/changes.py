"""Process the movies that show another poster than before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import AbstractBaseUser

from catalog.models import Movie, Poster, Run, Suggestion
from catalog.runs import kinds, lifecycle

IDS_PER_QUERY = 1000


def shown_posters(movies: Iterable[int]) -> dict[int, int | None]:
    """Id of the poster that each of the movies shows now, None for none; pass it to `process_changed`."""
    shown: dict[int, int | None] = dict.fromkeys(movies)
    keys = list(shown)
    for start in range(0, len(keys), IDS_PER_QUERY):
        part = Poster.objects.filter(movie__in=keys[start : start + IDS_PER_QUERY], is_primary=True)
        shown |= dict(part.values_list("movie_id", "pk"))
    return shown


def process_changed(before: Mapping[int, int | None], *, by: AbstractBaseUser | None = None) -> Run | None:
    """Embed and label the movies that show another poster than `before` (from `shown_posters`).

    Pending suggestions of a movie without a poster are superseded. Call it in the transaction of the change,
    so that a crash cannot separate the two. Returns the run that was started, None if nothing is to be done.
    For more than IDS_PER_QUERY movies it is a run over all posters that are not embedded.
    """
    now = shown_posters(before)
    changed = [movie for movie, poster in now.items() if poster != before[movie]]
    without = [movie for movie in changed if now[movie] is None]
    for start in range(0, len(without), IDS_PER_QUERY):
        mine = Suggestion.objects.filter(movie__in=without[start : start + IDS_PER_QUERY])
        mine.filter(state=Suggestion.State.PENDING).update(state=Suggestion.State.SUPERSEDED)
    changed = [movie for movie in changed if now[movie] is not None]
    if len(changed) > IDS_PER_QUERY:
        can_embed = kinds.get("embed").due() is not None
        return lifecycle.start("embed", asked_by=by, followed_by=["label"]) if can_embed else None
    return lifecycle.start_first_due(("embed", "label"), Movie.objects.filter(pk__in=changed), asked_by=by)
