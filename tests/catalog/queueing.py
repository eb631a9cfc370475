"""Queue tasks on another broker for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from postersite.celery import app


@contextmanager
def queueing_at(url: str) -> Iterator[None]:
    """While the block runs, tasks are queued on the broker at `url`, as Celery writes it."""
    before = app.conf.broker_url
    try:
        _point_at(url)
        yield
    finally:
        _point_at(before)


def _point_at(url: str) -> None:
    app.conf.broker_url = url
    # Connections kept open still lead to the broker before.
    app._after_fork()
