"""Bring titles in: upsert movies by external id, keep what people said, report what could not be taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from django.contrib.auth.models import AbstractBaseUser
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from catalog.duplicates.merging import CannotMerge
from catalog.models import Movie, Run
from catalog.posters.changes import process_changed
from catalog.posters.known_addresses import why_not
from catalog.titles.formats.records import RejectedRow, TitleRecord, shortened
from ml.imaging.images import ImageRejected, read_file

from ._dry_run import Rehearsal
from ._planning import Key, KnownMovie, Outcome, PeoplesWord, Planner, Verdict, usable_genre
from ._store import Catalogue
from .history import forget_old_imports
from .report import ImportReport, RowListing, listing_path

# Few enough that others who want to write wait for a fraction of a second, and that a batch stays far within
# the lease after which a run is given up.
RECORDS_PER_TRANSACTION = 200


class Store(PeoplesWord, Protocol):
    """Where an import reads and writes: the catalogue, or a dry run's stand-in for it."""

    def known(self, records: Sequence[TitleRecord]) -> dict[Key, KnownMovie]: ...
    def slugs(self, names: Iterable[str]) -> dict[str, str]: ...
    def write(self, movies: Sequence[KnownMovie], slugs: Mapping[str, str]) -> None: ...
    def merge(self, movies: Sequence[KnownMovie], said: str) -> KnownMovie: ...
    def propose(self, found: Sequence[tuple[tuple[KnownMovie, ...], str]]) -> None: ...
    def store_picture(self, movie: KnownMovie, data: bytes) -> bool: ...


