"""Suggest genres for untagged movies: the genres that the active model scores above its thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from catalog.models import Embedding, GenreModel, Movie, MovieGenre, Poster, RunItem, Suggestion
from catalog.runs import leases
from ml.genres.evidence.films import PARTS, Films
from ml.genres.evidence.model import EvidenceModel, Scored
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError

from . import model_files
from .evidence import Evidence, films_of
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
    shown = Poster.objects.filter(movie__in=list(suggested), is_primary=True)
    with_poster = set(shown.values_list("movie_id", flat=True))
    not_embedded = leases.skip_merged([item for item in items if counts[item.pk] is None])
    message = "{} has no embedding by {}: embed its poster first."
    leases.finish_all(
        [*not_embedded, *(item for item in items if counts[item.pk] is not None)],
        notes={
            item.pk: (f"{counts[item.pk]} suggested" if counts[item.pk] else "abstained")
            + ("" if item.movie_id in with_poster else ", scored without a poster")
            for item in items
        },
        errors={item.pk: message.format(item.movie, model.extractor) for item in not_embedded},
    )


def _fail(items: Sequence[RunItem], error: str) -> None:
    leases.finish_all(items, errors={item.pk: error for item in items})


def candidates(model: GenreModel) -> QuerySet[Movie]:
    """Movies that a run over the whole catalogue suggests genres for: untagged ones, those with pending
    suggestions of another model or from other parts, and those whose poster, title, year or overview changed
    since they were scored."""
    suggestions = Suggestion.objects.filter(movie=OuterRef("pk"))
    pending = suggestions.filter(state=Suggestion.State.PENDING)
    other = pending.exclude(model=model, evidence=",".join(model.parts_used))
    outdated = Q(pk__in=[])
    if "poster" in model.parts_used:
        shown = Poster.objects.filter(movie=OuterRef("pk"), is_primary=True)
        from_shown_poster = suggestions.filter(
            movie__posters__is_primary=True, movie__posters__sha256=F("poster_sha256")
        )
        # Superseded ones may be older than a poster that the movie had since.
        current = suggestions.exclude(state=Suggestion.State.SUPERSEDED)
        without_poster = ~Exists(shown) & Exists(current.filter(poster_sha256=""))
        outdated |= Q(~Exists(from_shown_poster) & ~without_poster)
    if model.reads_texts:
        outdated |= Q(Exists(suggestions.exclude(text_version=OuterRef("text_version"))))
    outdated &= Q(Exists(suggestions), genres_locked=False)
    tagged = MovieGenre.objects.filter(movie=OuterRef("pk"))
    return Movie.objects.filter(~Exists(tagged) | outdated | Q(Exists(other)))


def scorable(movies: QuerySet[Movie], model: GenreModel) -> QuerySet[Movie]:
    """Those of `movies` that the genre model can score now.

    A movie with a poster waits until the model's extractor has embedded it. One without is scored from its
    title, year and overview, if the model reads them.
    """
    if not model.parts_used:
        return movies.none()
    if "poster" not in model.parts_used:
        return movies
    shown = Poster.objects.filter(movie=OuterRef("pk"), is_primary=True)
    embedded = Exists(shown.filter(embeddings__extractor=model.extractor_id))
    return movies.filter(embedded | ~Exists(shown)) if model.reads_texts else movies.filter(embedded)


def suggest(
    movies: Sequence[Movie], row: GenreModel, model: EvidenceModel, *, only_if_active: bool = False
) -> dict[int, int]:
    """Store the model's suggestions for `movies`. Returns the number of pending ones by movie id.

    row: the model in the database. A movie is scored by its title, year and overview and by all its embedded
    posters together, except those that their source replaced or removed. Movies that are not `scorable` are
    left out. Pending suggestions of earlier models are superseded. A rejected genre is not suggested again
    unless the evidence changed that the rejection was about, nor is one that the movie has. With
    `only_if_active`, raises ModelNotActive if the model is not active any more.
    """
    known, films = films_of_movies(movies, row)
    if not known:
        return {}
    scored = model.score(films)
    genres = genre_rows(model.genres)
    counts = {}
    for index, (movie_id, evidence) in enumerate(known.items()):
        columns = np.flatnonzero(scored.scores[index] > scored.suggest[index]).tolist()
        words = model.words_of(films, index, columns)
        found = {
            genres[column].pk: _values(scored, index, column, spoken_for)
            for column, spoken_for in zip(columns, words, strict=True)
        }
        counts[movie_id] = _store(movie_id, evidence, row, found, only_if_active=only_if_active)
    return {movie_id: count for movie_id, count in counts.items() if count is not None}


def would_suggest(movies: Sequence[Movie], row: GenreModel, model: EvidenceModel) -> dict[int, set[int]]:
    """The genres that `suggest` would make pending for `movies`, by movie; nothing is stored."""
    known, films = films_of_movies(movies, row)
    if not known:
        return {}
    scored = model.score(films)
    genres = [genre.pk for genre in genre_rows(model.genres)]
    found = {
        movie_id: {genres[column] for column in np.flatnonzero(above).tolist()}
        for movie_id, above in zip(known, scored.scores > scored.suggest, strict=True)
    }
    for movie_id, genre_id in MovieGenre.objects.filter(movie__in=known).values_list("movie", "genre"):
        found[movie_id].discard(genre_id)
    rejected = Suggestion.objects.filter(movie__in=known, state=Suggestion.State.REJECTED)
    for each in rejected.only("movie", "genre", "evidence", "evidence_digest"):
        if each.evidence_digest == known[each.movie_id].digest(each.evidence.split(",")):
            found[each.movie_id].discard(each.genre_id)
    return found


def scores_of(movie: Movie, row: GenreModel, model: EvidenceModel) -> dict[int, float]:
    """The model's scores of all its genres, by genre id; empty if the movie is not `scorable`."""
    vectors = _vectors([movie.pk], row) if "poster" in row.parts_used else []
    poster = next((each.poster for each in vectors if each.poster.is_primary), None)
    if poster is None and "poster" in row.parts_used:
        is_shown = any(each.is_primary for each in movie.posters.all())
        if is_shown or not row.reads_texts:
            return {}
    if not row.parts_used:
        return {}
    owned = [(0, each) for each in vectors] if poster else []
    films = films_of([Evidence.of(movie, poster)], owned, row.extractor.dims).only(row.parts_used)
    genres = [genre.pk for genre in genre_rows(model.genres)]
    return dict(zip(genres, model.score(films).scores[0].tolist(), strict=True))


