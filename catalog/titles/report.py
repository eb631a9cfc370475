"""The report of an import: counts, the first rows that were not imported, and a CSV file of all of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from django.conf import settings

from catalog import shared_files
from catalog.csv_safety import SafeCsvWriter
from catalog.models import Run
from catalog.titles.formats.records import RejectedRow

log = logging.getLogger(__name__)

MAX_ROWS_IN_REPORT = 200
# Ten million bad rows would fill the disk.
MAX_ROWS_LISTED = 100_000
CONFLICTING, REJECTED = "conflicting", "rejected"


class RowListing:
    """A CSV file of the rows that were not imported; without such rows no file is created."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None
        self._count = 0
        path.unlink(missing_ok=True)

    def add(self, verdict: str, row: RejectedRow) -> None:
        self._count += 1
        if self._count > MAX_ROWS_LISTED:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
            self._writer = SafeCsvWriter(self._file)
            self._writer.writerow(["file", "line", "verdict", "reason", "row"])
        self._writer.writerow([row.file, row.line, verdict, row.reason, row.text])

    def close(self) -> None:
        """Close the file. Its last line counts the rows over the limit."""
        if self._file is None:
            return
        if self._count > MAX_ROWS_LISTED:
            self._writer.writerow(["", "", "", f"{self._count - MAX_ROWS_LISTED} more are not listed", ""])
        self._file.close()
        if self.path == listing_path(None):
            return  # whoever asked for a dry run reads it on this machine
        try:
            shared_files.publish(self.path)
        except OSError as error:
            log.warning("Other machines cannot read %s: %s", self.path, error.strerror)


@dataclass
class ImportReport:
    """Counts of rows, and the first of those that were not imported; `listing` contains all of them.

    repeated: rows with the same title as an earlier row of the file. conflicts: rows whose ids contradict the
    catalogue, of which `proposed` name movies that are now proposed as duplicates. rejections: invalid rows.
    ids: a sentence on how ids were read.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    posters: int = 0
    repeated: int = 0
    proposed: int = 0
    conflicts: int = 0
    rejections: int = 0
    conflicting: list[RejectedRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    ids: str = ""
    listing: RowListing | None = field(default=None, repr=False, compare=False)

    @property
    def imported(self) -> int:
        return self.created + self.changed + self.unchanged

    @property
    def not_imported(self) -> int:
        return self.conflicts + self.rejections

    @property
    def total(self) -> int:
        return self.imported + self.repeated + self.not_imported

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, for the params of the run."""
        return {
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "merged": self.merged,
            "posters": self.posters,
            "repeated": self.repeated,
            "conflicting": self.conflicts,
            "rejected": self.rejections,
        }

    def reject(self, row: RejectedRow) -> None:
        if row.repeats:
            self.repeated += 1
            return
        self.rejections += 1
        self._add(REJECTED, self.rejected, row)

    def conflict(self, row: RejectedRow, *, proposed: bool = False) -> None:
        self.conflicts += 1
        self.proposed += proposed
        self._add(CONFLICTING, self.conflicting, row)

    def _add(self, verdict: str, rows: list[RejectedRow], row: RejectedRow) -> None:
        if len(rows) < MAX_ROWS_IN_REPORT:
            rows.append(row)
        if self.listing is not None:
            self.listing.add(verdict, row)

    def __str__(self) -> str:
        parts = [f"{self.created} created", f"{self.changed} changed", f"{self.unchanged} unchanged"]
        if self.merged:
            parts.append(f"{self.merged} merged")
        if self.posters:
            parts.append(f"{self.posters} posters stored")
        if self.repeated:
            parts.append(f"{self.repeated} repeated")
        proposed = f" ({self.proposed} proposed as duplicates)" if self.proposed else ""
        parts += [f"{self.conflicts} conflicting{proposed}", f"{self.rejections} rejected"]
        return f"{', '.join(parts)}. {self.ids}".rstrip()


def listing_path(run: Run | None) -> Path:
    """Where the rows that a run did not import are listed; without a run, those of the last dry run."""
    return Path(settings.REPORTS_DIR) / (f"import-{run.pk}.csv" if run else "import-dry-run.csv")


def delete_old_listings(age: timedelta) -> None:
    """Delete the listings that are older than `age`."""
    shared_files.delete_starting_with(Path(settings.REPORTS_DIR) / "import-", age.total_seconds())
