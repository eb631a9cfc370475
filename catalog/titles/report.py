"""What an import did or would do: counts, the first rows that were not taken, a CSV file of them all."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from django.conf import settings

from catalog.csv_safety import SafeCsvWriter
from catalog.models import Run
from catalog.titles.formats.records import RejectedRow

MOST_ROWS_KEPT = 200
# Ten million bad rows would fill the disk; whoever corrects more than these begins with the first of them.
MOST_ROWS_LISTED = 100_000
CONFLICTING, REJECTED = "conflicting", "rejected"


class RowListing:
    """A CSV file of the rows that were not taken, written as they come; no such row, no file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None
        self._listed = 0
        path.unlink(missing_ok=True)

    def add(self, verdict: str, row: RejectedRow) -> None:
        self._listed += 1
        if self._listed > MOST_ROWS_LISTED:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
            self._writer = SafeCsvWriter(self._file)
            self._writer.writerow(["file", "line", "verdict", "reason", "row"])
        self._writer.writerow([row.file, row.line, verdict, row.reason, row.text])

    def close(self) -> None:
        """Write all to disk, with a last line where there were more rows than are listed."""
        if self._file is None:
            return
        if self._listed > MOST_ROWS_LISTED:
            self._writer.writerow(["", "", "", f"{self._listed - MOST_ROWS_LISTED} more are not listed", ""])
        self._file.close()


@dataclass
class ImportReport:
    """Counts, and the first MOST_ROWS_KEPT of the rows that were not taken; `listing` takes them all.

    conflicts are rows whose ids do not fit the catalogue, of which `proposed` wait for a person to say
    whether two movies are one; rejections are rows that no catalogue could take; repeated are rows that say
    what an earlier row of the file said. `ids` says how the file's ids were read.
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
    def taken(self) -> int:
        return self.created + self.changed + self.unchanged

    @property
    def not_taken(self) -> int:
        return self.conflicts + self.rejections

    @property
    def total(self) -> int:
        return self.taken + self.repeated + self.not_taken

    @property
    def counts(self) -> dict[str, int]:
        """All counts by name, as a run keeps them."""
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
        self._keep(REJECTED, self.rejected, row)

    def conflict(self, row: RejectedRow, *, proposed: bool = False) -> None:
        self.conflicts += 1
        self.proposed += proposed
        self._keep(CONFLICTING, self.conflicting, row)

    def _keep(self, verdict: str, kept: list[RejectedRow], row: RejectedRow) -> None:
        if len(kept) < MOST_ROWS_KEPT:
            kept.append(row)
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
        wait = f" ({self.proposed} wait on the Duplicates page)" if self.proposed else ""
        parts += [f"{self.conflicts} conflicting{wait}", f"{self.rejections} rejected"]
        return f"{', '.join(parts)}. {self.ids}".rstrip()


def listing_path(run: Run | None) -> Path:
    """Where all rows that a run did not take are listed; without a run: those of the last dry run."""
    return Path(settings.REPORTS_DIR) / (f"import-{run.pk}.csv" if run else "import-dry-run.csv")


def forget_old_listings(age: timedelta) -> None:
    """Delete the listings that are older than `age`."""
    for path in Path(settings.REPORTS_DIR).glob("import-*.csv"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - age.total_seconds():
                path.unlink()
