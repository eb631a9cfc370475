"""Start, follow, retry and cancel runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from celery import Task
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from catalog.duplicates import groups
from catalog.embeddings import embedding
from catalog.genres import suggestions
from catalog.models import Extractor, GenreModel, Movie, Poster, Run, RunItem
from catalog.posters import refresh

from . import chunks, leases
from .chunks import LIVE, OPEN
from .leases import LANES, WORKED_OFF_BY

log = logging.getLogger(__name__)

MOST_FOLLOWERS = 6
# What new posters are for.
AFTER_FETCHING = (Run.Kind.EMBED.value, Run.Kind.LABEL.value)
# Where a run's params say that those that follow it take its movies only, not all that lack something.
SAME_MOVIES = "same_movies"
NOTHING_TO_DO = {
    Run.Kind.SCRAPE: "Nothing to do: every movie that can be looked up has a poster, or is being looked up.",
    Run.Kind.REFRESH: "Nothing to do: every poster that a switched-on source showed was asked about of late.",
    Run.Kind.EMBED: "Nothing to do: every poster is embedded.",
    Run.Kind.DUPLICATES: "Nothing to do: every embedded poster has been compared with all others.",
}


KINDS = ", ".join(kind for kind in Run.Kind.values if kind != Run.Kind.IMPORT)


# Runs about one thing, and the parameter that names it.
NAMED_IN_PARAMS: dict[str, str] = {
    Run.Kind.UNDO: "import",
    Run.Kind.PREVIEW: "import",
    Run.Kind.DECIDE: "batch",
    Run.Kind.REVERT: "batch",
}


class RunError(ValueError):
    """A run cannot be started, retried or cancelled; the message says why."""


def start(
    kind: str,
    *,
    movies: QuerySet[Movie] | None = None,
    asked_by: AbstractBaseUser | None = None,
    params: dict[str, Any] | None = None,
    followed_by: Sequence[str] = (),
    previous: Run | None = None,
    queue: bool = True,
    units: int = 1,
) -> Run:
    """Create a run over `movies` and queue it. `movies=None` means all that lack what the run makes.

    `followed_by` names kinds that start one after another, each when the one before it is done.
    `queue=False` leaves the work to the caller (`services.inline`); workers are not told of it.
    `units` is how much a run of a single item has to do, for those that count their steps.
    A run that finds nothing to do ends at once and says so. Raises RunError for an unknown kind, for a
    suggestion run when no genre model is active, and for extractors that cannot be had: all of them, or one
    that `params` asks for by name.
    """
    for wanted in (kind, *followed_by):
        if wanted not in Run.Kind.values or wanted == Run.Kind.IMPORT:
            raise RunError(f"There is no run of kind {wanted!r}; choose one of {KINDS}.")
    unnamed = kind in NAMED_IN_PARAMS and NAMED_IN_PARAMS[kind] not in (params or {})
    if unnamed or NAMED_IN_PARAMS.keys() & set(followed_by):
        raise RunError("Choose the import or batch to undo: its page in the admin starts this run.")
    if len(followed_by) > MOST_FOLLOWERS:
        raise RunError(f"A run can be followed by at most {MOST_FOLLOWERS} others.")
    params, message = dict(params or {}), ""
    if kind == Run.Kind.EMBED:
        params["extractors"], message = _extractors(params.get("extractors"))
    elif kind == Run.Kind.LABEL:
        params["model"] = _active_model().pk
    elif kind == Run.Kind.DUPLICATES:
        params["extractor"] = _extractor_in_use().pk
    elif kind == Run.Kind.REFRESH and movies is not None:
        # Somebody asks about these: sources that were asked of late are asked again.
        params[refresh.EVERYTHING] = True
    with transaction.atomic():
        run = Run.objects.create(
            kind=kind,
            params=params,
            message=message,
            asked_by_id=asked_by.pk if asked_by else None,
            followed_by=list(followed_by),
            previous=previous,
            chosen=movies is not None,
        )
        if kind in chunks.ONE_JOB:
            _one_job(run, movies, units)
        else:
            chunks.lay_out(run, chunks.keys_of(chunks.wanted(run, movies)))
        _begin(run, _nothing_to_do(run, movies), queue=queue)
    return run


def retry_failed(run: Run, *, asked_by: AbstractBaseUser | None = None) -> Run:
    """A new run over the failed items of a finished one, which goes on with what was to follow a failed run.

    Raises RunError if the run is live, had none or is being retried already, and as `start`.
    """
    try:
        return _retry(run, asked_by)
    except IntegrityError as error:
        live = live_runs().filter(retry_of=run).first()
        if live is None:
            raise
        raise RunError(f"{run} is being retried already: see {live}.") from error


def _retry(run: Run, asked_by: AbstractBaseUser | None) -> Run:
    if run.kind == Run.Kind.IMPORT:
        raise RunError(f"{run} cannot be retried: correct the rows it lists and import the file again.")
    if run.is_live:
        raise RunError(f"{run} is still going on; wait for its end or cancel it, then retry what failed.")
    params = {name: value for name, value in run.params.items() if name != WORKED_OFF_BY}
    if run.kind == Run.Kind.LABEL:
        params["model"] = _active_model().pk
    stopped_short = run.state == Run.State.FAILED and not Run.objects.filter(previous=run).exists()
    with transaction.atomic():
        again = Run.objects.create(
            kind=run.kind,
            params=params,
            asked_by_id=asked_by.pk if asked_by else None,
            retry_of=run,
            followed_by=run.followed_by if stopped_short else [],
            chosen=True,
        )
        _lay_out_again(again, run.items.filter(state=RunItem.State.FAILED))
        if not again.total:
            raise RunError(f"{run} has no failed items to retry.")
        _begin(again, "", queue=True)
    return again


def cancel(run: Run) -> None:
    """Stop a live run: what is being worked on is finished, what waits is dropped, no follower starts.

    Raises RunError when the run is over already.
    """
    with transaction.atomic():
        stopped = Run.objects.filter(pk=run.pk, state__in=LIVE).update(
            state=Run.State.CANCELLED, finished_at=timezone.now(), followed_by=[], message="Cancelled."
        )
        if not stopped:
            run.refresh_from_db()
            raise RunError(f"{run} is over already ({run.get_state_display()}).")
        run.chunks.all().delete()
        run.items.filter(state=RunItem.State.PENDING).update(state=RunItem.State.CANCELLED)
    run.refresh_from_db()


def live_runs() -> QuerySet[Run]:
    return Run.objects.filter(state__in=LIVE)


def outstanding() -> dict[Run.Kind, int]:
    """How many items a run over everything would take now, by kind; training always takes one."""
    usable, _ = embedding.usable(embedding.specs_to_embed_with())
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    extractor = embedding.default_extractor()
    return {
        Run.Kind.SCRAPE: chunks.to_look_up().count(),
        Run.Kind.REFRESH: refresh.stale().count(),
        Run.Kind.EMBED: embedding.lacking(Poster.objects.filter(is_primary=True), usable).count(),
        Run.Kind.LABEL: chunks.readable(suggestions.candidates(model.pk), model.pk).count() if model else 0,
        Run.Kind.DUPLICATES: groups.uncompared(extractor).count() if extractor else 0,
    }


def settle(run_id: int) -> None:
    """End the run if nothing is left of it, and start what follows; harmless when called twice.

    A run of which nothing succeeded is failed, and nothing follows it.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).exclude(kind=Run.Kind.IMPORT).first()
        if run is None or not run.is_live or run.chunks.exists() or run.items.filter(state__in=OPEN).exists():
            return
        # Items go with their movie or poster when a person deletes it, and are owed no more.
        run.total = run.done + run.failed
        run.state = Run.State.FAILED if run.failed and not run.done else Run.State.DONE
        run.finished_at = timezone.now()
        run.save(update_fields=["state", "total", "finished_at"])
        if run.state == Run.State.DONE:
            _follow(run)


