"""Kinds of run that import titles and undo imports."""

from __future__ import annotations

from catalog.models import Run
from catalog.runs.kinds import RunKind, register

from . import undo

IMPORT = register(
    RunKind(name=Run.IMPORT, label="Import titles", activity="Importing titles", process=None, position=0)
)

UNDO = register(
    RunKind(
        name="undo",
        label="Undo import",
        activity="Undoing an import",
        process=undo.undo_item,
        task="catalog.tasks.undo_import",
        required_param="import",
    )
)

PREVIEW = register(
    RunKind(
        name="preview",
        label="Preview of an undo",
        activity="Previewing an undo",
        process=undo.preview_item,
        task="catalog.tasks.preview_undo",
        required_param="import",
    )
)
