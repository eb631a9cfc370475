"""Undo an import: delete the movies it created and restore those it changed, except what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from catalog.models import ImportChange, Movie, MovieGenre, Run, RunItem
from catalog.models.movie import TEXTS
from catalog.posters import primary
from catalog.posters.primary import evidence_now, label_changed, process_changed
from catalog.runs import leases, lifecycle
from catalog.runs.steps import work_in_steps

from ._undo_planning import MoviePlan, plan_undo
from .report import delete_old_listings

# For how long, and for how many imports, changes are kept. Those of 60,000 titles take some 30 MB.
KEPT_FOR = timedelta(days=90)
IMPORTS_KEPT = 10
LIVE = (Run.State.QUEUED, Run.State.RUNNING)

CHANGES_PER_TRANSACTION = 100
MAX_KEPT_SHOWN = 200
UNDONE = " Undone: "


class UndoError(ValueError):
    """An import cannot be undone; the message says why."""


@dataclass
class UndoReport:
    """What an undo did or would do: movies deleted, restored (`put_back`), and kept at least in part."""

    deleted: int = 0
    put_back: int = 0
    kept: int = 0
    pictures: int = 0
    # (key of the movie, its title, reason), the first MAX_KEPT_SHOWN.
    kept_movies: list[tuple[int, str, str]] = field(default_factory=list)
    # How many movies were examined.
    seen: int = 0

    def add(self, plan: MoviePlan) -> None:
        self.seen += 1
        self.deleted += plan.delete
        self.put_back += plan.restores
        self.pictures += len(plan.posters)
        if plan.kept:
            self.kept += 1
            if len(self.kept_movies) < MAX_KEPT_SHOWN:
                self.kept_movies.append((plan.movie.pk, str(plan.movie), plan.why))

    def __str__(self) -> str:
        posters = f", {self.pictures} posters removed" if self.pictures else ""
        return f"{self.deleted} deleted, {self.put_back} restored{posters}, {self.kept} kept (changed since)."


def preview(run: Run) -> UndoReport:
    """What undoing the import would do now. Raises UndoError as `start`.

    It examines every movie, which takes too long for a page: pages use `start_preview`.
    """
    check_undoable(run)
    report = UndoReport()
    for batch in _batches(outstanding(run)):
        for plan in plan_undo(run, batch):
            report.add(plan)
    return report


def start_preview(run: Run, *, asked_by: AbstractBaseUser | None = None, queue: bool = True) -> Run:
    """Start a run that previews the undo, or return the live one. Raises UndoError as `start`."""
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        check_undoable(run)
        if (latest := latest_preview(run)) and latest.is_live:
            return latest
        params = {"import": run.pk}
        units = outstanding(run).count()
        return lifecycle.start("preview", params=params, asked_by=asked_by, queue=queue, units=units)


def latest_preview(run: Run) -> Run | None:
    """The newest preview since the import was last undone; `report_of` returns its result."""
    found = Run.objects.filter(kind__in=["preview", "undo"], params__import=run.pk).first()
    return found if found and found.kind == "preview" else None


def report_of(preview: Run) -> UndoReport:
    """The report of a preview run so far."""
    return UndoReport(**preview.params.get("report", {}))


def start(run: Run, *, asked_by: AbstractBaseUser | None = None, queue: bool = True) -> Run:
    """Start a run that undoes the import, including what an earlier undo kept.

    Raises UndoError if the run is not an import, is live, changed nothing, was or is being undone, or is so
    old that its changes were deleted.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run.pk)
        check_undoable(run)
        if running := lifecycle.live_runs().filter(kind="undo", params__import=run.pk).first():
            raise UndoError(f"{run} is being undone by {running}.")
        again = run.import_changes.exclude(kept="")
        again.update(undone_at=None, kept="")
        params = {"import": run.pk}
        units = outstanding(run).count()
        return lifecycle.start("undo", params=params, asked_by=asked_by, queue=queue, units=units)


def undo_item(items: Sequence[RunItem]) -> None:
    """Process an item of an undo run. Each batch is undone and recorded in one transaction."""
    [item] = items
    run = Run.objects.filter(pk=item.run.params["import"], kind=Run.IMPORT).first()
    if run is None:
        leases.fail(item, "The import was deleted, and its recorded changes with it.")
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
    result = run.message.partition(UNDONE)[2] or str(UndoReport())
    Run.objects.filter(pk=item.run_id).update(message=f"{run} undone: {result}")
    with transaction.atomic():
        changes = run.import_changes.values_list("movie_id", "facts")
        texts = [movie for movie, facts in changes.iterator() if facts.keys() & set(TEXTS)]
        label_changed(texts, by=item.run.asked_by)
        leases.finish(item, result)


