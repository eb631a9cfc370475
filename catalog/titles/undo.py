"""Take an import back: what it made goes, what it changed is as before, and what was changed since stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog.models import ImportChange, Movie, MovieGenre, Run, RunItem
from catalog.posters import primary
from catalog.posters.changes import process_changed, shown_posters
from catalog.runs import leases, lifecycle
from catalog.runs.steps import work_in_steps

from ._undo_planning import Plan, plans
from .history import IMPORTS_KEPT, KEPT_FOR

CHANGES_PER_TRANSACTION = 100
MOST_KEPT_SHOWN = 200
UNDONE = " Undone: "


class UndoError(ValueError):
    """An import cannot be taken back; the message says why."""


@dataclass
class UndoReport:
    """What an undo did or would do: movies deleted, movies of which something was put back or kept."""

    deleted: int = 0
    put_back: int = 0
    kept: int = 0
    pictures: int = 0
    # (movie's number, its name, why), the first MOST_KEPT_SHOWN.
    kept_movies: list[tuple[int, str, str]] = field(default_factory=list)
    # How many movies were looked at.
    seen: int = 0

    def add(self, plan: Plan) -> None:
        self.seen += 1
        self.deleted += plan.delete
        self.put_back += plan.puts_back
        self.pictures += len(plan.pictures)
        if plan.kept:
            self.kept += 1
            if len(self.kept_movies) < MOST_KEPT_SHOWN:
                self.kept_movies.append((plan.movie.pk, str(plan.movie), plan.why))

    def __str__(self) -> str:
        pictures = f", {self.pictures} pictures taken away" if self.pictures else ""
        return (
            f"{self.deleted} deleted, {self.put_back} put back{pictures}, {self.kept} kept as changed since."
        )


def preview(run: Run) -> UndoReport:
    """What undoing the import would do now; changes nothing. Raises UndoError as `start`.

    Looks at every movie, so it is for commands: pages use `start_preview`.
    """
    refuse_what_cannot_be_undone(run)
    report = UndoReport()
    for batch in _batches(outstanding(run)):
        for plan in plans(run, batch):
            report.add(plan)
    return report


def start_preview(run: Run, *, asked_by: AbstractBaseUser | None = None, queue: bool = True) -> Run:
    """A run that finds out what undoing the import would do; one that is going on already is returned.

    Raises UndoError as `start`.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        refuse_what_cannot_be_undone(run)
        if (latest := latest_preview(run)) and latest.is_live:
            return latest
        params = {"import": run.pk}
        units = outstanding(run).count()
        return lifecycle.start("preview", params=params, asked_by=asked_by, queue=queue, units=units)


def latest_preview(run: Run) -> Run | None:
    """The newest preview of undoing the import since it was last undone; `report_of` tells what it found."""
    found = Run.objects.filter(kind__in=["preview", "undo"], params__import=run.pk).first()
    return found if found and found.kind == "preview" else None


def report_of(preview: Run) -> UndoReport:
    """What a run of `start_preview` has found so far."""
    return UndoReport(**preview.params.get("report", {}))


def start(run: Run, *, asked_by: AbstractBaseUser | None = None, queue: bool = True) -> Run:
    """A run that takes the import back; what an earlier undo of it kept is looked at again.

    Raises UndoError for what is no import, still goes on, changed nothing, was undone already, is being
    undone, or is so old that what it changed is no longer known.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        refuse_what_cannot_be_undone(run)
        if going_on := lifecycle.live_runs().filter(kind="undo", params__import=run.pk).first():
            raise UndoError(f"{run} is being undone already: see {going_on}.")
        again = run.import_changes.exclude(kept="")
        again.update(undone_at=None, kept="")
        params = {"import": run.pk}
        units = outstanding(run).count()
        return lifecycle.start("undo", params=params, asked_by=asked_by, queue=queue, units=units)


def undo_item(items: Sequence[RunItem]) -> None:
    """Take back the next part of the import that the item's run names, and finish the item after the last.

    Dying at any moment costs nothing: each batch is undone and ticked off in one transaction.
    """
    [item] = items
    run = Run.objects.filter(pk=item.run.params["import"], kind=Run.IMPORT).first()
    if run is None:
        leases.fail(item, "The import is gone, and with it what it had changed.")
        return

    def step() -> int:
        changes = _next_batch(run)
        if changes:
            _undo(run, changes, by=item.run)
        return len(changes)

    left = run.import_changes.filter(undone_at=None).count()
    if not work_in_steps(item, step, done=max(0, item.run.total - left), left=left):
        return
    run.refresh_from_db()
    said = run.message.partition(UNDONE)[2] or str(UndoReport())
    Run.objects.filter(pk=item.run_id).update(message=f"{run} undone: {said}")
    leases.finish(item, said)


def preview_item(items: Sequence[RunItem]) -> None:
    """Look at the next part of the import that the item's run names; the report so far is in its params."""
    [item] = items
    preview = item.run
    run = Run.objects.filter(pk=preview.params["import"], kind=Run.IMPORT).first()
    if run is None:
        leases.fail(item, "The import is gone.")
        return
    report, after = report_of(preview), int(preview.params.get("after", 0))

    def step() -> int:
        nonlocal after
        changes = list(
            outstanding(run).filter(movie__gt=after).order_by("movie_id")[:CHANGES_PER_TRANSACTION]
        )
        if changes:
            for plan in plans(run, changes):
                report.add(plan)
            after = changes[-1].movie_id
            params: dict[str, Any] = {**preview.params, "after": after, "report": asdict(report)}
            Run.objects.filter(pk=preview.pk).update(params=params)
        return len(changes)

    left = outstanding(run).filter(movie__gt=after).count()
    if work_in_steps(item, step, done=report.seen, left=left):
        Run.objects.filter(pk=preview.pk).update(message=f"Undoing {run} would give: {report}")
        leases.finish(item, str(report))


