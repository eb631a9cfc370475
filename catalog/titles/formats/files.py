"""A file of titles as it lies: plain, gzipped, or inside a zip; read in place, never unpacked to disk."""

import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from .records import SourceError, shortened

# Text packs 5 to 20 times smaller, text padded with spaces 50 times, and deflate can do 1,000.
MOST_TIMES = 100
ALWAYS_ALLOWED = 1 << 20
LARGEST_UNPACKED = 64 << 30
# Empty rows that a spreadsheet leaves below its data: at most the height of a sheet.
MOST_BLANK_LINES = 1 << 20
LARGEST_DIRECTORY = 4 << 20

_BUFFER = 1 << 17
# Packed bytes are read in small steps, so that the ratio is known early.
_PACKED_STEP = 1 << 14
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_END, _END64 = re.compile(rb"PK\x05\x06"), re.compile(rb"PK\x06\x06")
_SEE_END64 = 0xFFFFFFFF
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX)")
# The decoders of other methods unpack without a limit that the caller can set.
_LIMITED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class BreaksOff(SourceError):
    """Unpacking came to an end too early; what was read before is sound."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`path`, or the file `member` of the zip at `path`."""

    path: Path
    member: str = ""

    @classmethod
    def of(cls, place: "Path | SourceFile") -> "SourceFile":
        return place if isinstance(place, SourceFile) else cls(place)

    @property
    def name(self) -> str:
        return shortened(PurePosixPath(self.member).name) or self.path.name

    def __str__(self) -> str:
        return f"{self.path}: {shortened(self.member)}" if self.member else str(self.path)

    def open(self) -> io.BufferedReader:
        """Its bytes, unpacked as they are read, in constant memory.

        Raises SourceError, here or while reading (BreaksOff), when it is missing, cannot be read, is cut off
        or damaged, or unpacks to over LARGEST_UNPACKED bytes or, at any point, to over MOST_TIMES what was
        read of it.
        """
        if self.member:
            return self._open_member()
        file = _opened(self.path)
        if not file.peek(2).startswith(_GZIP):
            return file
        unpacked = _Unpacked(gzip.GzipFile(fileobj=cast(BinaryIO, _InSteps(file))), (file,), str(self), file)
        return io.BufferedReader(unpacked, _BUFFER)

    def beside(self, name: str) -> "SourceFile | None":
        """The file `name`, or `name`.gz, in the same folder; None when there is neither."""
        if self.member:
            wanted = str(PurePosixPath(self.member).with_name(name))
            return next((file for file in files_in_zip(self.path) if file.member == wanted), None)
        candidates = (self.path.with_name(name), self.path.with_name(f"{name}.gz"))
        return next((SourceFile(path) for path in candidates if path.is_file()), None)

    def _open_member(self) -> io.BufferedReader:
        file = _opened(self.path)
        try:
            archive = _archive(file, self.path)
            found = [info for info in archive.infolist() if info.filename == self.member]
            if len(found) != 1:
                many = f"{len(found)} files" if found else "no file"
                raise SourceError(f"{self.path} holds {many} named {shortened(self.member)!r}")
            [info] = found
            if info.flag_bits & 1 or info.compress_type not in _LIMITED_METHODS:
                raise SourceError(f"{self} is encrypted or packed in a rare way; unpack it yourself")
            try:
                member = cast(zipfile.ZipExtFile, archive.open(info))
            except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
                raise SourceError(f"{self} cannot be read: {error}; is the zip damaged?") from error
        except BaseException:
            file.close()
            raise
        return io.BufferedReader(_Unpacked(member, (archive, file), str(self), file), _BUFFER)


def is_zip(path: Path) -> bool:
    """Whether `path` is an existing file that begins as a zip does."""
    if not path.is_file():
        return False
    with _opened(path) as file:
        return file.read(4) in _ZIP


def files_in_zip(path: Path) -> list[SourceFile]:
    """The files in the zip at `path`, but for hidden ones. Raises SourceError if it cannot be read."""
    with _opened(path) as file, _archive(file, path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [SourceFile(path, name) for name in names if name and not _HIDDEN.search(name)]


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist; check the path") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder; a file was expected") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _archive(file: BinaryIO, path: Path) -> zipfile.ZipFile:
    if _directory_size(file) > LARGEST_DIRECTORY:
        raise SourceError(f"{path} lists too many files for an archive of titles; unpack it yourself")
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, struct.error) as error:
        raise SourceError(f"{path} is no whole zip ({error}); was it downloaded to its end?") from error


def _directory_size(file: BinaryIO) -> int:
    # zipfile makes an object of every entry before anything can be asked: tens of times the directory's size.
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 128))
    tail = file.read()
    ends = [int.from_bytes(tail[at.end() + 8 : at.end() + 12], "little") for at in _END.finditer(tail)]
    large = [int.from_bytes(tail[at.end() + 36 : at.end() + 44], "little") for at in _END64.finditer(tail)]
    return max([0, *large, *(size for size in ends if size != _SEE_END64)])


class _InSteps:
    """A packed file of which a decompressor gets no more than _PACKED_STEP bytes at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, _PACKED_STEP) if size >= 0 else _PACKED_STEP)


class _Unpacked(io.RawIOBase):
    """What a decompressor gives, counted; its many ways to fail said as one. `packed` is what it reads."""

    def __init__(
        self,
        stream: gzip.GzipFile | zipfile.ZipExtFile,
        owners: tuple[BinaryIO | zipfile.ZipFile, ...],
        shown: str,
        packed: BinaryIO,
    ) -> None:
        self._stream = stream
        self._owners = owners
        self._shown = shown
        self._packed = packed
        self._start = packed.tell()
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # One step of the decompressor: a larger read would lose, on an error, what its first steps gave.
            data = self._stream.read1(min(len(buffer), _PACKED_STEP))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise BreaksOff(
                f"{self._shown} breaks off or is damaged after {self._count:,} unpacked bytes ({error}); "
                "what came before it stays. Download it again and repeat the import"
            ) from error
        self._count += len(data)
        read = self._packed.tell() - self._start
        if self._count > min(LARGEST_UNPACKED, max(ALWAYS_ALLOWED, MOST_TIMES * read)):
            raise BreaksOff(
                f"{self._shown} unpacks to over {MOST_TIMES} times its size or {LARGEST_UNPACKED >> 30} GiB: "
                "it may be made to do harm. If you trust it, unpack it yourself and import the result"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            for stream in (self._stream, *self._owners):
                stream.close()
        super().close()


class BlankLines:
    """Counts the blank lines of a file that may hold no more than MOST_BLANK_LINES and one for each other."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = MOST_BLANK_LINES

    def count(self, *, blank: bool) -> None:
        """Raises SourceError when there are too many."""
        self._left += -1 if blank else 1
        if self._left < 0:
            raise SourceError(
                f"{self._file} has over {MOST_BLANK_LINES:,} rows without content; is it the right file?"
            )


def lines(file: BinaryIO, longest: int, shown: str = "the file") -> Iterator[tuple[int, bytes, bool]]:
    """(number from 1, line without its ending, whether whole); of one over `longest` bytes the start.

    Raises SourceError, which names the file as `shown`, when most lines of many are blank.
    """
    number = 0
    blank_lines = BlankLines(shown)
    while line := file.readline(longest):
        number += 1
        blank_lines.count(blank=not line.strip())
        whole = len(line) < longest or line.endswith(b"\n")
        if not whole:
            while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
                pass
        yield number, line.rstrip(b"\r\n"), whole
