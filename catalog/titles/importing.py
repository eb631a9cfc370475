"""Import titles: create or update movies by their ids, and report the rows that cannot be imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from catalog.duplicates.merging import CannotMerge
from catalog.models import Movie, Run
from catalog.posters.lookup import poster_url_error
from catalog.posters.primary import process_changed
from catalog.titles.formats.records import RejectedRow, TitleRecord, shortened
from ml.imaging.images import ImageRejected, read_file

from ._dry_run import DryRunStore
from ._planning import MovieState, Outcome, Planner, Verdict, is_valid_genre
from ._store import DatabaseStore, Store
from .report import ImportReport, RowListing, listing_path
from .undo import delete_old_changes

Row = TitleRecord | RejectedRow

# Other writers wait for the fraction of a second that a batch takes. It must be far shorter than the lease
# after which a run counts as dead.
ROWS_PER_TRANSACTION = 200


def import_titles(
    rows: Iterable[Row],
    source: str,
    *,
    asked_by: AbstractBaseUser | None = None,
    merge: bool = False,
    ids: str = "",
) -> tuple[Run, ImportReport]:
    """Create or update the movie of each title, in batches. Importing the same rows again changes nothing.

    A title updates the movie that has one of its ids. Its facts replace stored ones; those that it lacks
    stay. Its genres replace imported ones; genres that a person set or accepted stay, and all genres of a
    movie stay if a person edited them. A row that cannot be imported is reported, and the import continues.
    Movies that one row names as the same film are proposed as duplicates, or merged if `merge` is set and no
    id, title, year or human decision contradicts. `ids` is a sentence for the report on how ids were read.

    The import is a run. Cancelling it stops it after the current batch; catalog.titles.undo undoes it.

    Raises SourceError if the file cannot be read (further); batches before stay imported.
    """
    now = timezone.now()
    run = Run.objects.create(
        kind=Run.IMPORT,
        state=Run.State.RUNNING,
        params={"source": source, **({"merge": True} if merge else {})},
        asked_by_id=asked_by.pk if asked_by else None,
        started_at=now,
        moved_at=now,
    )
    store = DatabaseStore(run)
    with closing(RowListing(listing_path(run))) as listing:
        report = ImportReport(ids=ids, listing=listing)
        try:
            for batch in _batches(rows):
                outcomes = _import_batch(_titles(batch), store, merge=merge)
                for record, movie in _report(batch, outcomes, report):
                    _store_poster(record, movie, store, report)
                    # A large image takes a second: a batch of them must not look like a dead run.
                    _save_progress(run, report)
                if not _save_progress(run, report):
                    break
        except BaseException as error:
            message = f"{report} Stopped by an error: {str(error) or type(error).__name__}"
            _finish(run, Run.State.FAILED, message, report)
            raise
        finally:
            process_changed(store.before, by=run.asked_by)
    _finish(run, Run.State.DONE, str(report), report)
    delete_old_changes()
    return run, report


def dry_run(rows: Iterable[Row], *, merge: bool = False, ids: str = "") -> ImportReport:
    """The report that `import_titles` would return now. Changes nothing in the catalogue, and takes no lock.

    Posters are checked and not stored. Raises SourceError as `import_titles`.
    """
    with closing(RowListing(listing_path(None))) as listing, closing(DryRunStore()) as store:
        report = ImportReport(ids=ids, listing=listing)
        for batch in _batches(rows):
            outcomes = _apply(_titles(batch), store, merge=merge)
            for record, movie in _report(batch, outcomes, report):
                _store_poster(record, movie, store, report)
    return report


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = _checked_addresses(rows)
    while batch := list(islice(stream, ROWS_PER_TRANSACTION)):
        yield batch


def _checked_addresses(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, with those rejected whose `poster_url` belongs to no poster source, enabled or not."""
    for row in rows:
        if isinstance(row, TitleRecord) and row.poster_url and (why := poster_url_error(row.poster_url)):
            yield RejectedRow(row.file, row.line, why, row.poster_url)
        else:
            yield row


def _titles(batch: Iterable[Row]) -> list[TitleRecord]:
    return [row for row in batch if isinstance(row, TitleRecord)]


def _save_progress(run: Run, report: ImportReport) -> bool:
    """Store the counts of the run; False if it was cancelled."""
    return bool(
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            total=report.total,
            done=report.imported + report.repeated,
            failed=report.not_imported,
            moved_at=timezone.now(),
        )
    )


