"""A kind of run that the site does not know: this module is all it takes. A worker loads it with `-A`."""

from __future__ import annotations

import django

django.setup()

from catalog.models import Movie  # noqa: E402
from catalog.runs import leases  # noqa: E402
from catalog.runs.kinds import RunKind, register  # noqa: E402
from postersite.celery import app  # noqa: E402, F401

register(
    RunKind(
        name="shout",
        label="Shout titles",
        activity="Shouting titles",
        process=lambda items: leases.process_each(items, _shout),
        task="tests.shout_titles",
        batch_size=2,
        subject=Movie,
        select=lambda run, movies: Movie.objects.all() if movies is None else movies,
        hint="of every film",
    )
)


def _shout(item, alive):
    Movie.objects.filter(pk=item.movie_id).update(title=item.movie.title.upper())
    leases.finish(item, "shouted")
