"""Start the runs that follow when movies show another poster, or another genre model is promoted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from catalog.embeddings import embedding
from catalog.models import GenreModel, Movie, Poster, Run, Suggestion
from catalog.runs import chunks, lifecycle

from . import suggestions

IDS_PER_QUERY = 1000


def shown_posters(movies: Iterable[int]) -> dict[int, int | None]:
    """Id of the poster that each of the movies shows now, None for none; pass it to `renew_changed`."""
    shown: dict[int, int | None] = dict.fromkeys(movies)
    keys = list(shown)
    for start in range(0, len(keys), IDS_PER_QUERY):
        part = Poster.objects.filter(movie__in=keys[start : start + IDS_PER_QUERY], is_primary=True)
        shown |= dict(part.values_list("movie_id", "pk"))
    return shown


def renew_changed(before: Mapping[int, int | None], *, by: AbstractBaseUser | None = None) -> Run | None:
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
    usable, _ = embedding.usable(embedding.specs_to_embed_with())
    after = [Run.Kind.LABEL.value]
    if len(changed) > IDS_PER_QUERY:
        return lifecycle.start(Run.Kind.EMBED, asked_by=by, followed_by=after) if usable else None
    movies = Movie.objects.filter(pk__in=changed)
    if not movies.exists():
        return None
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    posters = Poster.objects.filter(movie__in=movies, is_primary=True)
    params = {lifecycle.SAME_MOVIES: True}
    if usable and embedding.lacking(posters, usable).exists():
        return lifecycle.start(Run.Kind.EMBED, movies=movies, asked_by=by, params=params, followed_by=after)
    if model and (due := suggestions.candidates(model.pk).filter(pk__in=movies)).exists():
        return lifecycle.start(Run.Kind.LABEL, movies=due, asked_by=by, params=params)
    return None


def follow_promotion(
    model: GenreModel, *, by: AbstractBaseUser | None = None, queue: bool = True
) -> Run | None:
    """Start a run in which a promoted model makes suggestions and replaces pending ones of other models.

    Posters without vectors for it are embedded first and labelled later. Live label runs over the whole
    catalogue are cancelled: the new run includes their movies, and their followers follow it. If the
    training run of the model is live, the new run becomes its follower. Call it in the transaction of the
    promotion. Returns the run, None if there is nothing to do.
    """
    after: list[str] = []
    for live in lifecycle.live_runs().filter(kind=Run.Kind.LABEL, chosen=False):
        followers = live.followed_by
        try:
            lifecycle.cancel(live)
        except lifecycle.RunError:
            continue  # it has ended this very moment
        Run.objects.filter(pk=live.pk).update(message=f"Cancelled: {model} was promoted.")
        after += followers
    kinds = []
    if chunks.readable(suggestions.candidates(model.pk), model.pk).exists():
        kinds = [Run.Kind.LABEL.value]
    posters = Poster.objects.filter(is_primary=True)
    if embedding.can_make(model.extractor) and embedding.lacking(posters, [model.extractor.spec]).exists():
        # Last, because a run that fails has no followers, and a single damaged poster makes it fail.
        kinds += [Run.Kind.EMBED.value, Run.Kind.LABEL.value]
    training = model.run if model.run is not None and model.run.is_live else None
    if training is not None and kinds:
        # Its own followers come after this run, except another label run, which would do the same again.
        kinds += [kind for kind in training.followed_by if kind != Run.Kind.LABEL]
        by = by or training.asked_by
    kinds += [kind for kind in dict.fromkeys(after) if kind not in (*kinds, Run.Kind.EMBED, Run.Kind.LABEL)]
    if not kinds:
        return None
    first, *rest = kinds[: 1 + lifecycle.MOST_FOLLOWERS]
    previous = training if first in (Run.Kind.EMBED, Run.Kind.LABEL) else None
    return lifecycle.start(first, asked_by=by, followed_by=rest, previous=previous, queue=queue)


def replace_suggestions_of_others(
    movies: QuerySet[Movie], *, by: AbstractBaseUser | None = None
) -> Run | None:
    """Have the model in use label those of `movies` that have pending suggestions of another one.

    Returns the run, None if there is none to do.
    """
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    if model is None:
        return None
    pending = Suggestion.objects.filter(movie__in=movies, state=Suggestion.State.PENDING)
    due = chunks.readable(movies.filter(pk__in=pending.exclude(model=model).values("movie")), model.pk)
    return lifecycle.start(Run.Kind.LABEL, movies=due, asked_by=by) if due.exists() else None
