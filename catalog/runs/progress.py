"""How a run goes: its rate, the time left, what it waits for; one answer for all pages and the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as formatted

from catalog.models import Run, RunItem

from . import leases

LEAST_SILENCE_S = 60.0
NOT_TAKEN_UP = (
    "No worker has taken anything of it since then: they are busy with other runs, or none is running. "
    "`manage.py status` tells."
)
SILENT = "A worker holds a part of it and was not heard of since then. If it died, another gets that part."


@dataclass(frozen=True)
class Outlook:
    """What can be said of a run now.

    `per_second` counts items; `seconds_left` is an estimate that reckons with items that sites let wait.
    Each is None when unknown. `halt` says in a few words that a live run does not move, `why` in a sentence
    that may name a movie and is for staff only; both are empty while it moves.
    """

    per_second: float | None = None
    seconds_left: float | None = None
    halt: str = ""
    why: str = ""

    @property
    def words(self) -> str:
        """ "waits until 14:05", "about 12 min left", or nothing when nothing can be said."""
        if self.halt:
            return self.halt
        if self.seconds_left is None:
            return ""
        if self.seconds_left < 1:
            return "less than a second left"
        return f"about {duration(_roughly(self.seconds_left))} left"


def outlook(run: Run) -> Outlook:
    """How `run` goes now; one small query while it moves, a handful when it does not."""
    if not run.is_live or run.kind == Run.IMPORT:
        return Outlook(run.per_second)
    now = timezone.now()
    silence = now - (run.moved_at or run.created_at)
    until_swept = timedelta(seconds=max(LEAST_SILENCE_S, 3.0 * settings.SWEEP_EVERY_S))
    waiting = RunItem.objects.filter(run=run, state=RunItem.State.PENDING, not_before__gt=now)
    last = waiting.order_by("-not_before").values_list("not_before", flat=True).first()
    if last is not None or silence > until_swept:
        held = run.items.filter(state=RunItem.State.RUNNING).exists()
        if last is not None and not held and not leases.has_work(run.pk):
            return _waiting(run, waiting.order_by("not_before")[0], now, last)
        # What is held is believed for the length of its lease.
        if silence > (max(until_swept, timedelta(seconds=settings.CLAIM_LEASE_S)) if held else until_swept):
            return _standing_still(run, held)
    if run.state == Run.State.QUEUED:
        return Outlook(halt="waiting to begin")
    return Outlook(run.per_second, _seconds_left(run, now, last))


def _waiting(run: Run, first: RunItem, now: datetime, last: datetime) -> Outlook:
    assert first.not_before is not None  # noqa: S101  it is found by it
    left = _seconds_left(run, now, last, pause=first.not_before - now)
    return Outlook(run.per_second, left, f"waits until {clock(first.not_before)}", first.error)


def _standing_still(run: Run, held: bool) -> Outlook:
    what = "waits for a worker" if run.moved_at is None else "stands still"
    since = clock(run.moved_at or run.created_at)
    return Outlook(run.per_second, None, f"{what} since {since}", SILENT if held else NOT_TAKEN_UP)


def _roughly(seconds: float) -> float:
    """An estimate to the minute, from an hour on to five: nobody believes its seconds."""
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
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2])


def rate(per_second: float | None) -> str:
    """12.4 -> "12 a second", 0.25 -> "15 a minute", 0.0001 -> "less than 1 an hour"; nothing for None."""
    if not per_second:
        return ""
    if per_second >= 1:
        return f"{per_second:.0f} a second"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f} a minute"
    return f"{per_second * 3600:.0f} an hour" if per_second * 3600 >= 1 else "less than 1 an hour"
