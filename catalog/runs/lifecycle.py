"""Start, follow, retry and cancel runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from celery import current_app
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from catalog.models import Movie, Run, RunItem

from . import chunks, kinds, leases
from .chunks import LIVE, OPEN
from .kinds import RunError, RunKind
from .leases import LOCAL_WORKER

log = logging.getLogger(__name__)

MAX_FOLLOWERS = 6
# In a run's params: the runs that follow take its movies only, not all that lack something.
SAME_MOVIES = "same_movies"


def start(
    kind: str,
    *,
    movies: QuerySet[Movie] | None = None,
    asked_by: AbstractBaseUser | None = None,
    params: Mapping[str, Any] | None = None,
    followed_by: Sequence[str] = (),
    previous: Run | None = None,
    queue: bool = True,
    units: int = 1,
) -> Run:
    """Create a run over `movies` and queue it. `movies=None` means all that lack what the run makes.

    `followed_by` names kinds that start one after another, each when the one before it is done.
    `queue=False` leaves the work to the caller (`runs.local_worker`); no task is queued.
    `units` is how much a run of a single item has to do, for those that count their steps.
    A run that finds nothing to do ends at once and says so. Raises RunError for an unknown kind and for a
    kind whose extractor, genre model or parameter is missing.
    """
    chosen = kinds.get(kind)
    for follower in map(kinds.get, followed_by):
        if follower.process is None or follower.required_param:
            raise RunError(f"A run of kind {follower.name!r} cannot follow another one.")
    if chosen.process is None:
        raise RunError(f"There is no run of kind {kind!r} to start: only its command can start one.")
    if chosen.required_param and chosen.required_param not in (params or {}):
        raise RunError(f"A run of kind {kind!r} needs the parameter {chosen.required_param!r}.")
    if len(followed_by) > MAX_FOLLOWERS:
        raise RunError(f"A run can be followed by at most {MAX_FOLLOWERS} others.")
    prepared, message = chosen.prepare(dict(params or {}), movies)
    with transaction.atomic():
        run = Run.objects.create(
            kind=kind,
            params=prepared,
            message=message,
            asked_by_id=asked_by.pk if asked_by else None,
            followed_by=list(followed_by),
            previous=previous,
            chosen=movies is not None,
        )
        if chosen.select is None:
            _store_single_item(run, movies, units)
        else:
            chunks.store_plan(run, chunks.keys_of(chosen.select(run, movies)))
        nothing_to_do = "" if run.total else chosen.nothing_to_do(run, movies)
        _begin(run, nothing_to_do, queue=queue)
    return run


def start_for_user(
    kind: str,
    user: AbstractBaseUser,
    movies: QuerySet[Movie] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Run:
    """Start a run that a user requests, and after it the kinds that follow, over the same movies.

    Raises PermissionDenied, and RunError also for kinds that no user can start, and where
    `RunKind.unavailable` gives a reason.
    """
    if kind not in [each.name for each in kinds.startable()]:
        raise RunError(
            f"Choose what to start: {', '.join(each.label.lower() for each in kinds.startable())}."
        )
    chosen = kinds.get(kind)
    if not kinds.may_start(user, kind):
        raise PermissionDenied(f"To {chosen.label.lower()}, you need the permission {chosen.permission}.")
    if reason := chosen.unavailable():
        raise RunError(reason)
    same_movies = {SAME_MOVIES: True} if chosen.followed_by else {}
    return start(
        kind,
        movies=movies,
        asked_by=user,
        params={**same_movies, **(params or {})},
        followed_by=chosen.followed_by,
    )


def start_first_due(
    names: Sequence[str],
    movies: QuerySet[Movie],
    *,
    asked_by: AbstractBaseUser | None = None,
    previous: Run | None = None,
) -> Run | None:
    """Start the first of the kinds that has something to do for `movies`; the other ones follow it.

    Returns the run, None if no kind has anything to do or can be started.
    """
    for index, name in enumerate(names):
        due = _due_among(kinds.get(name), movies)
        if due is not None and due.exists():
            return start(
                name,
                movies=due,
                params={SAME_MOVIES: True},
                asked_by=asked_by,
                followed_by=names[index + 1 :],
                previous=previous,
            )
    return None


def start_unless_live(kind: str, **options: Any) -> Run | None:
    """Start a scheduled run and after it the kinds that follow.

    Returns None while a run of the kind is live, or if none can be started (which is logged).
    """
    if live_runs().filter(kind=kind).exists():
        return None
    try:
        return start(kind, followed_by=kinds.get(kind).followed_by, **options)
    except RunError as error:
        log.warning("The scheduled run (%s) did not start: %s", kinds.get(kind).label, error)
        return None


def retry_failed(run: Run, *, asked_by: AbstractBaseUser | None = None) -> Run:
    """Start a new run over the failed items of a finished one, with the followers that have not started.

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
    kind = kinds.get(run.kind)
    if kind.process is None:
        raise RunError(f"{run} cannot be retried: correct the rows it lists and import the file again.")
    if run.is_live:
        raise RunError(f"{run} is still running: wait until it ends or cancel it, then retry.")
    params, _ = kind.prepare(
        {name: value for name, value in run.params.items() if name != LOCAL_WORKER}, None
    )
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
        _store_failed(again, run.items.filter(state=RunItem.State.FAILED))
        if not again.total:
            raise RunError(f"{run} has no failed items to retry.")
        _begin(again, "", queue=True)
    return again


