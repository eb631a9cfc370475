"""Atomic and durable storage of poster files."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from ml.files import make_folder, replacing

# Names that are the same as part of an address. Those of posters are hexadecimal numbers in a folder.
PLAIN_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)


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

    def url(self, name: str | None) -> str:
        # Django joins and quotes the parts of every address, which pages with many posters repeat often.
        if self.base_url and name and PLAIN_NAME.fullmatch(name):
            return f"{self.base_url}{name}"
        return super().url(name)