def enqueue(run: Run, expires_s: float | None = None, lost_only: bool = False) -> int:
    """Put as many tasks for the run on its queue as it may use at once; returns how many.

    With `lost_only` those that are there already count: messages that wait on the queue, and batches that are
    being worked on, whose tasks queue themselves again. A task between two batches is missed, and the one too
    many ends by itself (`claims.claim`). Workers leave aside what waited for `expires_s` seconds. An
    unreachable broker is logged, not raised: the run stays queued and the next sweep tries again.
    """
    task = _task_of(run)
    wanted = LANES[Run.Kind(run.kind)].tasks
    try:
        if lost_only:
            wanted = max(0, wanted - leases.batches_held(run.pk) - _waiting(task))
        for _ in range(wanted):
            task.apply_async((run.pk,), expires=expires_s)
    except (OperationalError, RedisError) as error:
        log.warning(
            "%s waits: the broker cannot be reached (%s). It starts when the broker is back.", run, error
        )
        return 0
    return wanted


def _waiting(task: Task) -> int:
    """How many messages wait on the queue of `task`, those of other runs included."""
    queue = settings.CELERY_TASK_ROUTES[task.name]["queue"]
    # The default channel would try for seconds when the broker is gone.
    with task.app.connection_for_write() as connection, connection.channel() as channel:
        return int(channel.queue_declare(queue=queue).message_count)


