"""The kind of run that compares the database with the stored files."""

from __future__ import annotations

from catalog.runs.kinds import RunKind, register

from . import checking

CHECK = register(
    RunKind(
        name="check",
        label="Check catalogue",
        activity="Checking the catalogue",
        process=checking.check_item,
        task="catalog.tasks.check_catalogue",
        time_limit_s=3 * 3600,
        hint="for lost pictures and files",
        position=70,
    )
)
