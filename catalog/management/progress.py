"""Progress bars for commands that work runs off or watch others do it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import Self

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.models import Run, RunItem
from catalog.runs import kinds, lifecycle, local_worker
from catalog.runs.progress import progress_of, rate
from postersite.launcher.broker import broker_running
from postersite.launcher.errors import StartError

ERRORS_SHOWN = 10


class RunBar:
    """One bar for one run; in a log file (no terminal) it only writes its first and last line."""

    def __init__(self, run: Run) -> None:
        self._bar = tqdm(
            total=run.total,
            desc=f"{run.kind_label:<18}",
            unit="",
            file=sys.stderr,
            mininterval=0.3 if sys.stderr.isatty() else 3600,
            bar_format="{desc} {bar:24} {n_fmt}/{total_fmt}{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def show(self, run: Run) -> None:
        self._bar.total = run.total
        self._bar.n = run.done + run.failed
        progress = progress_of(run)
        said = [rate(progress.per_second), progress.text, f"{run.failed} failed" if run.failed else ""]
        self._bar.set_postfix_str(", ".join(filter(None, said)), refresh=False)
        self._bar.refresh() if not run.is_live else self._bar.update(0)


def work_off(run: Run, say: Callable[[str], object]) -> None:
    """Process a run in this process with a progress bar, then write its result.

    Fetching is throttled through the broker, which is started when no site is running. Raises CommandError
    if the run failed, and if it could not start or was interrupted (Ctrl-C). Then it is cancelled, because
    workers that start later would continue it.
    """
    throttled = run.kind in ("scrape", "refresh")
    try:
        with broker_running() if throttled else nullcontext(), RunBar(run) as bar:
            run = local_worker.process_run(run, bar.show)
    except (KeyboardInterrupt, StartError) as error:
        with suppress(lifecycle.RunError):
            lifecycle.cancel(run)
        if isinstance(error, StartError):
            raise CommandError(str(error)) from error
        raise CommandError(
            "Interrupted. What was done stays; run the command again for the rest.", returncode=130
        ) from error
    tell(run, say)


def tell(run: Run, say: Callable[[str], object]) -> None:
    """Say how a finished run went, its first errors included. Raises CommandError if all of it failed."""
    for item in run.items.filter(state=RunItem.State.FAILED)[:ERRORS_SHOWN]:
        say(f"  {item.error}")
    if run.failed > ERRORS_SHOWN:
        say(f"  … and {run.failed - ERRORS_SHOWN} more, all listed at {run.get_absolute_url()}")
    outcome = run.message or f"{run.done} done, {run.failed} failed."
    if run.state == Run.State.FAILED:
        raise CommandError(f"{run}: {outcome}")
    say(f"{run}: {outcome}")


def start_and_work(kind: str, say: Callable[[str], object], *, queue: bool, **options: object) -> None:
    """Start a run and leave it to the workers (`queue`) or do it here. Raises CommandError if it can't be."""
    if not queue and (reason := kinds.get(kind).unavailable()):
        raise CommandError(reason)  # once, instead of once a movie
    try:
        run = lifecycle.start(kind, queue=queue, **options)  # type: ignore[arg-type]
    except lifecycle.RunError as error:
        raise CommandError(str(error)) from error
    if run.is_live and queue:
        say(f"{run} is queued: {run.total} to do. Watch it at {run.get_absolute_url()}")
    elif run.is_live:
        work_off(run, say)
    else:
        tell(run, say)
