"""What speaks against exporting or restoring a catalogue, in sentences."""

from __future__ import annotations


class CannotExport(RuntimeError):
    """The catalogue cannot be written to that folder; the message says why and what to do."""


class CannotRestore(RuntimeError):
    """The folder cannot be restored from, and nothing is changed; the message says why and what to do."""
