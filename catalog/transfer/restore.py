"""Restore an exported catalogue into an empty one: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from catalog.models import Extractor, GenreModel, ImportedFile
from catalog.runs import lifecycle

from . import layout
from .columns import TABLES
from .errors import CannotRestore
from .layout import Progress
from .loading import finish, load_table
from .reading import Export, Listed, check_tables, open_export
from .snapshot import migrations_waiting
from .staging import Staging, Unacceptable, staging

FILES_AT_ONCE = 64
LOOKERS = 4
SPARE_BYTES = 50 * 1024 * 1024
# A site may have these before it has a movie: they come with Postersite, or of an import that took nothing.
SHIPPED = (GenreModel, Extractor, ImportedFile)


@dataclass
class Restored:
    """What was restored. people: accounts made because somebody decided under that name; absent: pictures and
    weights that were not in the export; left_out: those in it that were damaged."""

    rows: dict[str, int] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)
    absent: int = 0
    left_out: list[str] = field(default_factory=list)


def restore_catalogue(
    folder: Path,
    *,
    trusted: bool = False,
    leave_out_damaged: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Restored:
    """Read the export in `folder` into this catalogue, which must be empty; ids stay what they were.

    Every file is compared with its digest and every value checked; every picture is opened, unless the folder
    is `trusted`. A picture or weights file that is damaged stops everything, or is left out on request: its
    row stays, and `check_catalogue --mend` fetches the picture again. Accounts are found by their names;
    those not there are made without rights, password or the possibility to sign in.

    Raises CannotRestore with a sentence; then database and folders are as before.
    """
    if migrations_waiting():
        raise CannotRestore(
            "The database is not of this version yet: run `manage.py setup` first, with POSTERSITE_SAMPLE=0."
        )
    _check_empty()
    export = open_export(folder)
    check_tables(export, progress)
    restored = Restored()
    try:
        with staging() as stage:
            _check_room(export, stage)
            _take_files(export, stage, restored, trusted, leave_out_damaged, progress)
            with transaction.atomic():
                _check_empty()
                for model in SHIPPED:
                    model._base_manager.all().delete()
                people = _people(export, restored)
                for name in filter(export.rows.__contains__, TABLES):
                    load_table(name, export, people, stage, progress)
                    restored.rows[name] = export.rows[name]
                finish()
                stage.put_in_place()
    except OSError as error:
        raise CannotRestore(f"{error.filename or folder}: {error.strerror or error}.") from error
    except DatabaseError as error:
        raise CannotRestore(f"The database refused the catalogue: {str(error).strip()}") from error
    return restored


def _check_empty() -> None:
    counted = {
        str(model._meta.verbose_name_plural): model._base_manager.count()
        for model in TABLES.values()
        if model not in SHIPPED
    }
    counted["trained genre models"] = GenreModel.objects.filter(shipped=False).count()
    held = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    if held:
        raise CannotRestore(
            f"This catalogue is not empty: it has {held}. Restore into a new one: set POSTERSITE_VAR to a "
            "new folder (or DATABASE_URL to an empty database) and POSTERSITE_SAMPLE=0, which leaves the "
            "sample out, run `manage.py setup`, and restore there."
        )
    live = lifecycle.live_runs().first()
    if live is not None:
        raise CannotRestore(f"{live} is not over: let it end or cancel it, and stop the site.")


def _check_room(export: Export, stage: Staging) -> None:
    sizes = (export.folder / listed.name for listed in export.listed())
    needed = sum(path.stat().st_size for path in sizes if path.is_file()) + SPARE_BYTES
    free = shutil.disk_usage(stage.media).free
    if needed > free:
        raise CannotRestore(
            f"The catalogue needs about {needed / 1e6:,.0f} MB, and the disk of {stage.media} has "
            f"{free / 1e6:,.0f} MB free."
        )


def _take_files(
    export: Export, stage: Staging, restored: Restored, trusted: bool, leave_out: bool, progress: Progress
) -> None:
    stage.absent = set(_missing(export))
    restored.absent = len(stage.absent)
    files = (each for each in export.listed() if each.name.startswith(("media/", "models/")))

    def take(listed: Listed) -> str:
        try:
            stage.take(export, listed, trusted=trusted)
        except Unacceptable as error:
            if not leave_out:
                raise CannotRestore(f"{error} With --leave-out-damaged the rest is restored.") from error
            return listed.name
        return ""

    done = 0
    with ThreadPoolExecutor(min(LOOKERS, os.cpu_count() or 1)) as lookers:
        while batch := list(islice(files, FILES_AT_ONCE)):
            restored.left_out += filter(None, lookers.map(take, batch))
            done += len(batch)
            progress("files", done, max(done, export.files))
    progress("files", max(done, export.files), max(done, export.files))
    stage.absent.update(restored.left_out)


def _missing(export: Export) -> Iterator[str]:
    with export.opened(layout.MISSING).open(encoding="utf-8", errors="replace") as file:
        while line := file.readline(1000):
            name = line.removesuffix("\n")
            if not layout.is_safe(name):
                raise CannotRestore(f"{layout.MISSING} names {name[:80]!r}, which no export holds.")
            yield name


def _people(export: Export, restored: Restored) -> dict[str, int]:
    accounts = get_user_model()
    column = accounts._meta.get_field(accounts.USERNAME_FIELD)
    people: dict[str, int] = {}
    for number, row in export.lines(layout.PEOPLE):
        name = row["username"]
        try:
            if not isinstance(name, str):
                raise ValidationError("It is no text.")
            column.run_validators(name)  # type: ignore[union-attr]
        except ValidationError as error:
            raise CannotRestore(
                f"{layout.table_file(layout.PEOPLE)}, line {number}, is no account's name: "
                f"{' '.join(error.messages)}"
            ) from error
        found = accounts._default_manager.filter(**{accounts.USERNAME_FIELD: name}).first()
        if found is None:
            found = accounts(**{accounts.USERNAME_FIELD: name}, is_active=False)
            found.set_unusable_password()
            found.save()
            restored.people.append(name)
        people[name] = found.pk
    return people
