"""Progress of a run: rate, time left and what it waits for, the same on all pages and in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as formatted

from catalog.models import Run, RunItem

from . import leases

MIN_IDLE_S = 60.0
NO_WORKER = (
    "No worker has processed any of it since then: all are busy with other runs, or none is running. "
    "`manage.py status` shows which."
)
WORKER_SILENT = (
    "A worker has been processing a part of it since then. If the worker died, another one repeats that part."
)


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        per_second: items per second; None when unknown.
        seconds_left: an estimate that includes the wait for postponed items; None when unknown.
        stalled: why a live run does not advance, in a few words; "" while it advances.
        reason: the same in a sentence, which may name a movie and is for staff only.
    """

    per_second: float | None = None
    seconds_left: float | None = None
    stalled: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """ "waits until 14:05", "about 12 min left", or "" when unknown."""
        if self.stalled:
            return self.stalled
        if self.seconds_left is None:
            return ""
        if self.seconds_left < 1:
            return "less than a second left"
        return f"about {duration(_rounded(self.seconds_left))} left"


def progress_of(run: Run) -> Progress:
    """The progress of a run; one small query while it advances, a handful when it does not."""
    if not run.is_live or run.kind == Run.IMPORT:
        return Progress(run.per_second)
    now = timezone.now()
    idle = now - (run.moved_at or run.created_at)
    swept_after = timedelta(seconds=max(MIN_IDLE_S, 3.0 * settings.SWEEP_EVERY_S))
    waiting = RunItem.objects.filter(run=run, state=RunItem.State.PENDING, not_before__gt=now)
    last = waiting.order_by("-not_before").values_list("not_before", flat=True).first()
    if last is not None or idle > swept_after:
        held = run.items.filter(state=RunItem.State.RUNNING).exists()
        if last is not None and not held and not leases.has_work(run.pk):
            return _waiting(run, waiting.order_by("not_before")[0], now, last)
        # What is held is believed for the length of its lease.
        if idle > (max(swept_after, timedelta(seconds=settings.CLAIM_LEASE_S)) if held else swept_after):
            return _stalled(run, held)
    if run.state == Run.State.QUEUED:
        return Progress(stalled="waiting to begin")
    return Progress(run.per_second, _seconds_left(run, now, last))


def _waiting(run: Run, first: RunItem, now: datetime, last: datetime) -> Progress:
    assert first.not_before is not None  # noqa: S101  it is found by it
    left = _seconds_left(run, now, last, pause=first.not_before - now)
    return Progress(run.per_second, left, f"waits until {clock(first.not_before)}", first.error)


def _stalled(run: Run, held: bool) -> Progress:
    what = "waits for a worker" if run.moved_at is None else "stalled"
    since = clock(run.moved_at or run.created_at)
    return Progress(run.per_second, None, f"{what} since {since}", WORKER_SILENT if held else NO_WORKER)


def _rounded(seconds: float) -> float:
    """An estimate in whole minutes, from an hour on in steps of five."""
    step = 1 if seconds < 60 else 60 if seconds < 3600 else 300
    return round(seconds / step) * step


def _seconds_left(
    run: Run, now: datetime, last: datetime | None, pause: timedelta = timedelta(0)
) -> float | None:
    """The run's items at its rate after a pause, but no less than until the last that waits is due."""
    if not run.per_second:
        return None
    until_due = (last - now).total_seconds() if last else 0.0
    return max(pause.total_seconds() + run.left / run.per_second, until_due)


def clock(moment: datetime) -> str:
    """14:05 for a moment of today, "23 November, 14:05" for others, in the site's time zone."""
    local = timezone.localtime(moment)
    today = timezone.localtime().date() == local.date()
    return formatted(local, "H:i" if today else "j F, H:i")


def duration(seconds: float | None) -> str:
    """0.4 -> "under a second", 65 -> "1 min 5 s", 7300 -> "2 h 1 min"; nothing for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 1:
        return "under a second"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    named = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(named[:2])


def rate(per_second: float | None) -> str:
    """12.4 -> "12 a second", 0.25 -> "15 a minute", 0.0001 -> "less than 1 an hour"; nothing for None."""
    if not per_second:
        return ""
    if per_second >= 1:
        return f"{per_second:.0f} a second"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f} a minute"
    return f"{per_second * 3600:.0f} an hour" if per_second * 3600 >= 1 else "less than 1 an hour"
