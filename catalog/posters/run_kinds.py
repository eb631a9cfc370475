"""Kinds of run that fetch posters."""

from __future__ import annotations

from catalog.models import Movie, Run
from catalog.runs.kinds import Movies, Params, RunKind, register

from . import fetch, refresh, selection


def _prepare_refresh(params: Params, movies: Movies) -> tuple[Params, str]:
    # For chosen movies, sources are checked again however recently they were checked.
    return ({**params, refresh.EVERYTHING: True} if movies is not None else params), ""


def _nothing_to_scrape(run: Run, movies: Movies) -> str:
    return "Nothing to do: every movie that can be looked up has a poster, or is being looked up."


def _nothing_to_refresh(run: Run, movies: Movies) -> str:
    return "Nothing to do: every poster of an enabled source was checked recently."


SCRAPE = register(
    RunKind(
        name="scrape",
        label="Fetch posters",
        activity="Fetching posters",
        process=fetch.fetch_items,
        task="catalog.tasks.scrape_posters",
        concurrency=4,
        batch_size=4,
        subject=Movie,
        select=lambda run, movies: selection.to_look_up() if movies is None else movies,
        still_due=selection.not_being_looked_up,
        nothing_to_do=_nothing_to_scrape,
        unavailable=fetch.unavailable,
        hint="for every film without one",
        action="Fetch posters of the selected movies",
        followed_by=("embed", "label"),
        position=10,
    )
)

REFRESH = register(
    RunKind(
        name="refresh",
        label="Refresh posters",
        activity="Checking posters for changes",
        process=refresh.refresh_items,
        task="catalog.tasks.refresh_posters",
        concurrency=4,
        batch_size=8,
        subject=Movie,
        select=lambda run, movies: selection.stale() if movies is None else movies,
        prepare=_prepare_refresh,
        nothing_to_do=_nothing_to_refresh,
        unavailable=fetch.unavailable,
        hint="that were not checked recently",
        action="Refresh posters of the selected movies",
        followed_by=("embed", "label"),
        position=20,
    )
)