def _finish(run: Run, state: str, message: str, report: ImportReport) -> None:
    params = {
        **run.params,
        "ids": report.ids,
        "counts": report.counts,
        "conflicting": [_printable(str(row)) for row in report.conflicting],
        "rejected": [_printable(str(row)) for row in report.rejected],
    }
    message = _printable(message)
    if _save_progress(run, report):
        Run.objects.filter(pk=run.pk).update(
            state=state, message=message, finished_at=timezone.now(), params=params
        )
    else:
        Run.objects.filter(pk=run.pk).update(message=f"Cancelled. {report}", params=params)
    run.refresh_from_db()


def _import_batch(records: Sequence[TitleRecord], store: Store, *, merge: bool) -> list[Outcome]:
    try:
        with transaction.atomic():
            return _apply(records, store, merge=merge)
    except (IntegrityError, DataError):
        # Another process has just stored one of these titles: import them one by one.
        return [outcome for record in records for outcome in _import_one(record, store, merge=merge)]


def _import_one(record: TitleRecord, store: Store, *, merge: bool) -> list[Outcome]:
    try:
        with transaction.atomic():
            return _apply([record], store, merge=merge)
    except (IntegrityError, DataError) as error:
        return [Outcome(record, Verdict.REJECTED, why=f"the database does not accept it: {error}")]


def _apply(records: Sequence[TitleRecord], store: Store, *, merge: bool) -> list[Outcome]:
    slugs = store.slugs(name for record in records for name in record.genres if is_valid_genre(name))
    planner = Planner(store.movies_for(records), slugs, merge=merge)
    outcomes: list[Outcome] = []
    for record in records:
        outcome = planner.apply(record)
        if outcome.verdict == Verdict.SAME_FILM:
            # Changes of earlier rows are written first, since merging reads the database.
            store.write(planner.pop_changed(), slugs)
            try:
                kept = store.merge(outcome.movies, _described(record))
            except CannotMerge as error:
                outcomes.append(Outcome(record, Verdict.CONFLICTING, why=str(error)))
                continue
            planner.replace(kept, [movie for movie in outcome.movies if movie is not kept])
            outcomes.append(outcome)
            outcome = planner.apply(record)
        outcomes.append(outcome)
    store.write(planner.pop_changed(), slugs)
    store.propose([(each.movies, _described(each.record)) for each in outcomes if each.proposed])
    return outcomes


def _report(
    batch: Sequence[Row], outcomes: Sequence[Outcome], report: ImportReport
) -> list[tuple[TitleRecord, MovieState]]:
    """Add a batch to the report; returns the records with posters that are still to be stored."""
    with_posters = []
    for row in batch:
        if isinstance(row, RejectedRow):
            report.reject(row)
    for outcome in outcomes:
        record = outcome.record
        match outcome.verdict:
            case Verdict.CREATED:
                report.created += 1
            case Verdict.CHANGED:
                report.changed += 1
            case Verdict.UNCHANGED:
                report.unchanged += 1
            case Verdict.SAME_FILM:
                report.merged += 1
                continue
            case Verdict.CONFLICTING:
                report.conflict(_rejected(record, outcome.why), proposed=outcome.proposed)
                continue
            case Verdict.REJECTED:
                report.reject(_rejected(record, outcome.why))
                continue
        if record.poster_path is not None:
            with_posters.append((record, outcome.movies[0]))
    return with_posters


def _store_poster(record: TitleRecord, movie: MovieState, store: Store, report: ImportReport) -> None:
    path = record.poster_path or Path()
    try:
        report.posters += store.store_poster(movie.final, read_file(path))
    except (ImageRejected, OSError) as error:
        report.reject(_rejected(record, f"its image {path.name} was not stored: {error}"))
    except Movie.DoesNotExist:
        report.reject(_rejected(record, f"its image {path.name} was not stored: the movie was deleted"))


def _rejected(record: TitleRecord, reason: str) -> RejectedRow:
    title = f"{shortened(record.title)}: " if record.title else ""
    return RejectedRow(record.file, record.line, f"{title}{reason}", record.title or record.poster_url)


def _described(record: TitleRecord) -> str:
    where = f"{record.file or 'a row'}{f', line {record.line}' if record.line else ''}"
    return _printable(f"“{shortened(record.title or record.poster_url)}” in {where}")


def _printable(text: str) -> str:
    """The text without characters that PostgreSQL rejects: a NUL, a file name that is not UTF-8."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
