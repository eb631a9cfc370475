"""The kind of run that finds duplicates."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.embeddings import extractors
from catalog.models import Poster, Run
from catalog.runs.kinds import Movies, Params, RunError, RunKind, register

from . import groups


def _prepare(params: Params, movies: Movies) -> tuple[Params, str]:
    extractor = extractors.default_extractor()
    if extractor is None:
        raise RunError("No poster is embedded yet: embed posters first, then find duplicates.")
    return {**params, "extractor": extractor.pk}, ""


def _select(run: Run, movies: Movies) -> QuerySet[Poster]:
    extractor = run.params["extractor"]
    if movies is None:
        return groups.uncompared(extractor)
    posters = Poster.objects.filter(is_primary=True, embeddings__extractor=extractor)
    return posters.filter(movie__in=movies.order_by().values("pk"))


DUPLICATES = register(
    RunKind(
        name="duplicates",
        label="Find duplicates",
        activity="Searching for duplicates",
        process=groups.find_items,
        task="catalog.tasks.find_duplicates",
        queue="ml",
        # Two batches at once would propose the same groups. Each batch reads all vectors once or twice.
        concurrency=1,
        batch_size=500,
        subject=Poster,
        select=_select,
        prepare=_prepare,
        nothing_to_do=lambda run, movies: (
            "Nothing to do: every embedded poster has been compared with all others."
        ),
        hint="among posters not compared yet",
        position=60,
    )
)