def preview_item(items: Sequence[RunItem]) -> None:
    """Process an item of a preview run. The report so far is in the run's params."""
    [item] = items
    preview = item.run
    run = Run.objects.filter(pk=preview.params["import"], kind=Run.IMPORT).first()
    if run is None:
        leases.fail(item, "The import was deleted.")
        return
    report, after = report_of(preview), int(preview.params.get("after", 0))

    def step() -> int:
        nonlocal after
        changes = list(
            outstanding(run).filter(movie__gt=after).order_by("movie_id")[:CHANGES_PER_TRANSACTION]
        )
        if changes:
            for plan in plan_undo(run, changes):
                report.add(plan)
            after = changes[-1].movie_id
            params: dict[str, Any] = {**preview.params, "after": after, "report": asdict(report)}
            Run.objects.filter(pk=preview.pk).update(params=params)
        return len(changes)

    left = outstanding(run).filter(movie__gt=after).count()
    if work_in_steps(item, step, done=report.seen, left=left):
        Run.objects.filter(pk=preview.pk).update(message=f"Result of undoing {run}: {report}")
        leases.finish(item, str(report))


def delete_old_changes() -> None:
    """Delete the recorded changes of imports that are too old to be undone, and old listings of rows."""
    has_changes = Exists(ImportChange.objects.filter(run=OuterRef("pk")))
    undoable = Run.objects.filter(has_changes, kind=Run.IMPORT).exclude(state__in=LIVE)
    latest = list(undoable.order_by("-pk").values_list("pk", flat=True)[:IMPORTS_KEPT])
    too_old = undoable.filter(~Q(pk__in=latest) | Q(created_at__lt=timezone.now() - KEPT_FOR))
    being_undone = Run.objects.filter(kind="undo", state__in=LIVE)
    for run in too_old.exclude(pk__in=[undo.params["import"] for undo in being_undone]):
        with transaction.atomic():
            run.import_changes.all().delete()
            run.params = {**run.params, "changes_forgotten": True}
            run.save(update_fields=["params"])
    delete_old_listings(KEPT_FOR)


def check_undoable(run: Run) -> None:
    """Raises UndoError, as `start` does."""
    if run.kind != Run.IMPORT:
        raise UndoError(f"{run} is not an import: only imports can be undone.")
    if run.is_live:
        raise UndoError(f"{run} is still running: wait until it ends, or cancel it.")
    if run.params.get("changes_forgotten"):
        raise UndoError(
            f"{run} is too old: changes are kept for {KEPT_FOR.days} days, and for the latest {IMPORTS_KEPT} "
            "imports."
        )
    if not outstanding(run).exists():
        if "undone" in run.params:
            raise UndoError(f"{run} was undone already.")
        raise UndoError(f"{run} changed nothing, so there is nothing to undo.")


def outstanding(run: Run) -> QuerySet[ImportChange]:
    """The changes that an undo would examine: not undone yet, or kept by an earlier undo."""
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
        made = list(plan_undo(run, list(owed.order_by("movie_id")), lock=True))
        shown = evidence_now([plan.movie.pk for plan in made if plan.posters and not plan.delete])
        # Changed texts are for the run that follows the whole undo.
        before = {pk: each._replace(text_version=None) for pk, each in shown.items()}
        for plan in made:
            report.add(plan)
            if not plan.delete:
                _restore(plan)
        process_changed(before, by=by.asked_by)
        Movie.objects.filter(pk__in=[plan.movie.pk for plan in made if plan.delete]).delete()
        now = timezone.now()
        for plan in made:
            plan.change.undone_at, plan.change.kept = now, plan.why
        ImportChange.objects.bulk_update(
            [plan.change for plan in made if not plan.delete], ["undone_at", "kept"]
        )
        _record(locked, report, by)


def _restore(plan: MoviePlan) -> None:
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
    primary.remove(plan.posters)


def _record(run: Run, report: UndoReport, by: Run) -> None:
    """Add the counts of a batch to the import's own run."""
    before = run.params.get("undone", {})
    # What an earlier undo kept is examined again, so its count restarts.
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