def _task_of(run: Run) -> Task:
    from catalog import tasks

    found: Task = {
        Run.Kind.SCRAPE: tasks.scrape_posters,
        Run.Kind.REFRESH: tasks.refresh_posters,
        Run.Kind.CHECK: tasks.check_catalogue,
        Run.Kind.EMBED: tasks.embed_posters,
        Run.Kind.TRAIN: tasks.train_genre_model,
        Run.Kind.LABEL: tasks.label_movies,
        Run.Kind.DUPLICATES: tasks.find_duplicates,
        Run.Kind.UNDO: tasks.undo_import,
        Run.Kind.PREVIEW: tasks.preview_undo,
        Run.Kind.DECIDE: tasks.decide_suggestions,
        Run.Kind.REVERT: tasks.undo_decisions,
    }[Run.Kind(run.kind)]
    return found


def _begin(run: Run, nothing_to_do: str, *, queue: bool) -> None:
    if run.total:
        if queue:
            transaction.on_commit(lambda: enqueue(run))
        return
    run.state, run.message = Run.State.DONE, " ".join(filter(None, [nothing_to_do, run.message]))
    run.started_at = run.finished_at = timezone.now()
    run.save()
    _follow(run)


def _follow(run: Run) -> None:
    if not run.followed_by or Run.objects.filter(previous=run).exists():
        return
    kind, *rest = run.followed_by
    movies = params = None
    if run.params.get(SAME_MOVIES):
        movies, params = _due_of(run, kind), {SAME_MOVIES: True}
        if not movies.exists():
            return
    try:
        start(kind, movies=movies, params=params, asked_by=run.asked_by, followed_by=rest, previous=run)
    except RunError as error:
        now = timezone.now()
        Run.objects.create(
            kind=kind,
            state=Run.State.FAILED,
            message=str(error),
            asked_by=run.asked_by,
            previous=run,
            started_at=now,
            finished_at=now,
        )


def _due_of(run: Run, kind: str) -> QuerySet[Movie]:
    """The movies of a run that is over, for the run that follows it."""
    movies = Movie.objects.filter(
        Q(pk__in=run.items.values("movie")) | Q(pk__in=run.items.values("poster__movie"))
    )
    if kind != Run.Kind.LABEL:
        return movies
    # Nobody chose these movies for suggestions, so only those are taken that an unlimited run would take.
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    return movies.filter(pk__in=suggestions.candidates(model.pk)) if model else movies.none()


def _one_job(run: Run, movies: QuerySet[Movie] | None = None, units: int = 1) -> None:
    if movies is not None:
        run.params["movies"] = list(chunks.keys_of(movies))
    run.items.create()
    run.total = units
    run.save(update_fields=["params", "total"])


def _lay_out_again(run: Run, failed: QuerySet[RunItem]) -> None:
    if run.kind not in chunks.ONE_JOB:
        subject = "poster_id" if run.kind in chunks.OVER_POSTERS else "movie_id"
        keys = failed.exclude(**{subject: None}).order_by(subject).values_list(subject, flat=True)
        chunks.lay_out(run, keys.iterator())
    elif failed.exists():
        _one_job(run)


def _extractors(asked: Sequence[str] | None) -> tuple[list[str], str]:
    """Extractors a run can use, and a sentence about the site's that it has to do without."""
    usable, problems = embedding.usable(asked or embedding.specs_to_embed_with())
    if problems and (asked or not usable):
        raise RunError(" ".join(problems))
    return usable, " ".join(problems)


def _nothing_to_do(run: Run, movies: QuerySet[Movie] | None) -> str:
    if run.kind != Run.Kind.LABEL or run.total:
        return NOTHING_TO_DO.get(Run.Kind(run.kind), "Nothing to do.")
    candidates = suggestions.candidates(run.params["model"]) if movies is None else movies
    unseen = candidates.filter(posters__is_primary=True).distinct().count()
    if not unseen:
        return f"Nothing to do: no {'untagged' if movies is None else 'chosen'} movie has a poster."
    model = GenreModel.objects.select_related("extractor").get(pk=run.params["model"])
    posters = "the one poster" if unseen == 1 else f"any of the {unseen} posters"
    return (
        f"Nothing to do: genre model {model.version} reads the vectors of {model.extractor}, which has not "
        f"looked at {posters} in question yet. Embed posters first."
    )


def _active_model() -> GenreModel:
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    if model is None:
        raise RunError("No genre model is active: train one and promote it, then ask for suggestions.")
    return model


def _extractor_in_use() -> Extractor:
    extractor = embedding.default_extractor()
    if extractor is None:
        raise RunError("No poster is embedded yet: embed posters first, then look for duplicates.")
    return extractor
