"""Kinds of run: what each kind processes, on which queue, and who may start it.

A kind is one `RunKind`, registered in the module `run_kinds` of the package it belongs to. Celery tasks,
queues, buttons, labels and admin actions are derived from the registry, so a new kind needs no other module.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

import catalog
from catalog.models import Movie, Poster, Run, RunItem

Params = dict[str, Any]
Movies = QuerySet[Movie] | None
START_PERMISSION = "catalog.start_run"


class RunError(ValueError):
    """A run cannot be started, retried or cancelled; the message says why."""


def _unchanged(params: Params, movies: Movies) -> tuple[Params, str]:
    return params, ""


def _nothing_to_do(run: Run, movies: Movies) -> str:
    return "Nothing to do."


@dataclass(frozen=True, kw_only=True)
class RunKind:
    """A kind of run.

    Attributes:
        name: stored in `Run.kind`; at most 10 characters, never renamed.
        label: in the imperative, as on buttons: "Fetch posters".
        activity: what a live run is doing: "Fetching posters".
        process: processes a batch of leased items and finishes, fails or postpones each of them. None for a
            kind that no worker processes, because the command that creates the run does the work.
        task: name of the Celery task. Messages may be queued during an upgrade, so it is never renamed.
        queue: "io" for network and database, "ml" for extractors and models.
        concurrency: how many batches of one run may be processed at once.
        batch_size: how many items a batch has.
        time_limit_s: seconds after which a batch is killed; None for the general limit of tasks.
        subject: the model of which each item is one row; None for a run of a single item.
        select: the rows that a run takes: those that lack its result, or those of the given movies.
        still_due: the rows that a run over everything may still take when its next chunk becomes items; None
            for those of `select`.
        prepare: completes the parameters of a new run over the given movies; returns them and a message for
            the run. Raises RunError.
        required_param: the parameter that names what a run of a single item is about.
        nothing_to_do: the message of a run that finds nothing to do.
        unavailable: a sentence that says why users cannot start the kind now; "" if they can.
        hint: what a run over everything covers, beside its button. Users may start the kinds that have one.
        action: label of the admin action over selected movies; "" for none.
        followed_by: the kinds that follow a run that a user or a schedule starts.
        permission: what users need who start the kind or retry its runs.
        position: kinds are listed in this order.
    """

    name: str
    label: str
    activity: str
    process: Callable[[Sequence[RunItem]], object] | None
    task: str = ""
    queue: str = "io"
    concurrency: int = 1
    batch_size: int = 1
    time_limit_s: int | None = None
    subject: type[Movie] | type[Poster] | None = None
    select: Callable[[Run, Movies], QuerySet[Any]] | None = None
    still_due: Callable[[], QuerySet[Any]] | None = None
    prepare: Callable[[Params, Movies], tuple[Params, str]] = _unchanged
    required_param: str = ""
    nothing_to_do: Callable[[Run, Movies], str] = _nothing_to_do
    unavailable: Callable[[], str] = str
    hint: str = ""
    action: str = ""
    followed_by: tuple[str, ...] = ()
    permission: str = START_PERMISSION
    position: int = 100

    @property
    def column(self) -> str:
        """The column of an item that names its row."""
        return "poster_id" if self.subject is Poster else "movie_id"

    def due(self) -> QuerySet[Any] | None:
        """The rows that a run over everything would take now.

        None for a run of a single item, and where no run can be started: its extractor or model is missing.
        """
        if self.select is None:
            return None
        try:
            params, _ = self.prepare({}, None)
        except RunError:
            return None
        return self.select(Run(kind=self.name, params=params), None)


_kinds: dict[str, RunKind] = {}


def register(kind: RunKind) -> RunKind:
    """Add a kind to the registry. Raises ValueError if the name is taken by another one."""
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"There are two kinds of run named {kind.name!r}.")
    Run.kind_labels[kind.name] = kind.label
    return kind


def get(name: str) -> RunKind:
    """The kind of that name. Raises RunError if there is none."""
    try:
        return _kinds[name]
    except KeyError:
        names = ", ".join(kind.name for kind in all_kinds() if kind.process)
        raise RunError(f"There is no run of kind {name!r}; choose one of {names}.") from None


def all_kinds() -> list[RunKind]:
    """Every registered kind, in the order of `position`."""
    discover()
    return sorted(_kinds.values(), key=lambda kind: kind.position)


def queues() -> list[str]:
    """The queues of all kinds, and that of the periodic tasks."""
    return sorted({kind.queue for kind in all_kinds()} | {settings.CELERY_TASK_DEFAULT_QUEUE})


def startable() -> list[RunKind]:
    """The kinds that can be started from pages over everything."""
    return [kind for kind in all_kinds() if kind.hint]


def startable_by(user: AbstractBaseUser | AnonymousUser) -> list[RunKind]:
    """The kinds that this user may start over everything."""
    return [kind for kind in startable() if may_start(user, kind.name)]


def may_start(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    """Whether the user may start the kind of that name, and retry its runs."""
    return cast(PermissionsMixin, user).has_perm(permission_of(name))


def may_cancel(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    """Whether the user may cancel a run of the kind: whoever may start runs may stop any."""
    return may_start(user, name) or cast(PermissionsMixin, user).has_perm(START_PERMISSION)


def permission_of(name: str) -> str:
    """The permission that starting and retrying need, also for a kind that no longer exists."""
    discover()
    return _kinds[name].permission if name in _kinds else START_PERMISSION


@cache
def discover() -> None:
    """Import the module `run_kinds` of every package in `catalog`, which registers its kinds."""
    for package in pkgutil.iter_modules(catalog.__path__):
        module = f"catalog.{package.name}.run_kinds"
        if package.ispkg and find_spec(module):
            import_module(module)
