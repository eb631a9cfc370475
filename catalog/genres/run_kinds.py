"""Kinds of run that train genre models, suggest genres and process batches of decisions."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from catalog.models import GenreModel, Movie, Run
from catalog.runs.kinds import Movies, Params, RunError, RunKind, register

from . import audit, decision_batches, suggestions, training


def _with_active_model(params: Params, movies: Movies) -> tuple[Params, str]:
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    if model is None:
        raise RunError("No genre model is active: train one or promote one first.")
    if not model.parts_used:
        raise RunError(
            f"Genre model {model.version} reads {' and '.join(model.parts)}, and POSTERSITE_GENRE_EVIDENCE "
            f"allows only {settings.GENRE_EVIDENCE}: change the setting, or train a model with it."
        )
    return {**params, "model": model.pk}, ""


def _select_movies(run: Run, movies: Movies) -> QuerySet[Movie]:
    # Without its metrics, which are large.
    model = GenreModel.objects.only("parts", "extractor").get(pk=run.params["model"])
    return suggestions.scorable(suggestions.candidates(model) if movies is None else movies, model)


def _select_tagged(run: Run, movies: Movies) -> QuerySet[Movie]:
    model = GenreModel.objects.only("parts", "extractor").get(pk=run.params["model"])
    return audit.tagged(model, movies)


def _nothing_to_label(run: Run, movies: Movies) -> str:
    model = GenreModel.objects.select_related("extractor").get(pk=run.params["model"])
    candidates = suggestions.candidates(model) if movies is None else movies
    unread = candidates.filter(posters__is_primary=True).distinct().count()
    if not unread and model.reads_texts:
        return f"Nothing to do: there is no {'untagged' if movies is None else 'chosen'} movie."
    if not unread:
        return f"Nothing to do: no {'untagged' if movies is None else 'chosen'} movie has a poster."
    posters = "the poster" if unread == 1 else f"the {unread} posters"
    return (
        f"Nothing to do: genre model {model.version} needs vectors of {model.extractor}, "
        f"and {posters} in question have none. Embed posters first."
    )


TRAIN = register(
    RunKind(
        name="train",
        label="Train genre model",
        activity="Training the genre model",
        process=training.train_item,
        task="catalog.tasks.train_genre_model",
        queue="ml",
        time_limit_s=3 * 3600,
        hint="on all movies with trusted genres",
        action="Train a genre model on the selected movies",
        permission="catalog.train_genremodel",
        position=40,
    )
)

LABEL = register(
    RunKind(
        name="label",
        label="Suggest genres",
        activity="Suggesting genres",
        process=suggestions.label_items,
        task="catalog.tasks.label_movies",
        queue="ml",
        batch_size=200,
        subject=Movie,
        select=_select_movies,
        prepare=_with_active_model,
        nothing_to_do=_nothing_to_label,
        hint="for every untagged film",
        action="Suggest genres for the selected movies",
        position=50,
    )
)

AUDIT = register(
    RunKind(
        name="audit",
        label="Audit genres",
        activity="Auditing genres",
        process=audit.audit_items,
        task="catalog.tasks.audit_genres",
        queue="ml",
        batch_size=200,
        subject=Movie,
        select=_select_tagged,
        prepare=_with_active_model,
        nothing_to_do=lambda run, movies: (
            "Nothing to do: no tagged movie can be scored. Embed posters first."
        ),
        hint="of every tagged film",
        action="Audit the genres of the selected movies",
        position=55,
    )
)

DECIDE = register(
    RunKind(
        name="decide",
        label="Accept suggestions",
        activity="Accepting suggestions",
        process=decision_batches.decide_item,
        task="catalog.tasks.decide_suggestions",
        required_param="batch",
    )
)

REVERT = register(
    RunKind(
        name="revert",
        label="Undo decisions",
        activity="Undoing decisions",
        process=decision_batches.undo_item,
        task="catalog.tasks.undo_decisions",
        required_param="batch",
    )
)
