"""Bring titles in: upsert movies by external id, keep what people said, report what could not be taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import Genre, Movie, MovieGenre, Poster, Run
from catalog.models.movie import EXTERNAL_IDS
from catalog.sources.records import RejectedRow, TitleRecord
from ml.images import ImageRejected, sha256_hex

from .duplicate_decisions import is_wrong
from .genre_names import genre_rows
from .posters import store_poster

# Few enough that a batch stays far within the lease after which a run is given up.
RECORDS_PER_TRANSACTION = 200
MOST_REJECTIONS_KEPT = 200
FACTS = ("title", "original_title", "year", "overview", "franchise", *EXTERNAL_IDS)


@dataclass
class ImportReport:
    """What an import did: counts, and the first MOST_REJECTIONS_KEPT of the rows that were not taken."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    posters: int = 0
    rejections: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return self.created + self.changed + self.unchanged

    def reject(self, row: RejectedRow) -> None:
        self.rejections += 1
        if len(self.rejected) < MOST_REJECTIONS_KEPT:
            self.rejected.append(row)

    def __str__(self) -> str:
        parts = [f"{self.created} created", f"{self.changed} changed", f"{self.unchanged} unchanged"]
        if self.posters:
            parts.append(f"{self.posters} posters stored")
        return ", ".join([*parts, f"{self.rejections} rejected"]) + "."


def import_titles(
    rows: Iterable[TitleRecord | RejectedRow],
    source: str,
    *,
    asked_by: AbstractBaseUser | None = None,
) -> tuple[Run, ImportReport]:
    """Upsert every title and its genres, in batches; the same rows again change nothing.

    A record belongs to the movie that has one of its ids. Facts the record gives replace the stored ones,
    facts it lacks are kept. Imported genres replace imported ones only: what a person set or accepted stays,
    and a movie whose genres a person edited keeps them all. A row that cannot be taken is reported and the
    rest go on. The import is a run: a person who cancels it stops it after the batch at hand.

    Raises catalog.sources.SourceError when the file as a whole is unusable; what came before it stays.
    """
    report = ImportReport()
    now = timezone.now()
    run = Run.objects.create(
        kind=Run.Kind.IMPORT,
        state=Run.State.RUNNING,
        params={"source": source},
        asked_by_id=asked_by.pk if asked_by else None,
        started_at=now,
        moved_at=now,
    )
    stream = iter(rows)
    try:
        while batch := list(islice(stream, RECORDS_PER_TRANSACTION)):
            _import_batch(batch, run, report)
            if not _goes_on(run, report):
                break
    except BaseException as error:
        _end(run, Run.State.FAILED, f"{report} Broke off: {str(error) or type(error).__name__}", report)
        raise
    _end(run, Run.State.DONE, str(report), report)
    return run, report


def _goes_on(run: Run, report: ImportReport) -> bool:
    """Write down how far the import is; False when the run was cancelled meanwhile."""
    return bool(
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            total=report.taken + report.rejections,
            done=report.taken,
            failed=report.rejections,
            moved_at=timezone.now(),
        )
    )


def _end(run: Run, state: str, message: str, report: ImportReport) -> None:
    listed = {**run.params, "rejected": [str(row) for row in report.rejected]}
    if _goes_on(run, report):
        Run.objects.filter(pk=run.pk).update(
            state=state, message=message, finished_at=timezone.now(), params=listed
        )
    else:
        Run.objects.filter(pk=run.pk).update(message=f"Cancelled. {report}", params=listed)
    run.refresh_from_db()


def _import_batch(batch: list[TitleRecord | RejectedRow], run: Run, report: ImportReport) -> None:
    records = [row for row in batch if isinstance(row, TitleRecord)]
    for row in batch:
        if isinstance(row, RejectedRow):
            report.reject(row)
    with transaction.atomic():
        known = _known_movies(records)
        names = sorted({name for record in records for name in record.genres})
        genres = dict(zip(names, genre_rows(names), strict=True))
        taken = [(record, _import_record(record, known, genres, report)) for record in records]
    for record, movie in taken:
        if movie is not None and record.poster_path is not None:
            _import_poster(record, record.poster_path, movie, report)
            # Large pictures take a second each: a batch of them must not look like an import that died.
            _goes_on(run, report)


def _known_movies(records: list[TitleRecord]) -> dict[tuple[str, object], Movie]:
    """Movies of the catalogue that one of the records may mean, by (id field, id)."""
    wanted = Q(pk__in=[])
    for name in EXTERNAL_IDS:
        values = [getattr(record, name) for record in records if getattr(record, name) is not None]
        wanted |= Q(**{f"{name}__in": values})
    found = list(Movie.everything.select_for_update().filter(wanted).prefetch_related("movie_genres"))
    # An id that stayed with a row merged away means the movie it was merged into.
    merged = {movie.merged_into_id for movie in found} - {None} - {movie.pk for movie in found}
    others = Movie.objects.select_for_update().filter(pk__in=merged).prefetch_related("movie_genres")
    by_pk = {movie.pk: movie for movie in (*found, *others)}
    return {
        (name, value): by_pk[movie.merged_into_id or movie.pk]
        for movie in by_pk.values()
        for name, value in _ids(movie)
    }


