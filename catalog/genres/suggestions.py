"""Suggest genres for untagged movies: the genres that the active model scores above its thresholds."""

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


class ModelNotActive(RuntimeError):
    """Another genre model was promoted while this one was suggesting genres."""


def label_items(items: Sequence[RunItem]) -> None:
    """Suggest genres for each item's movie with the active genre model, and finish or fail the item."""
    movies = [item.movie for item in items if item.movie is not None]
    while True:
        model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
        if model is None:
            _fail(items, "No genre model is active: promote one in the admin.")
            return
        try:
            suggested = suggest(movies, model, load(model), only_if_active=True)
            break
        except ModelNotActive:
            continue
        except ModelFileError as error:
            _fail(items, f"The genre model cannot be used: {error}")
            return
    counts = {item.pk: suggested.get(item.movie_id or 0) for item in items}
    not_embedded = leases.skip_merged([item for item in items if counts[item.pk] is None])
    message = "{} has no embedding by {}: embed its poster first."
    leases.finish_all(
        [*not_embedded, *(item for item in items if counts[item.pk] is not None)],
        notes={pk: f"{count} suggested" if count else "abstained" for pk, count in counts.items()},
        errors={item.pk: message.format(item.movie, model.extractor) for item in not_embedded},
    )


def _fail(items: Sequence[RunItem], error: str) -> None:
    leases.finish_all(items, errors={item.pk: error for item in items})


def candidates(model_id: int) -> QuerySet[Movie]:
    """Movies that a run over the whole catalogue suggests genres for: untagged ones, those with pending
    suggestions of another model, and those whose suggestions were made from a poster that is not shown."""
    suggestions = Suggestion.objects.filter(movie=OuterRef("pk"))
    from_shown_poster = suggestions.filter(
        movie__posters__is_primary=True, movie__posters__sha256=F("poster_sha256")
    )
    outdated = Q(Exists(suggestions), ~Exists(from_shown_poster), genres_locked=False)
    of_other_models = suggestions.filter(state=Suggestion.State.PENDING).exclude(model=model_id)
    tagged = MovieGenre.objects.filter(movie=OuterRef("pk"))
    return Movie.objects.filter(~Exists(tagged) | outdated | Q(Exists(of_other_models)))


def embedded_for(movies: QuerySet[Movie], model_id: int) -> QuerySet[Movie]:
    """Those of `movies` whose primary poster is embedded by the extractor of the genre model."""
    embedded = Poster.objects.filter(
        movie=OuterRef("pk"), is_primary=True, embeddings__extractor__genre_models=model_id
    )
    return movies.filter(Exists(embedded))


def suggest(
    movies: Sequence[Movie], model: GenreModel, head: GenreHead, *, only_if_active: bool = False
) -> dict[int, int]:
    """Store the model's suggestions for `movies`. Returns the number of pending ones by movie id.

    Movies whose primary poster is not embedded are left out. A movie is scored by all its embedded posters
    together, except those that their source replaced or removed. Pending suggestions of earlier models are
    superseded. A rejected genre is not suggested again unless the poster changed, nor is one that the movie
    has. With `only_if_active`, raises ModelNotActive if the model is not active any more.
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
    counts = {
        movie_id: _store(poster, model, genres, *row, only_if_active=only_if_active)
        for (movie_id, poster), *row in zip(primary.items(), scores, above, sure, strict=True)
    }
    return {movie_id: count for movie_id, count in counts.items() if count is not None}


def _store(
    poster: Poster,
    model: GenreModel,
    genres: Sequence[Genre],
    scores: np.ndarray,
    above: np.ndarray,
    sure: np.ndarray,
    *,
    only_if_active: bool,
) -> int | None:
    """Returns the number of pending suggestions; None if the movie or its poster was deleted meanwhile."""
    with transaction.atomic():
        movie = Movie.objects.select_for_update().filter(pk=poster.movie_id).first()
        locked = Poster.objects.select_for_update(no_key=True).filter(pk=poster.pk, movie=movie)
        if movie is None or locked.first() is None:
            return None
        # Checked while the movie is locked: the run that follows a promotion waits here and overwrites.
        if only_if_active and not _is_active(model):
            raise ModelNotActive(f"{model} is not active any more.")
        decided = set(movie.movie_genres.values_list("genre_id", flat=True)) | set(
            movie.suggestions.filter(
                state=Suggestion.State.REJECTED, poster_sha256=poster.sha256
            ).values_list("genre_id", flat=True)
        )
        # Suggestions of an earlier model or from another poster are superseded; decided ones stay.
        movie.suggestions.filter(state=Suggestion.State.PENDING).update(state=Suggestion.State.SUPERSEDED)
        count = 0
        for index in np.flatnonzero(above).tolist():
            genre = genres[index]
            if movie.genres_locked or genre.pk in decided:
                continue
            values = {
                "poster": poster,
                "score": float(scores[index]),
                "threshold": float(model.thresholds[index]),
                "sure": bool(sure[index]),
                "state": Suggestion.State.PENDING,
            }
            suggestion, created = Suggestion.objects.get_or_create(
                movie=movie, genre=genre, model=model, poster_sha256=poster.sha256, defaults=values
            )
            if not created and suggestion.state == Suggestion.State.SUPERSEDED:
                Suggestion.objects.filter(pk=suggestion.pk).update(**values)
                suggestion.state = Suggestion.State.PENDING
            count += suggestion.state == Suggestion.State.PENDING
        return count


def _is_active(model: GenreModel) -> bool:
    return GenreModel.objects.filter(pk=model.pk, state=GenreModel.State.ACTIVE).exists()


@lru_cache(maxsize=2)
def _load(path: Path, sha256: str) -> GenreHead:
    return load_head(path, sha256=sha256)


def load(model: GenreModel) -> GenreHead:
    """The model's head, after its weights were checked against their sha256. Raises ModelFileError."""
    return _load(Path(settings.MODELS_DIR) / model.weights_file, model.weights_sha256)