def refuse_what_cannot_be_undone(run: Run) -> None:
    """Raises UndoError, as `start` does."""
    if run.kind != Run.IMPORT:
        raise UndoError(f"{run} is no import: only imports can be undone.")
    if run.is_live:
        raise UndoError(f"{run} is still going on: wait for its end, or cancel it.")
    if run.params.get("changes_forgotten"):
        raise UndoError(
            f"{run} is too old: what an import changed is kept for {KEPT_FOR.days} days, and of the latest "
            f"{IMPORTS_KEPT} imports."
        )
    if not outstanding(run).exists():
        if "undone" in run.params:
            raise UndoError(f"{run} was undone already.")
        raise UndoError(f"{run} changed nothing, so there is nothing to undo.")


def outstanding(run: Run) -> QuerySet[ImportChange]:
    """What the import changed and an undo would look at: what is not undone, or was kept."""
    return run.import_changes.filter(Q(undone_at=None) | ~Q(kept=""))


def _batches(changes: QuerySet[ImportChange]) -> Iterator[list[ImportChange]]:
    last = 0
    while batch := list(changes.filter(movie__gt=last).order_by("movie_id")[:CHANGES_PER_TRANSACTION]):
        yield batch
        last = batch[-1].movie_id


def _next_batch(run: Run) -> list[int]:
    owed = run.import_changes.filter(undone_at=None).order_by("movie_id")
    return list(owed.values_list("pk", flat=True)[:CHANGES_PER_TRANSACTION])


def _undo(run: Run, changes: list[int], *, by: Run) -> None:
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        owed = ImportChange.objects.select_for_update().filter(pk__in=changes, undone_at=None)
        report = UndoReport()
        made = list(plans(run, list(owed.order_by("movie_id")), lock=True))
        before = shown_posters([plan.movie.pk for plan in made if plan.pictures and not plan.delete])
        for plan in made:
            report.add(plan)
            if not plan.delete:
                _put_back(plan)
        process_changed(before, by=by.asked_by)
        Movie.objects.filter(pk__in=[plan.movie.pk for plan in made if plan.delete]).delete()
        now = timezone.now()
        for plan in made:
            plan.change.undone_at, plan.change.kept = now, plan.why
        ImportChange.objects.bulk_update(
            [plan.change for plan in made if not plan.delete], ["undone_at", "kept"]
        )
        _write_down(locked, report, by)


def _put_back(plan: Plan) -> None:
    movie = plan.movie
    if plan.facts:
        for name, value in plan.facts.items():
            setattr(movie, name, value)
        movie.save(update_fields=[*plan.facts, "updated_at"])
    if plan.genres:
        gone = [genre for genre, origin in plan.genres.items() if origin is None]
        MovieGenre.objects.filter(movie=movie, genre__in=gone).delete()
        MovieGenre.objects.bulk_create(
            [
                MovieGenre(movie=movie, genre_id=genre, origin=origin)
                for genre, origin in plan.genres.items()
                if origin is not None
            ],
            update_conflicts=True,
            unique_fields=["movie", "genre"],
            update_fields=["origin"],
        )
    primary.remove(plan.pictures)


def _write_down(run: Run, report: UndoReport, by: Run) -> None:
    """Add a batch's counts to what the import's own run says about its undoing."""
    before = run.params.get("undone", {})
    # Of what an earlier undo kept, only what this one keeps too is still kept.
    same = before.get("run") == by.pk
    undone = {
        "run": by.pk,
        "deleted": before.get("deleted", 0) + report.deleted,
        "put_back": before.get("put_back", 0) + report.put_back,
        "pictures": before.get("pictures", 0) + report.pictures,
        "kept": (before.get("kept", 0) if same else 0) + report.kept,
    }
    total = UndoReport(undone["deleted"], undone["put_back"], undone["kept"], undone["pictures"])
    run.params = {**run.params, "undone": undone}
    run.message = f"{run.message.partition(UNDONE)[0]}{UNDONE}{total}"
    run.save(update_fields=["params", "message"])
