"""Runs that fetch posters: the tests take the place of the workers."""

from __future__ import annotations

from typing import Any

from catalog.models import Run
from catalog.runs import lifecycle
from tests.factories import MovieFactory


def scrape_of(count: int, **options: Any) -> Run:
    MovieFactory.create_batch(count)
    return lifecycle.start("scrape", queue=False, **options)


def counts(run: Run) -> tuple[int, int]:
    """Stored numbers of items done and failed."""
    run.refresh_from_db()
    return run.done, run.failed


def states(run: Run) -> list[str]:
    return list(run.items.order_by("pk").values_list("state", flat=True))