def films_of_movies(movies: Sequence[Movie], row: GenreModel) -> tuple[dict[int, Evidence], Films]:
    """What is known of each movie that is `scorable`, and the same as the model reads it."""
    chosen = Movie.objects.filter(pk__in=[movie.pk for movie in movies])
    known, vectors = _evidence(scorable(chosen, row), row)
    place = {movie_id: index for index, movie_id in enumerate(known)}
    owned = [(place[each.poster.movie_id], each) for each in vectors]
    return known, films_of(list(known.values()), owned, row.extractor.dims).only(row.parts_used)


def _evidence(movies: QuerySet[Movie], row: GenreModel) -> tuple[dict[int, Evidence], list[Embedding]]:
    """What is known of each movie, and the embeddings of their posters, where the model reads posters."""
    if "poster" not in row.parts_used:
        return {movie.pk: Evidence.of(movie, None) for movie in movies.order_by("pk")}, []
    texts = {movie.pk: movie for movie in movies.order_by("pk")}
    embedded = _vectors(list(texts), row)
    primary = {each.poster.movie_id: each.poster for each in embedded if each.poster.is_primary}
    known = {
        pk: Evidence.of(movie, primary.get(pk))
        for pk, movie in texts.items()
        if row.reads_texts or pk in primary
    }
    return known, [each for each in embedded if each.poster.movie_id in primary]