def _ids(holder: Movie | TitleRecord) -> list[tuple[str, object]]:
    return [(name, getattr(holder, name)) for name in EXTERNAL_IDS if getattr(holder, name) is not None]


def _import_record(
    record: TitleRecord,
    known: dict[tuple[str, object], Movie],
    genres: dict[str, Genre],
    report: ImportReport,
) -> Movie | None:
    """The movie that the record made, changed or found as it is; None when it was rejected."""
    matches = {known[key].pk: known[key] for key in _ids(record) if key in known}
    movie = next(iter(matches.values()), None) or Movie()
    if why := _objection(record, list(matches.values()), known):
        report.reject(_rejected(record, why))
        return None
    is_new = movie.pk is None
    changed = [
        name
        for name in FACTS
        if getattr(record, name) not in (None, "")
        and getattr(record, name) != getattr(movie, name)
        and not (name == "title" and record.tentative_title and not is_new)
        and (is_new or known.get((name, getattr(record, name))) is not movie)
    ]
    for name in changed:
        setattr(movie, name, getattr(record, name))
    try:
        with transaction.atomic():
            if changed:
                movie.full_clean(validate_unique=False, validate_constraints=False)
                movie.save()
            genres_changed = _import_genres(movie, [genres[name] for name in record.genres], is_new=is_new)
    except (ValidationError, IntegrityError) as error:
        report.reject(_rejected(record, _sentence(error)))
        if not is_new:
            movie.refresh_from_db()
        return None
    known.update(dict.fromkeys(_ids(movie), movie))
    report.created += is_new
    report.changed += not is_new and bool(changed or genres_changed)
    report.unchanged += not is_new and not (changed or genres_changed)
    return movie


def _objection(record: TitleRecord, matches: list[Movie], known: dict[tuple[str, object], Movie]) -> str:
    """Why the ids of the record do not fit the catalogue, or an empty text."""
    if not _ids(record):
        return "it has no id, so a second import would double it"
    if len(matches) > 1:
        titles = " and ".join(f"{movie} (no. {movie.pk})" for movie in matches)
        return f"its ids belong to different movies: {titles}"
    for movie in matches:
        for name, value in _ids(record):
            held = getattr(movie, name)
            if held not in (None, value) and known.get((name, value)) is not movie:
                return f"its {name} is {value}, but {movie} (no. {movie.pk}) has the {name} {held} already"
    return ""


def _sentence(error: ValidationError | IntegrityError) -> str:
    if isinstance(error, IntegrityError):
        return f"the database does not take it: {error}"
    return " ".join(f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts)


def _import_genres(movie: Movie, genres: list[Genre], *, is_new: bool) -> bool:
    if movie.genres_locked:
        return False
    present = {} if is_new else {row.genre_id: row for row in movie.movie_genres.all()}
    wanted = {genre.pk: genre for genre in genres}
    imported = MovieGenre.Origin.IMPORTED
    # Imported beats accepted: the source now says itself what a reviewer had accepted.
    write = [key for key in wanted if key not in present or present[key].origin == MovieGenre.Origin.ACCEPTED]
    # An untagged row takes nothing away: the source does not know, which is no statement.
    gone = [key for key, row in present.items() if wanted and row.origin == imported and key not in wanted]
    MovieGenre.objects.bulk_create(
        [MovieGenre(movie=movie, genre_id=key, origin=imported) for key in write],
        update_conflicts=True,
        unique_fields=["movie", "genre"],
        update_fields=["origin"],
    )
    if gone:
        MovieGenre.objects.filter(movie=movie, genre__in=gone).delete()
    if (write or gone) and not is_new:
        # A later row of the batch may mean the same movie.
        getattr(movie, "_prefetched_objects_cache", {}).pop("movie_genres", None)
    return bool(write or gone)


def _import_poster(record: TitleRecord, path: Path, movie: Movie, report: ImportReport) -> None:
    try:
        data = path.read_bytes()
        if Poster.objects.filter(movie=movie, sha256=sha256_hex(data)).exists() or is_wrong(movie, data):
            return
        store_poster(movie, data, source="folder")
    except (ImageRejected, OSError) as error:
        report.reject(_rejected(record, f"its picture {path.name} was not stored: {error}"))
    else:
        report.posters += 1


def _rejected(record: TitleRecord, reason: str) -> RejectedRow:
    return RejectedRow(record.file, record.line, f"{record.title}: {reason}", record.title)
