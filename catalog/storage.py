"""Poster files on disk, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class AtomicFileSystemStorage(FileSystemStorage):
    """A file appears under its name only when all its bytes are there: no half poster after a crash.

    Writing a name again replaces the file: ours are named by their content.
    """

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            os.replace(draft, target)
        except BaseException:
            os.unlink(draft)
            raise
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name
