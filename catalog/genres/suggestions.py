"""Ask the active genre model about untagged movies; what scores above its threshold becomes a suggestion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from catalog.models import Embedding, Genre, GenreModel, Movie, MovieGenre, Poster, RunItem, Suggestion
from catalog.runs import leases
from ml.genres.head import GenreHead
from ml.genres.head_file import ModelFileError, load_head
from ml.genres.thresholds import NEVER, decide

from .names import genre_rows


class NotInUse(RuntimeError):
    """Another genre model was promoted while this one was making suggestions."""


def label_items(items: Sequence[RunItem]) -> None:
    """Suggest genres for each item's movie with the genre model in use, and finish or fail the item."""
    movies = [item.movie for item in items if item.movie is not None]
    while True:
        model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
        if model is None:
            _fail(items, "No genre model is in use: promote one in the admin.")
            return
        try:
            made = suggest(movies, model, load(model), only_in_use=True)
            break
        except NotInUse:
            continue
        except ModelFileError as error:
            _fail(items, f"The genre model cannot be used: {error}")
            return
    counts = {item.pk: made.get(item.movie_id or 0) for item in items}
    unread = leases.skip_merged([item for item in items if counts[item.pk] is None])
    why = "{} has no embedding by {}: embed its poster first."
    leases.finish_all(
        [*unread, *(item for item in items if counts[item.pk] is not None)],
        notes={pk: f"{count} suggested" if count else "abstained" for pk, count in counts.items()},
        errors={item.pk: why.format(item.movie, model.extractor) for item in unread},
    )


def _fail(items: Sequence[RunItem], why: str) -> None:
    leases.finish_all(items, errors={item.pk: why for item in items})


def candidates(model_id: int) -> QuerySet[Movie]:
    """Movies that a run over the whole catalogue suggests genres for: untagged ones, those with pending
    suggestions of another model, and those whose suggestions are about a poster they no longer show."""
    mine = Suggestion.objects.filter(movie=OuterRef("pk"))
    about_what_is_shown = mine.filter(
        movie__posters__is_primary=True, movie__posters__sha256=F("poster_sha256")
    )
    outdated = Q(Exists(mine), ~Exists(about_what_is_shown), genres_locked=False)
    of_others = mine.filter(state=Suggestion.State.PENDING).exclude(model=model_id)
    tagged = MovieGenre.objects.filter(movie=OuterRef("pk"))
    return Movie.objects.filter(~Exists(tagged) | outdated | Q(Exists(of_others)))


def readable(movies: QuerySet[Movie], model_id: int) -> QuerySet[Movie]:
    """Those of `movies` whose poster has a vector that the genre model reads."""
    embedded = Poster.objects.filter(
        movie=OuterRef("pk"), is_primary=True, embeddings__extractor__genre_models=model_id
    )
    return movies.filter(Exists(embedded))


def suggest(
    movies: Sequence[Movie], model: GenreModel, head: GenreHead, *, only_in_use: bool = False
) -> dict[int, int]:
    """Store the model's suggestions for `movies`; returns how many each got, for those with an embedding.

    A movie is scored by all its embedded posters together, but those that their source replaced or gave up;
    movies whose primary poster is not embedded yet are left out. Pending suggestions of earlier models give
    way. A pair that a person rejected stays rejected unless the poster changed since; a genre the movie
    already has is not suggested. With `only_in_use`, raises NotInUse once the model is not the active one.
    """
    embedded = list(
        Embedding.objects.filter(
            Q(poster__is_primary=True) | Q(poster__superseded=False, poster__gone_at=None),
            extractor=model.extractor_id,
            poster__movie__in=movies,
        )
        .select_related("poster")
        .order_by("poster__movie_id", "pk")
    )
    primary = {row.poster.movie_id: row.poster for row in embedded if row.poster.is_primary}
    if not primary:
        return {}
    place = {movie_id: index for index, movie_id in enumerate(primary)}
    rows = [row for row in embedded if row.poster.movie_id in place]
    scores = head.pooled_scores(
        np.stack([row.as_array() for row in rows]), [place[row.poster.movie_id] for row in rows]
    )
    above = decide(scores, np.asarray(model.thresholds))
    sure = above & decide(scores, np.asarray(model.sure_thresholds or NEVER))
    genres = genre_rows(model.genres)
    made = {
        movie_id: _store(poster, model, genres, *said, only_in_use=only_in_use)
        for (movie_id, poster), *said in zip(primary.items(), scores, above, sure, strict=True)
    }
    return {movie_id: count for movie_id, count in made.items() if count is not None}


def _store(
    poster: Poster,
    model: GenreModel,
    genres: Sequence[Genre],
    scores: np.ndarray,
    above: np.ndarray,
    sure: np.ndarray,
    *,
    only_in_use: bool,
) -> int | None:
    """How many suggestions were stored; None if the movie or its poster is gone since it was read."""
    with transaction.atomic():
        movie = Movie.objects.select_for_update().filter(pk=poster.movie_id).first()
        mine = Poster.objects.select_for_update(no_key=True).filter(pk=poster.pk, movie=movie)
        if movie is None or mine.first() is None:
            return None
        # Asked while the movie is locked: the run that follows a promotion waits here, and has the last word.
        if only_in_use and not GenreModel.objects.filter(pk=model.pk, state=GenreModel.State.ACTIVE).exists():
            raise NotInUse(f"{model} is not in use any more.")
        settled = set(movie.movie_genres.values_list("genre_id", flat=True)) | set(
            movie.suggestions.filter(
                state=Suggestion.State.REJECTED, poster_sha256=poster.sha256
            ).values_list("genre_id", flat=True)
        )
        # What an earlier model, or this one about another poster, suggested gives way; decided rows stay.
        movie.suggestions.filter(state=Suggestion.State.PENDING).update(state=Suggestion.State.SUPERSEDED)
        count = 0
        for index in np.flatnonzero(above).tolist():
            genre = genres[index]
            if movie.genres_locked or genre.pk in settled:
                continue
            values = {
                "poster": poster,
                "score": float(scores[index]),
                "threshold": float(model.thresholds[index]),
                "sure": bool(sure[index]),
                "state": Suggestion.State.PENDING,
            }
            made, fresh = Suggestion.objects.get_or_create(
                movie=movie, genre=genre, model=model, poster_sha256=poster.sha256, defaults=values
            )
            if not fresh and made.state == Suggestion.State.SUPERSEDED:
                Suggestion.objects.filter(pk=made.pk).update(**values)
                made.state = Suggestion.State.PENDING
            count += made.state == Suggestion.State.PENDING
        return count


@lru_cache(maxsize=2)
def _load(path: Path, sha256: str) -> GenreHead:
    return load_head(path, sha256=sha256)


def load(model: GenreModel) -> GenreHead:
    """The model's head, its weights checked against the stored sha256. Raises ModelFileError."""
    return _load(Path(settings.MODELS_DIR) / model.weights_file, model.weights_sha256)
