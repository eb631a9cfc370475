"""Pictures and genre models on their way in: checked beside where they belong, moved there in the end."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from ml.imaging import images

from .errors import CannotRestore
from .reading import LARGEST_FILE, Export, Listed, damaged

WAITING = ".restoring"
MEDIA_FOLDERS = ("posters", "learning_curves")


class Unacceptable(Exception):
    """A picture or weights file is missing, changed, or nothing to show; the message says which and why."""


class Staging:
    """The files of one restore. `taken` are those that wait, `used` those that a row names."""

    def __init__(self) -> None:
        self.media, self.models = Path(settings.MEDIA_ROOT), Path(settings.MODELS_DIR)
        self.absent: set[str] = set()
        self._placed: list[tuple[Path, Path]] = []

    def take(self, export: Export, listed: Listed, *, trusted: bool) -> None:
        """Copy one file of the export, unless `trusted` a picture is opened. Raises Unacceptable, OSError."""
        try:
            path = export.opened(listed.name)
            with path.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except (CannotRestore, OSError) as error:
            raise Unacceptable(str(error)) from error
        if images.sha256_hex(data) != listed.sha256:
            raise Unacceptable(f"{path} is not what was written: {damaged()}")
        if listed.name.startswith("media/") and not trusted:
            try:
                images.open_safely(data)
            except images.ImageRejected as error:
                raise Unacceptable(f"{path} is no picture that can be shown: {error}") from error
        to = self._waiting(listed.name)
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with to.open("xb") as file:
                file.write(data)
        except FileExistsError as error:
            raise CannotRestore(f"The export lists {listed.name} twice.") from error

    def use(self, name: str) -> bool:
        """Mark the file as one that a row names; False where it is known to be absent.

        Raises CannotRestore for one that is neither here nor known to be absent.
        """
        used = self._used(name)
        if used.exists():
            return True
        used.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(self._waiting(name), used)
        except FileNotFoundError as error:
            if name in self.absent:
                return False
            raise CannotRestore(f"A row names {name}, which the export does not hold.") from error
        return True

    def put_in_place(self) -> None:
        """Move what is used to where the site looks for it. Undone by leaving the block with an error."""
        for folder in MEDIA_FOLDERS:
            new, final = self.media / WAITING / "used" / folder, self.media / folder
            if new.exists():
                shutil.rmtree(final, ignore_errors=True)  # `check_free` has seen that it holds no file
                self._place(new, final)
        for new in sorted((self.models / WAITING / "used").glob("*")):
            final = self.models / new.name
            if final.exists():
                self._place(final, self.models / WAITING / f"{new.name}.before")
            self._place(new, final)

    def _place(self, new: Path, final: Path) -> None:
        os.rename(new, final)
        self._placed.append((new, final))

    def take_back(self) -> None:
        while self._placed:
            new, final = self._placed.pop()
            os.rename(final, new)

    def _waiting(self, name: str) -> Path:
        return self._root(name) / "waiting" / name.partition("/")[2]

    def _used(self, name: str) -> Path:
        return self._root(name) / "used" / name.partition("/")[2]

    def _root(self, name: str) -> Path:
        return (self.media if name.startswith("media/") else self.models) / WAITING


@contextmanager
def staging() -> Iterator[Staging]:
    """A place for files beside the media and models folders, cleared in any case; one restore at a time.

    Left with an error, what was put in place is taken away again. Raises CannotRestore where the media folder
    holds pictures already, another restore goes on, or the folders cannot be written.
    """
    stage = Staging()
    try:
        for folder in (stage.media, stage.models):
            folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(stage.media / f"{WAITING}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotRestore(f"{error.filename} cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotRestore(f"Another restore into {stage.media} goes on: wait for its end.") from error
        _check_free(stage)
        _clear(stage)  # what a restore that was killed has left
        try:
            yield stage
        except BaseException:
            stage.take_back()
            raise
        finally:
            _clear(stage)
            (stage.media / f"{WAITING}.lock").unlink(missing_ok=True)
    finally:
        os.close(lock)


def _check_free(stage: Staging) -> None:
    for name in MEDIA_FOLDERS:
        folder = stage.media / name
        if any(path.is_file() for path in folder.rglob("*")):
            raise CannotRestore(
                f"{folder} holds pictures already: move them away, or set POSTERSITE_VAR to a new folder."
            )


def _clear(stage: Staging) -> None:
    for folder in (stage.media, stage.models):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / WAITING)
