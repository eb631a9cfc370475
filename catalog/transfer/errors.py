"""Errors of exports and restores. `code` names the reason, the message explains it."""

from __future__ import annotations


class TransferError(RuntimeError):
    """The message says what happened and what to do.

    Codes: "not_empty" and "busy" (the target is in use), "not_migrated", "no_space", "io" (files cannot be
    read or written), "not_an_export", "version", "damaged" (not the bytes that were exported) and "invalid"
    (a value, row or file name that no catalogue has).
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class ExportError(TransferError):
    """The catalogue could not be exported. Nothing was left in the folder."""


class RestoreError(TransferError):
    """The catalogue could not be restored. Nothing was changed."""
