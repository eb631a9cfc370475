"""What a run takes, written down a chunk at a time: 60,000 movies never become one list of items.

A run knows from its start which movies or posters it takes, and how many. Only the first chunk of them is
written as items then; the others stay chunks of keys until their turn comes. Whoever works on the run takes
up the next one, in one short transaction: a process that dies in it leaves the chunk as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from catalog.duplicates import groups
from catalog.embeddings import embedding
from catalog.genres import suggestions
from catalog.models import Extractor, Movie, Poster, Run, RunChunk, RunItem
from catalog.posters import refresh

from . import leases

log = logging.getLogger(__name__)

# As many items as are written in some 50 ms, for which SQLite keeps every other writer out.
KEYS_PER_CHUNK = 250
LIVE = (Run.State.QUEUED, Run.State.RUNNING)
OPEN = (RunItem.State.PENDING, RunItem.State.RUNNING)
OVER_POSTERS = (Run.Kind.EMBED, Run.Kind.DUPLICATES)
# Runs of a single item, over whatever there is.
ONE_JOB = (
    Run.Kind.TRAIN,
    Run.Kind.CHECK,
    Run.Kind.UNDO,
    Run.Kind.PREVIEW,
    Run.Kind.DECIDE,
    Run.Kind.REVERT,
)


def lay_out(run: Run, keys: Iterable[int]) -> None:
    """Write down what a new run takes, `keys` of movies or posters by its kind in rising order; sets `total`.

    To be called in the transaction that makes the run: there is all of its plan or no run.
    """
    run.total = 0
    for chunk in _chunks(keys):
        if run.total:
            RunChunk.objects.create(run=run, keys=chunk)
        else:
            _write_items(run, chunk)
        run.total += len(chunk)
    run.save(update_fields=["total"])


def plan_ahead(run_id: int) -> int:
    """Make items of the run's next chunks while fewer are due than its tasks take next; how many were made.

    Harmless when called too often or by several at once. What has become superfluous since the start, because
    a movie is gone or another run saw to it, is left out and counts no longer.
    """
    made = 0
    while RunChunk.objects.filter(run=run_id).exists() and not leases.has_enough_due(run_id):
        try:
            more = plan_next(run_id)
        except IntegrityError as error:
            # A movie of the chunk was deleted at this very moment: the next call finds it gone.
            log.info("A chunk of run %s is planned again: %s", run_id, error)
            return made
        if more is None:
            return made
        made += more
    return made


def plan_next(run_id: int) -> int | None:
    """Make items of the run's next chunk; how many were made, None when nothing is to come."""
    with transaction.atomic():
        # Locked, so that no two take the same chunk and no item slips into a run that is being cancelled.
        run = Run.objects.select_for_update().filter(pk=run_id, state__in=LIVE).first()
        chunk = run.chunks.first() if run is not None else None
        if run is None or chunk is None:
            return None
        still = list(keys_of(_still_wanted(run).filter(pk__in=chunk.keys)))
        _write_items(run, still)
        chunk.delete()
        Run.objects.filter(pk=run_id).update(total=F("total") - (len(chunk.keys) - len(still)))
    return len(still)


def wanted(run: Run, movies: QuerySet[Movie] | None) -> QuerySet[Any]:
    """Movies or posters that a run takes: all that lack what it makes, or those of chosen `movies`."""
    if run.kind == Run.Kind.SCRAPE:
        return to_look_up() if movies is None else movies
    if run.kind == Run.Kind.REFRESH:
        return refresh.stale() if movies is None else movies
    if run.kind == Run.Kind.LABEL:
        model = run.params["model"]
        return readable(suggestions.candidates(model) if movies is None else movies, model)
    posters = Poster.objects.filter(is_primary=True)
    if movies is not None:
        posters = posters.filter(movie__in=movies.order_by().values("pk"))
    if run.kind == Run.Kind.EMBED:
        usable, problems = embedding.usable(run.params["extractors"])
        # What cannot be had any more, each item is to say.
        return posters if problems else embedding.lacking(posters, usable)
    extractor = Extractor.objects.filter(pk=run.params["extractor"]).first()
    if extractor is None or movies is not None:
        return posters.filter(embeddings__extractor=run.params["extractor"])
    return groups.uncompared(extractor)


def to_look_up() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that no other run is about to look up."""
    found = _unpromised()
    for run in Run.objects.filter(kind=Run.Kind.SCRAPE, state__in=LIVE, chosen=False):
        first, last = run.chunks.first(), run.chunks.last()
        if first is not None and last is not None:
            found = found.exclude(pk__range=(first.keys[0], last.keys[-1]))
    return found


def readable(movies: QuerySet[Movie], model_id: int) -> QuerySet[Movie]:
    """Those of `movies` whose poster has a vector that the genre model reads."""
    seen = Poster.objects.filter(
        movie=OuterRef("pk"), is_primary=True, embeddings__extractor__genre_models=model_id
    )
    return movies.filter(Exists(seen))


def keys_of(queryset: QuerySet[Any]) -> Iterator[int]:
    """Primary keys in rising order, each once, never all in memory."""
    keys = queryset.prefetch_related(None).order_by("pk").values_list("pk", flat=True).distinct()
    return iter(keys.iterator())


def _still_wanted(run: Run) -> QuerySet[Any]:
    if run.chosen:
        return (Poster if run.kind in OVER_POSTERS else Movie).objects.all()
    return _unpromised() if run.kind == Run.Kind.SCRAPE else wanted(run, None)


def _unpromised() -> QuerySet[Movie]:
    """Movies without a poster that a source may know, and that are no item of a live run."""
    owed = RunItem.objects.filter(
        movie=OuterRef("pk"), run__kind=Run.Kind.SCRAPE, run__state__in=LIVE, state__in=OPEN
    )
    return Movie.objects.without_poster().filter(
        Q(tmdb_id__isnull=False) | Q(imdb_id__isnull=False), ~Exists(owed)
    )


def _write_items(run: Run, keys: Sequence[int]) -> None:
    column = "poster_id" if run.kind in OVER_POSTERS else "movie_id"
    RunItem.objects.bulk_create(RunItem(run=run, **{column: key}) for key in keys)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    stream = iter(keys)
    while chunk := list(islice(stream, KEYS_PER_CHUNK)):
        yield chunk
