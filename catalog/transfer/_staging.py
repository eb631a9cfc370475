"""Pictures and weights during a restore: checked next to their final folders, and moved there at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from catalog import shared_files
from ml.imaging import images

from . import _layout
from ._layout import Progress
from ._reading import Export, ListedFile, check_digest
from .errors import RestoreError

STAGING = ".restoring"
MEDIA_FOLDERS = ("posters", "learning_curves")
LARGEST_FILE = 64 * 1024 * 1024
FILES_AT_ONCE = 64
THREADS = 4


class Staging:
    """The files of one restore. They wait in one folder, and those that a row names are moved to another.

    absent: names of files that the export lacks.
    """

    def __init__(self, export: Export) -> None:
        self.media, self.models = Path(settings.MEDIA_ROOT), Path(settings.MODELS_DIR)
        self.export = export
        with export.path(_layout.MISSING).open(encoding="utf-8", errors="replace") as file:
            self.absent = {line.removesuffix("\n") for line in file}

    def copy_files(self, trusted: bool, leave_out_damaged: bool, progress: Progress) -> list[str]:
        """Copy all pictures and weights, decoding pictures unless they are `trusted`.

        Returns the names of damaged files that were left out. Raises RestoreError.
        """

        def copy(listed: ListedFile) -> str:
            try:
                self._copy(listed, trusted)
            except RestoreError as error:
                if error.code != "damaged":
                    raise
                if not leave_out_damaged:
                    hint = "Use --leave-out-damaged to restore the rest."
                    raise RestoreError(f"{error} {hint}", "damaged") from error
                return listed.name
            return ""

        left_out: list[str] = []
        done = 0
        files = (each for each in self.export.listed() if each.name.startswith(("media/", "models/")))
        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
            while batch := list(islice(files, FILES_AT_ONCE)):
                left_out += filter(None, threads.map(copy, batch))
                done += len(batch)
                progress("files", done, self.export.files)
        progress("files", self.export.files, self.export.files)
        self.absent.update(left_out)
        return left_out

    def _copy(self, listed: ListedFile, trusted: bool) -> None:
        path = self.export.path(listed.name)
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise RestoreError(f"{path} cannot be read: {error.strerror}.", "damaged") from error
        check_digest(listed, images.sha256_hex(data))
        if listed.name.startswith("media/") and not trusted:
            try:
                images.open_safely(data)
            except images.ImageRejected as error:
                raise RestoreError(f"{path} is not a valid picture: {error}", "damaged") from error
        copy = self._path(listed.name, "waiting")
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            with copy.open("xb") as file:
                file.write(data)
        except FileExistsError as error:
            raise RestoreError(f"The export lists {listed.name} twice.", "invalid") from error

    def use(self, name: str) -> None:
        """Keep a file that a row names. Raises RestoreError if the export should have it and does not."""
        if not _layout.is_safe(name):
            raise RestoreError(f"{name[:80]!r} is not the name of an exported file.", "invalid")
        used = self._path(name, "used")
        if used.exists():
            return
        used.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._path(name, "waiting").rename(used)
        except FileNotFoundError as error:
            if name not in self.absent:
                raise RestoreError(f"The export does not contain {name}.", "invalid") from error

    def move_into_place(self, undo: ExitStack) -> None:
        """Move used files to their final folders. Closing `undo` moves them back."""

        def move(old: Path, new: Path) -> None:
            old.rename(new)
            undo.callback(new.rename, old)

        for folder in MEDIA_FOLDERS:
            used, final = self.media / STAGING / "used" / folder, self.media / folder
            if used.exists() and shared_files.is_shared():
                for path in sorted(each for each in used.rglob("*") if each.is_file()):
                    name = f"{folder}/{path.relative_to(used).as_posix()}"
                    undo.callback(default_storage.delete, name)
                    with path.open("rb") as file:
                        default_storage.save(name, File(file))
            elif used.exists():
                shutil.rmtree(final, ignore_errors=True)  # it has no files, see `_check_media_is_empty`
                move(used, final)
        for used in sorted((self.models / STAGING / "used").glob("*")):
            final = self.models / used.name
            if final.exists():
                move(final, self.models / STAGING / f"{used.name}.before")
            move(used, final)
            shared_files.publish(final)

    def _path(self, name: str, state: str) -> Path:
        folder, _, rest = name.partition("/")
        return (self.media if folder == "media" else self.models) / STAGING / state / rest


@contextmanager
def staging(export: Export) -> Iterator[Staging]:
    """A place for files inside the media and models folders, removed at the end; for one restore at a time.

    If the block raises, files that were moved into place are moved back. Raises RestoreError if the media
    folder contains pictures or another restore is running, OSError if the folders cannot be written.
    """
    stage = Staging(export)
    for folder in (stage.media, stage.models):
        folder.mkdir(parents=True, exist_ok=True)
    lock = stage.media / f"{STAGING}.lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RestoreError(
                f"Another restore to {stage.media} is running: wait for it.", "busy"
            ) from error
        _check_media_is_empty(stage)
        _clear(stage)  # left over from a restore that was killed
        try:
            yield stage
        finally:
            _clear(stage)
            lock.unlink(missing_ok=True)


def _check_media_is_empty(stage: Staging) -> None:
    if shared_files.is_shared():
        for name in MEDIA_FOLDERS:
            if any(default_storage.listdir(name)):
                raise RestoreError(
                    f"The bucket already has pictures in {name}: set POSTERSITE_S3_PREFIX to a new folder.",
                    "not_empty",
                )
    for folder in (stage.media / name for name in MEDIA_FOLDERS):
        if any(path.is_file() for path in folder.rglob("*")):
            raise RestoreError(
                f"{folder} already contains pictures: move them away, or set POSTERSITE_VAR to a new folder.",
                "not_empty",
            )


def _clear(stage: Staging) -> None:
    for folder in (stage.media, stage.models):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / STAGING)
