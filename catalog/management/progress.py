"""Runs of commands: start and process them with progress bars, and write their results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import TracebackType
from typing import Any, Self

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.models import Run, RunItem
from catalog.runs import kinds, lifecycle, local_worker
from catalog.runs.progress import progress_of, rate
from postersite.launcher.broker import broker_running
from postersite.launcher.errors import StartError

ERRORS_SHOWN = 10


class RunBar:
    """The progress bar of a run. Without a terminal, it only writes its first and last line."""

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
        failed = f"{run.failed:,} failed" if run.failed else ""
        parts = filter(None, [rate(progress.per_second), progress.text, failed])
        self._bar.set_postfix_str(", ".join(parts), refresh=False)
        self._bar.refresh() if not run.is_live else self._bar.update(0)


def process_here(run: Run, write: Callable[[str], object]) -> None:
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
            "Interrupted. Finished items are kept; run the command again for the others.", returncode=130
        ) from error
    write_result(run, write)


def write_result(run: Run, write: Callable[[str], object]) -> None:
    """Write the result of a finished run and its first errors. Raises CommandError if the run failed."""
    for item in run.items.filter(state=RunItem.State.FAILED)[:ERRORS_SHOWN]:
        write(f"  {item.error}")
    if run.failed > ERRORS_SHOWN:
        write(f"  … and {run.failed - ERRORS_SHOWN:,} more, all listed at {run.get_absolute_url()}")
    result = run.message or f"{run.done:,} done, {run.failed:,} failed."
    if run.state == Run.State.FAILED:
        raise CommandError(f"{run}: {result}")
    write(f"{run}: {result}")


def start_run(kind: str, write: Callable[[str], object], *, queue: bool, **options: object) -> None:
    """Start a run, and process it here unless `queue` leaves it to the workers. Raises CommandError."""
    if not queue and (reason := kinds.get(kind).unavailable()):
        raise CommandError(reason)  # once, instead of for each movie
    try:
        run = lifecycle.start(kind, queue=queue, **options)  # type: ignore[arg-type]
    except lifecycle.RunError as error:
        raise CommandError(str(error)) from error
    if run.is_live and queue:
        write(f"{run} is queued with {run.total:,} items: {run.get_absolute_url()}")
    elif run.is_live:
        process_here(run, write)
    else:
        write_result(run, write)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A function that shows a step, its finished items and their total, if there is a terminal."""
    bars: dict[str, tqdm[Any]] = {}

    def show(step: str, done: int, total: int) -> None:
        if step not in bars:
            for bar in bars.values():
                bar.close()
            hidden = not sys.stderr.isatty()
            bars[step] = tqdm(desc=f"{step:<20}", unit="", file=sys.stderr, disable=hidden)
        bars[step].total = total
        bars[step].update(done - bars[step].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()
