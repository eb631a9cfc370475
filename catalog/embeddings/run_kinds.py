"""The kind of run that embeds posters."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.models import Poster, Run
from catalog.runs.kinds import Movies, Params, RunError, RunKind, register

from . import embedding, extractors


def _prepare(params: Params, movies: Movies) -> tuple[Params, str]:
    """The extractors that the run uses, and a sentence about configured ones that it cannot use."""
    requested = params.get("extractors")
    available, problems = extractors.available(requested or extractors.required_specs())
    if problems and (requested or not available):
        raise RunError(" ".join(problems))
    return {**params, "extractors": list(available)}, " ".join(problems)


def _select(run: Run, movies: Movies) -> QuerySet[Poster]:
    posters = Poster.objects.filter(is_primary=True)
    if movies is not None:
        posters = posters.filter(movie__in=movies.order_by().values("pk"))
    available, problems = extractors.available(run.params["extractors"])
    # If an extractor is no longer available, each item says so.
    return posters if problems else embedding.not_embedded(posters, list(available.values()))


EMBED = register(
    RunKind(
        name="embed",
        label="Embed posters",
        activity="Embedding posters",
        process=embedding.embed_items,
        task="catalog.tasks.embed_posters",
        queue="ml",
        concurrency=2,
        batch_size=32,
        subject=Poster,
        select=_select,
        prepare=_prepare,
        nothing_to_do=lambda run, movies: "Nothing to do: every poster is embedded.",
        hint="that an extractor in use has not embedded",
        action="Embed posters of the selected movies",
        position=30,
    )
)