def _vectors(movie_ids: list[int], row: GenreModel) -> list[Embedding]:
    """The embeddings of the movies' posters, without posters that their source replaced or removed."""
    return list(
        Embedding.objects.filter(
            Q(poster__is_primary=True) | Q(poster__superseded=False, poster__gone_at=None),
            extractor=row.extractor_id,
            poster__movie__in=movie_ids,
        )
        .select_related("poster")
        .only("extractor", "vector", "poster__movie", "poster__is_primary", "poster__sha256")
        .order_by("poster__movie_id", "pk")
    )


def _values(scored: Scored, index: int, column: int, words: list[str]) -> dict[str, Any]:
    """Score, thresholds and explanation of one suggestion."""
    score, contributions = scored.scores[index, column], scored.contributions[index, column].tolist()
    parts = [
        (part, round(value, 3))
        for part, value, present in zip(PARTS, contributions, scored.present[index].tolist(), strict=True)
        if present
    ]
    return {
        "score": float(score),
        # Six digits, because 0.3 as float32 is 0.30000001192092896.
        "threshold": round(float(scored.suggest[index, column]), 6),
        "sure": bool(score > scored.sure[index, column]),
        "tick": bool(score > scored.tick[index, column]),
        "explanation": {"parts": dict(parts), "words": words},
    }


def _store(
    movie_id: int,
    evidence: Evidence,
    model: GenreModel,
    found: Mapping[int, dict[str, Any]],
    *,
    only_if_active: bool,
) -> int | None:
    """Returns the number of pending suggestions; None if the movie or its poster was deleted meanwhile.

    found: the values of each suggestion by genre. If title, year or overview change while the movie is
    scored, its suggestions are outdated from the beginning, and a later run replaces them.
    """
    poster = evidence.poster
    with transaction.atomic():
        movie = Movie.objects.select_for_update().filter(pk=movie_id).first()
        if movie is None:
            return None
        if poster is not None:
            locked = Poster.objects.select_for_update(no_key=True).filter(pk=poster.pk, movie=movie)
            if locked.first() is None:
                return None
        # Checked while the movie is locked: the run that follows a promotion waits here and overwrites.
        if only_if_active and not _is_active(model):
            raise ModelNotActive(f"{model} is not active any more.")
        decided = set(movie.movie_genres.values_list("genre_id", flat=True)) | {
            rejected.genre_id
            for rejected in movie.suggestions.filter(state=Suggestion.State.REJECTED)
            if rejected.evidence_digest == evidence.digest(rejected.evidence.split(","))
        }
        # Suggestions of an earlier model or from other evidence are superseded; decided ones stay.
        movie.suggestions.filter(state=Suggestion.State.PENDING).update(state=Suggestion.State.SUPERSEDED)
        count = 0
        for genre_id, values in found.items():
            if movie.genres_locked or genre_id in decided:
                continue
            values = {
                **values,
                "poster": poster,
                "poster_sha256": evidence.poster_sha256,
                "text_version": evidence.text_version,
                "evidence": ",".join(model.parts_used),
                "state": Suggestion.State.PENDING,
            }
            suggestion, created = Suggestion.objects.get_or_create(
                movie=movie,
                genre_id=genre_id,
                model=model,
                evidence_digest=evidence.digest(model.parts_used),
                defaults=values,
            )
            if not created and suggestion.state == Suggestion.State.SUPERSEDED:
                Suggestion.objects.filter(pk=suggestion.pk).update(**values)
                suggestion.state = Suggestion.State.PENDING
            count += suggestion.state == Suggestion.State.PENDING
        # Decided ones too, because `candidates` looks for any that is outdated.
        outdated = movie.suggestions.exclude(text_version=evidence.text_version)
        outdated.update(text_version=evidence.text_version)
        return count


def _is_active(model: GenreModel) -> bool:
    return GenreModel.objects.filter(pk=model.pk, state=GenreModel.State.ACTIVE).exists()


@lru_cache(maxsize=2)
def _load(path: Path, sha256: str) -> EvidenceModel:
    return load_model(path, sha256)


def load(model: GenreModel) -> EvidenceModel:
    """The model of the row, after its weights were checked against their sha256. Raises ModelFileError."""
    return _load(model_files.fetch(model), model.weights_sha256)