def cancel(run: Run) -> None:
    """Stop a live run: batches in progress are finished, pending items are cancelled, no follower starts.

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


def outstanding() -> dict[str, int]:
    """How many items a run over everything would take now, by kind; kinds of a single item are left out."""
    return {
        kind.name: 0 if (due := kind.due()) is None else due.count()
        for kind in kinds.startable()
        if kind.select is not None
    }


def settle(run_id: int) -> None:
    """End the run if nothing is left of it, and start what follows; harmless when called twice.

    A run without any success is failed, and no run follows it.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id).exclude(kind=Run.IMPORT).first()
        if run is None or not run.is_live or run.chunks.exists() or run.items.filter(state__in=OPEN).exists():
            return
        # Items are deleted with their movie or poster, and then no longer count.
        run.total = run.done + run.failed
        run.state = Run.State.FAILED if run.failed and not run.done else Run.State.DONE
        run.finished_at = timezone.now()
        run.save(update_fields=["state", "total", "finished_at"])
        if run.state == Run.State.DONE:
            _follow(run)


def enqueue(run: Run, expires_s: float | None = None, lost_only: bool = False) -> int:
    """Put as many tasks for the run on its queue as it may use at once; returns how many.

    With `lost_only` those that are there already count: messages that wait on the queue, and batches in
    progress, whose tasks queue themselves again. A task between two batches is not counted, and the one too
    many ends by itself (`leases.acquire_batch`). Workers ignore a message that has waited for `expires_s`
    seconds. An unreachable broker is logged: the run stays queued and the next sweep tries again.
    """
    kind = kinds.get(run.kind)
    wanted = kind.concurrency
    try:
        if lost_only:
            wanted = max(0, wanted - leases.leased_batches(run.pk) - _queued(kind.queue))
        for _ in range(wanted):
            current_app.send_task(kind.task, (run.pk,), queue=kind.queue, expires=expires_s)
    except (OperationalError, RedisError) as error:
        log.warning(
            "%s waits: the broker cannot be reached (%s). It starts when the broker is back.", run, error
        )
        return 0
    return wanted


def _queued(queue: str) -> int:
    """How many messages wait on the queue, those of other runs included."""
    # The default channel would try for seconds when the broker is gone.
    with current_app.connection_for_write() as connection, connection.channel() as channel:
        return int(channel.queue_declare(queue=queue).message_count)


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
    try:
        if run.params.get(SAME_MOVIES):
            if (movies := _movies_of(run)).exists():
                kinds.get(kind).prepare({}, movies)  # says why if the next kind cannot be started
                start_first_due(run.followed_by, movies, asked_by=run.asked_by, previous=run)
        else:
            start(kind, asked_by=run.asked_by, followed_by=rest, previous=run)
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


def _movies_of(run: Run) -> QuerySet[Movie]:
    """The movies that the run processed, itself or through their posters."""
    return Movie.objects.filter(
        Q(pk__in=run.items.values("movie")) | Q(pk__in=run.items.values("poster__movie"))
    )


def _due_among(kind: RunKind, movies: QuerySet[Movie]) -> QuerySet[Movie] | None:
    """Those of `movies` that a run of the kind over everything would take; None if none can be started."""
    due = kind.due()
    if due is None:
        return None
    keys = due.order_by().values("pk")
    return movies.filter(pk__in=keys) if kind.subject is Movie else movies.filter(posters__in=keys).distinct()


def _store_single_item(run: Run, movies: QuerySet[Movie] | None = None, units: int = 1) -> None:
    if movies is not None:
        run.params["movies"] = list(chunks.keys_of(movies))
    run.items.create()
    run.total = units
    run.save(update_fields=["params", "total"])


def _store_failed(run: Run, failed: QuerySet[RunItem]) -> None:
    kind = kinds.get(run.kind)
    if kind.select is not None:
        keys = failed.exclude(**{kind.column: None}).order_by(kind.column).values_list(kind.column, flat=True)
        chunks.store_plan(run, keys.iterator())
    elif failed.exists():
        _store_single_item(run)
