"""Bring titles in: upsert movies by external id, keep what people said, report what could not be taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import Genre, Movie, MovieGenre, Run
from catalog.models.movie import EXTERNAL_IDS
from catalog.sources.records import RejectedRow, TitleRecord
from ml.images import ImageRejected

from .genre_names import genre_rows
from .posters import store_poster

RECORDS_PER_TRANSACTION = 500
MOST_REJECTIONS_KEPT = 200
FACTS = ("title", "original_title", "year", "overview", "franchise", *EXTERNAL_IDS)


@dataclass
class ImportReport:
    """What an import did. `rejected` has every bad row; the run keeps the first MOST_REJECTIONS_KEPT."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    posters: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{self.created} created", f"{self.changed} changed", f"{self.unchanged} unchanged"]
        if self.posters:
            parts.append(f"{self.posters} posters stored")
        return ", ".join([*parts, f"{len(self.rejected)} rejected"]) + "."


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
    rest go on.

    Raises catalog.sources.SourceError when the file as a whole is unusable; what came before it stays.
    """
    report = ImportReport()
    run = Run.objects.create(
        kind=Run.Kind.IMPORT,
        state=Run.State.RUNNING,
        params={"source": source},
        asked_by=asked_by,
        started_at=timezone.now(),
    )
    stream = iter(rows)
    try:
        while batch := list(islice(stream, RECORDS_PER_TRANSACTION)):
            _import_batch(batch, report)
            taken = report.created + report.changed + report.unchanged
            Run.objects.filter(pk=run.pk).update(
                total=taken + len(report.rejected), done=taken, failed=len(report.rejected)
            )
    except Exception as error:
        _end(run, Run.State.FAILED, f"{report} Broke off: {error}", report)
        raise
    _end(run, Run.State.DONE, str(report), report)
    return run, report


def _end(run: Run, state: str, message: str, report: ImportReport) -> None:
    Run.objects.filter(pk=run.pk).update(
        state=state,
        message=message,
        finished_at=timezone.now(),
        params={
            **run.params,
            "rejected": [str(row) for row in report.rejected[:MOST_REJECTIONS_KEPT]],
        },
    )
    run.refresh_from_db()


def _import_batch(batch: list[TitleRecord | RejectedRow], report: ImportReport) -> None:
    records = [row for row in batch if isinstance(row, TitleRecord)]
    report.rejected += [row for row in batch if isinstance(row, RejectedRow)]
    with transaction.atomic():
        known = _known_movies(records)
        names = sorted({name for record in records for name in record.genres})
        genres = dict(zip(names, genre_rows(names), strict=True))
        for record in records:
            _import_record(record, known, genres, report)
    for record in records:
        if record.poster_path is not None:
            _import_poster(record, report)


def _known_movies(records: list[TitleRecord]) -> dict[tuple[str, object], Movie]:
    """Movies of the catalogue that one of the records may mean, by (id field, id)."""
    wanted = Q(pk__in=[])
    for name in EXTERNAL_IDS:
        values = [getattr(record, name) for record in records if getattr(record, name) is not None]
        wanted |= Q(**{f"{name}__in": values})
    found = Movie.objects.select_for_update().filter(wanted).prefetch_related("movie_genres")
    return {(name, value): movie for movie in found for name, value in _ids(movie)}


def _ids(holder: Movie | TitleRecord) -> list[tuple[str, object]]:
    return [(name, getattr(holder, name)) for name in EXTERNAL_IDS if getattr(holder, name) is not None]


def _import_record(
    record: TitleRecord,
    known: dict[tuple[str, object], Movie],
    genres: dict[str, Genre],
    report: ImportReport,
) -> None:
    matches = {known[key].pk: known[key] for key in _ids(record) if key in known}
    if not _ids(record):
        report.rejected.append(_rejected(record, "it has no id, so a second import would double it"))
        return
    if len(matches) > 1:
        titles = " and ".join(f"{movie} (no. {movie.pk})" for movie in matches.values())
        report.rejected.append(_rejected(record, f"its ids belong to different movies: {titles}"))
        return
    movie = next(iter(matches.values()), None) or Movie()
    clash = next((n for n, v in _ids(record) if getattr(movie, n) not in (None, v)), None)
    if clash is not None:
        report.rejected.append(
            _rejected(record, f"{movie} has the {clash} {getattr(movie, clash)} already, not this row's")
        )
        return
    is_new = movie.pk is None
    changed = [
        name
        for name in FACTS
        if getattr(record, name) not in (None, "") and getattr(record, name) != getattr(movie, name)
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
        why = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        report.rejected.append(_rejected(record, why))
        if not is_new:
            movie.refresh_from_db()
        return
    known.update(dict.fromkeys(_ids(movie), movie))
    report.created += is_new
    report.changed += not is_new and bool(changed or genres_changed)
    report.unchanged += not is_new and not (changed or genres_changed)


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
        movie._prefetched_objects_cache = {}
    return bool(write or gone)


def _import_poster(record: TitleRecord, report: ImportReport) -> None:
    assert record.poster_path is not None  # noqa: S101
    key, value = _ids(record)[0] if _ids(record) else ("pk", None)
    movie = Movie.objects.filter(**{key: value}).first()
    if movie is None:
        return
    try:
        store_poster(movie, record.poster_path.read_bytes(), source="folder")
    except (ImageRejected, OSError) as error:
        report.rejected.append(
            _rejected(record, f"its picture was not stored: {error}", record.poster_path.name)
        )
    else:
        report.posters += 1


def _rejected(record: TitleRecord, reason: str, file: str = "") -> RejectedRow:
    return RejectedRow(file=file, line=0, reason=f"{record.title}: {reason}", text=record.title)