def import_titles(
    rows: Iterable[TitleRecord | RejectedRow],
    source: str,
    *,
    asked_by: AbstractBaseUser | None = None,
    merge: bool = False,
    ids: str = "",
) -> tuple[Run, ImportReport]:
    """Upsert every title and its genres, in batches; the same rows again change nothing.

    A record belongs to the movie that has one of its ids. Facts the record gives replace the stored ones,
    facts it lacks are kept. Imported genres replace imported ones only: what a person set or accepted stays,
    and a movie whose genres a person edited keeps them all. A row that cannot be taken is reported and the
    rest go on. Movies that one row names as one film are proposed to people; with `merge` they are merged at
    once where no id, title, year and no person contradicts. `ids` says how the rows' ids were read, for the
    report. The import is a run: a person who cancels it stops it after the batch at hand, and
    services.undoing takes it back.

    Raises SourceError when the file as a whole is unusable; what came before it stays.
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
    store = Catalogue(run)
    with closing(RowListing(listing_path(run))) as listing:
        report = ImportReport(ids=ids, listing=listing)
        try:
            for batch in _batches(rows):
                for record, movie in _import_batch(batch, store, report, merge=merge):
                    _import_picture(record, movie, store, report)
                    # Large pictures take a second each: a batch of them must not look like a dead import.
                    _goes_on(run, report)
                if not _goes_on(run, report):
                    break
        except BaseException as error:
            _end(run, Run.State.FAILED, f"{report} Broke off: {str(error) or type(error).__name__}", report)
            raise
        finally:
            process_changed(store.shown_before, by=run.asked_by)
    _end(run, Run.State.DONE, str(report), report)
    forget_old_imports()
    return run, report


def rehearse_import(
    rows: Iterable[TitleRecord | RejectedRow], *, merge: bool = False, ids: str = ""
) -> ImportReport:
    """The report that `import_titles` would give now. Writes nothing into the catalogue, and locks nothing.

    Pictures are checked and not stored. All rows that would not be taken are listed in a file, as by an
    import. Raises catalog.posters.sources.SourceError as `import_titles`.
    """
    with closing(RowListing(listing_path(None))) as listing, Rehearsal() as store:
        report = ImportReport(ids=ids, listing=listing)
        for batch in _batches(rows):
            outcomes = _take([row for row in batch if isinstance(row, TitleRecord)], store, merge=merge)
            for record, movie in _tally(batch, outcomes, report):
                _import_picture(record, movie, store, report)
    return report


def _batches(rows: Iterable[TitleRecord | RejectedRow]) -> Iterator[list[TitleRecord | RejectedRow]]:
    stream = _checked_addresses(rows)
    while batch := list(islice(stream, RECORDS_PER_TRANSACTION)):
        yield batch


def _checked_addresses(rows: Iterable[TitleRecord | RejectedRow]) -> Iterator[TitleRecord | RejectedRow]:
    """The rows, with those rejected whose `poster_url` belongs to no poster source, enabled or not."""
    for row in rows:
        if isinstance(row, TitleRecord) and row.poster_url and (why := why_not(row.poster_url)):
            yield RejectedRow(row.file, row.line, why, row.poster_url)
        else:
            yield row


def _goes_on(run: Run, report: ImportReport) -> bool:
    """Write down how far the import is; False when the run was cancelled meanwhile."""
    return bool(
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            total=report.total,
            done=report.taken + report.repeated,
            failed=report.not_taken,
            moved_at=timezone.now(),
        )
    )


def _end(run: Run, state: str, message: str, report: ImportReport) -> None:
    listed: dict[str, Any] = {
        **run.params,
        "ids": report.ids,
        "counts": report.counts,
        "conflicting": [_printable(str(row)) for row in report.conflicting],
        "rejected": [_printable(str(row)) for row in report.rejected],
    }
    message = _printable(message)
    if _goes_on(run, report):
        Run.objects.filter(pk=run.pk).update(
            state=state, message=message, finished_at=timezone.now(), params=listed
        )
    else:
        Run.objects.filter(pk=run.pk).update(message=f"Cancelled. {report}", params=listed)
    run.refresh_from_db()


def _import_batch(
    batch: list[TitleRecord | RejectedRow], store: Catalogue, report: ImportReport, *, merge: bool
) -> list[tuple[TitleRecord, KnownMovie]]:
    """Store what the rows say and report it; returns the pictures that are still to be stored."""
    records = [row for row in batch if isinstance(row, TitleRecord)]
    try:
        with transaction.atomic():
            outcomes = _take(records, store, merge=merge)
    except (IntegrityError, DataError):
        # Another process has brought one of these titles since we looked: row by row the rest are saved.
        outcomes = [outcome for record in records for outcome in _take_alone(record, store, merge=merge)]
    return _tally(batch, outcomes, report)


def _take_alone(record: TitleRecord, store: Catalogue, *, merge: bool) -> list[Outcome]:
    try:
        with transaction.atomic():
            return _take([record], store, merge=merge)
    except (IntegrityError, DataError) as error:
        return [Outcome(record, Verdict.REJECTED, why=f"the database does not take it: {error}")]


def _take(records: Sequence[TitleRecord], store: Store, *, merge: bool) -> list[Outcome]:
    names = store.slugs(name for record in records for name in record.genres if usable_genre(name))
    planner = Planner(store.known(records), names, store, merge=merge)
    outcomes: list[Outcome] = []
    for record in records:
        outcome = planner.take(record)
        if outcome.verdict == Verdict.ONE_FILM:
            # What earlier rows made of the movies goes first: merging reads the catalogue.
            store.write(planner.changed_movies(), names)
            try:
                kept = store.merge(outcome.movies, _row(record))
            except CannotMerge as error:
                outcomes.append(Outcome(record, Verdict.CONFLICTING, why=str(error)))
                continue
            planner.merged(kept, [movie for movie in outcome.movies if movie is not kept])
            outcomes.append(outcome)
            outcome = planner.take(record)
        outcomes.append(outcome)
    store.write(planner.changed_movies(), names)
    store.propose([(each.movies, _row(each.record)) for each in outcomes if each.proposed])
    return outcomes


def _tally(
    batch: Sequence[TitleRecord | RejectedRow], outcomes: Sequence[Outcome], report: ImportReport
) -> list[tuple[TitleRecord, KnownMovie]]:
    pictures = []
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
            case Verdict.ONE_FILM:
                report.merged += 1
                continue
            case Verdict.CONFLICTING:
                report.conflict(_refused(record, outcome.why), proposed=outcome.proposed)
                continue
            case Verdict.REJECTED:
                report.reject(_refused(record, outcome.why))
                continue
        if record.poster_path is not None:
            pictures.append((record, outcome.movies[0]))
    return pictures


def _import_picture(record: TitleRecord, movie: KnownMovie, store: Store, report: ImportReport) -> None:
    path = record.poster_path or Path()
    try:
        report.posters += store.store_picture(movie.final, read_file(path))
    except (ImageRejected, OSError) as error:
        report.reject(_refused(record, f"its picture {path.name} was not stored: {error}"))
    except Movie.DoesNotExist:
        report.reject(_refused(record, f"its picture {path.name} was not stored: the movie is gone again"))


def _refused(record: TitleRecord, reason: str) -> RejectedRow:
    named = f"{shortened(record.title)}: " if record.title else ""
    return RejectedRow(record.file, record.line, f"{named}{reason}", record.title or record.poster_url)


def _row(record: TitleRecord) -> str:
    where = f"{record.file or 'a row'}{f', line {record.line}' if record.line else ''}"
    return _printable(f"“{shortened(record.title or record.poster_url)}” in {where}")


def _printable(text: str) -> str:
    """The text without what PostgreSQL refuses: a title's NUL, a file's name that is not UTF-8."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
