"""Runs: long-running work, its items, and what went wrong with which movie."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import exp
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from .movie import Movie
from .poster import Poster

# What was done this long ago counts for a third in a run's recent rate.
RECENT_S = 180.0
# Clocks of several hosts may differ by this much. Times further ahead mean that a clock was set back.
CLOCK_TOLERANCE = timedelta(seconds=60)


class Run(models.Model):
    """Long-running work. The database, not the broker, knows what is left to do."""

    # The command that reads the file does the work of an import: no worker, and no items.
    IMPORT = "import"
    # Filled by `catalog.runs.kinds`, which knows what each kind does.
    kind_labels: ClassVar[dict[str, str]] = {}

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    params = models.JSONField(default=dict, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    # Kinds still to be started one after another when this run ends: ["embed", "label"].
    followed_by = models.JSONField(default=list, blank=True)
    # One follower a run: a finish that is noticed twice starts the next step once.
    previous = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="follower"
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True, help_text="what happened, in a sentence")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    # When an item was last leased or finished. A live run that does not advance has lost its tasks.
    moved_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Whether somebody chose the movies; else the run takes all that lack its result.
    chosen = models.BooleanField(default=False)
    # Recently processed items and the seconds they took, both decaying as in `counted`.
    recent_items = models.FloatField(default=0)
    recent_seconds = models.FloatField(default=0)
    # Until when those seconds are counted. While no item is leased, none are.
    counted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        permissions = [("start_run", "Can start, retry and cancel runs")]
        indexes = [models.Index(fields=["state", "kind"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="run_state_known",
            ),
            models.UniqueConstraint(
                fields=["retry_of"],
                condition=Q(state__in=["queued", "running"]),
                name="one_live_retry_per_run",
            ),
            models.CheckConstraint(condition=Q(total__gte=F("done") + F("failed")), name="run_counts_add_up"),
        ]

    def __str__(self) -> str:
        return f"{self.kind_label} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("catalog:run", args=[self.pk])

    @property
    def kind_label(self) -> str:
        """The kind in the imperative: "Fetch posters"."""
        return self.kind_labels.get(self.kind, self.kind)

    @property
    def is_live(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def items_failed(self) -> int:
        """Items that failed and can be retried. An import has no items, so none."""
        return 0 if self.kind == self.IMPORT else self.failed

    @property
    def rows_not_taken(self) -> int:
        """Rows of an import that were rejected or conflict with the catalogue; 0 for other runs."""
        return self.failed if self.kind == self.IMPORT else 0

    @property
    def left(self) -> int:
        return max(0, self.total - self.done - self.failed)

    @property
    def percent(self) -> int:
        """Share of the items dealt with, 0 to 100, rounded down so that 100 means all."""
        if not self.total:
            return 0 if self.is_live else 100
        return (self.done + self.failed) * 100 // self.total

    @property
    def seconds(self) -> float | None:
        """Wall-clock seconds since the first item was claimed, up to the end; None before that.

        Never negative, even if the clock was set back in between.
        """
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or timezone.now()) - self.started_at).total_seconds())

    @property
    def per_second(self) -> float | None:
        """Items per second: recently while the run is live, on average once it is over; None if unknown."""
        if self.is_live and self.recent_seconds:
            return self.recent_items / self.recent_seconds
        dealt_with = self.done + self.failed
        return dealt_with / self.seconds if dealt_with and self.seconds else None

    def counted(self, number: int, now: datetime) -> dict[str, Any]:
        """Values of the three fields of the recent rate when `number` more items are dealt with at `now`.

        Both sums fade by the same factor as time is counted, so their ratio is a mean over the last minutes
        whatever the pace, from the first item on and without a jump after a pause.
        """
        since = self.counted_at or now
        if since > now + CLOCK_TOLERANCE:
            since = now
        faded = exp(-max(0.0, (now - since).total_seconds()) / RECENT_S)
        return {
            "recent_items": self.recent_items * faded + number,
            "recent_seconds": self.recent_seconds * faded + RECENT_S * (1 - faded),
            "counted_at": max(now, since),
        }


class RunChunk(models.Model):
    """Keys of movies or posters, in rising order, that become items of the run when their turn comes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    keys = models.JSONField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.run}: {len(self.keys)} to come"


class RunItem(models.Model):
    """One unit of a run: a movie to fetch or label, a poster to embed, or (both empty) its single job."""

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items")
    movie = models.ForeignKey(
        Movie, on_delete=models.CASCADE, null=True, blank=True, related_name="run_items"
    )
    poster = models.ForeignKey(
        Poster, on_delete=models.CASCADE, null=True, blank=True, related_name="run_items"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="what was done, when it is worth saying")
    # A site requested a wait until then.
    not_before = models.DateTimeField(null=True, blank=True)
    # When a site first requested a wait.
    waiting_since = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    # The lease: a worker that lost it can no longer finish the item.
    claim = models.UUIDField(null=True, blank=True)
    # Host and process of the lease, so that a sweep on the same host finds at once that the process died.
    claimed_by = models.CharField(max_length=120, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["run", "state", "id"]),
            models.Index(fields=["state", "claimed_at"]),
            # Finds the next items at once, however many are postponed or done.
            models.Index(
                fields=["run", "state", "id"],
                condition=Q(state="pending", not_before__isnull=True),
                name="run_items_fresh",
            ),
            models.Index(
                fields=["run", "not_before"],
                condition=Q(state="pending", not_before__isnull=False),
                name="run_items_that_wait",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "movie"], condition=Q(poster__isnull=True), name="one_item_per_run_and_movie"
            ),
            models.UniqueConstraint(
                fields=["run", "poster"],
                condition=Q(poster__isnull=False),
                name="one_item_per_run_and_poster",
            ),
            models.UniqueConstraint(
                fields=["run"],
                condition=Q(poster__isnull=True, movie__isnull=True),
                name="one_item_for_a_run_without_subjects",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "running", "done", "failed", "cancelled"]),
                name="run_item_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.poster or self.movie or 'whole run'}"
