"""What follows by itself when movies show another poster, or another genre model is put to use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import AbstractBaseUser

from catalog.models import GenreModel, Movie, Poster, Run, Suggestion

from . import embedding, labelling, planning, runs

IDS_PER_QUERY = 1000


def shown_posters(movies: Iterable[int]) -> dict[int, int | None]:
    """Id of the poster that each of the movies shows now, None for none; for `renew_changed` later."""
    shown: dict[int, int | None] = dict.fromkeys(movies)
    keys = list(shown)
    for start in range(0, len(keys), IDS_PER_QUERY):
        part = Poster.objects.filter(movie__in=keys[start : start + IDS_PER_QUERY], is_primary=True)
        shown |= dict(part.values_list("movie_id", "pk"))
    return shown


def renew_changed(before: Mapping[int, int | None], *, by: AbstractBaseUser | None = None) -> Run | None:
    """Embed and label the movies that show another poster than `before` (from `shown_posters`).

    Pending suggestions of a movie that shows none any more are superseded. Call it in the transaction of the
    change: then no crash can separate the two. Returns the run that was started, None if there is none to do.
    More than IDS_PER_QUERY movies are left to a run over everything that is not embedded.
    """
    now = shown_posters(before)
    changed = [movie for movie, poster in now.items() if poster != before[movie]]
    usable, _ = embedding.usable(embedding.specs_to_embed_with())
    after = [Run.Kind.LABEL.value]
    if len(changed) > IDS_PER_QUERY:
        return runs.start(Run.Kind.EMBED, asked_by=by, followed_by=after) if usable else None
    without = [movie for movie in changed if now[movie] is None]
    pending = Suggestion.objects.filter(movie__in=without, state=Suggestion.State.PENDING)
    pending.update(state=Suggestion.State.SUPERSEDED)
    movies = Movie.objects.filter(pk__in=set(changed) - set(without))
    if not movies.exists():
        return None
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    posters = Poster.objects.filter(movie__in=movies, is_primary=True)
    params = {runs.SAME_MOVIES: True}
    if usable and embedding.lacking(posters, usable).exists():
        return runs.start(Run.Kind.EMBED, movies=movies, asked_by=by, params=params, followed_by=after)
    if model and (due := labelling.candidates(model.pk).filter(pk__in=movies)).exists():
        return runs.start(Run.Kind.LABEL, movies=due, asked_by=by, params=params)
    return None


def follow_promotion(
    model: GenreModel, *, by: AbstractBaseUser | None = None, queue: bool = True
) -> Run | None:
    """Have the model just promoted make suggestions, and replace pending ones of other models.

    Posters that it cannot read yet are embedded, and labelled then. Live label runs over everything are
    cancelled: the new run takes what they would have taken. If the training run of the model is live, the
    new run becomes its follower. Call it in the transaction of the promotion. Returns the run, None if there
    is nothing to do.
    """
    for live in runs.live_runs().filter(kind=Run.Kind.LABEL, chosen=False):
        runs.cancel(live)
        Run.objects.filter(pk=live.pk).update(message=f"Cancelled: {model} was promoted.")
    kinds = []
    if planning.readable(labelling.candidates(model.pk), model.pk).exists():
        kinds = [Run.Kind.LABEL.value]
    posters = Poster.objects.filter(is_primary=True)
    if embedding.can_make(model.extractor) and embedding.lacking(posters, [model.extractor.spec]).exists():
        # Last, because a run that fails has no followers, and one damaged poster is enough for that.
        kinds += [Run.Kind.EMBED.value, Run.Kind.LABEL.value]
    if not kinds:
        return None
    training = model.run if model.run is not None and model.run.is_live else None
    if training is not None:
        # Its own followers come after this one; one that labels would only do the same again.
        kinds += [kind for kind in training.followed_by if kind != Run.Kind.LABEL]
        by = by or training.asked_by
    after = kinds[1 : 1 + runs.MOST_FOLLOWERS]
    return runs.start(kinds[0], asked_by=by, followed_by=after, previous=training, queue=queue)
