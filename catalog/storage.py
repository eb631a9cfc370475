"""Atomic and durable storage of poster files."""

from __future__ import annotations

from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from ml.files import make_folder, replacing


class AtomicFileSystemStorage(FileSystemStorage):
    """A file gets its name when all its bytes are on disk. Rows are written after their files, so neither a
    crash nor a power failure leaves a partial file or a row without files.

    Files are named by their content, so an existing file is replaced.
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
