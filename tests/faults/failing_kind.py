"""A kind of run whose batches fail with an exception. A worker loads it with `-A`."""

from __future__ import annotations

import django

django.setup()

from catalog.models import Movie  # noqa: E402
from catalog.runs.kinds import RunKind, register  # noqa: E402
from postersite.celery import app  # noqa: E402, F401


def stumble(items):
    raise ValueError("a line end\n in a message")


register(
    RunKind(
        name="stumble",
        label="Stumble",
        activity="Stumbling",
        process=stumble,
        task="tests.stumble",
        subject=Movie,
        select=lambda run, movies: Movie.objects.all(),
    )
)
