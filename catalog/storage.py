"""Poster files on disk, written whole or not at all, and safe from a power failure once they are."""

from __future__ import annotations

from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from ml.files import make_folder, replacing


class AtomicFileSystemStorage(FileSystemStorage):
    """A file appears under its name only when all its bytes are on disk: no half poster after a crash, and no
    row without its files after a power failure, for rows are written after them.

    Writing a name again replaces the file: ours are named by their content.
    """

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        make_folder(target.parent)
        with replacing(target) as file:
            for chunk in content.chunks():
                file.write(chunk)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name
