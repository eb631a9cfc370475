"""Files that are plain, gzipped, or inside a zip; they are streamed, never unpacked to disk."""

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

SHOWN_CHARACTERS = 200
# Limits against decompression bombs. Text compresses 5 to 20 times, padded text 50, and deflate up to 1,000.
MAX_RATIO = 100
MIN_ALLOWED_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 64 << 30
# Spreadsheets may leave empty rows below the data, at most the height of a sheet.
MAX_BLANK_LINES = 1 << 20
MAX_DIRECTORY_BYTES = 4 << 20

_BUFFER = 1 << 17
# Compressed bytes are read in small steps, so that a high ratio is noticed early.
_READ_SIZE = 1 << 14
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_END, _END64 = re.compile(rb"PK\x05\x06"), re.compile(rb"PK\x06\x06")
_SEE_END64 = 0xFFFFFFFF
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX)")
# Python's decoders for other methods have no limit on their output.
_LIMITED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class SourceError(ValueError):
    """A file cannot be used; the message names the file, the reason, and what to do."""


class TruncatedFile(SourceError):
    """A compressed file ends too early, is damaged, or expands too much; what was read before is valid."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file at `path`, or the file `member` in the zip at `path`."""

    path: Path
    member: str = ""

    @classmethod
    def of(cls, path: "Path | SourceFile") -> "SourceFile":
        return path if isinstance(path, SourceFile) else cls(path)

    @property
    def name(self) -> str:
        return shortened(PurePosixPath(self.member).name) or self.path.name

    def __str__(self) -> str:
        return f"{self.path}: {shortened(self.member)}" if self.member else str(self.path)

    def open(self) -> io.BufferedReader:
        """The file's bytes, decompressed while they are read, in constant memory.

        Raises SourceError if the file is missing or cannot be read. Reading raises TruncatedFile if it is
        truncated or damaged, or expands to over MAX_UNPACKED_BYTES or over MAX_RATIO times the bytes read.
        """
        if self.member:
            return self._open_member()
        file = _opened(self.path)
        if not file.peek(2).startswith(_GZIP):
            return file
        stream = gzip.GzipFile(fileobj=cast(BinaryIO, _SmallReads(file)))
        return io.BufferedReader(_Decompressed(stream, (file,), str(self), file), _BUFFER)

    def sibling(self, name: str) -> "SourceFile | None":
        """The file `name` or `name`.gz in the same folder, None if there is neither."""
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
                raise SourceError(f"{self.path} contains {many} named {shortened(self.member)!r}")
            [info] = found
            if info.flag_bits & 1 or info.compress_type not in _LIMITED_METHODS:
                raise SourceError(f"{self} is encrypted or compressed in a rare way; unpack it yourself")
            try:
                member = cast(zipfile.ZipExtFile, archive.open(info))
            except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
                raise SourceError(f"{self} cannot be read: {error}; is the zip damaged?") from error
        except BaseException:
            file.close()
            raise
        return io.BufferedReader(_Decompressed(member, (archive, file), str(self), file), _BUFFER)


def shortened(text: str) -> str:
    """`text` on one line, printable, and at most SHOWN_CHARACTERS long."""
    flat = "".join(c if c.isprintable() else " " for c in text[: SHOWN_CHARACTERS * 2]).strip()
    if len(flat) > SHOWN_CHARACTERS or len(text) > SHOWN_CHARACTERS * 2:
        return flat[: SHOWN_CHARACTERS - 1] + "…"
    return flat


def is_zip(path: Path) -> bool:
    """Whether `path` is an existing file that starts like a zip."""
    if not path.is_file():
        return False
    with _opened(path) as file:
        return file.read(4) in _ZIP


def files_in_zip(path: Path) -> list[SourceFile]:
    """The files in the zip at `path`, without hidden ones. Raises SourceError if it cannot be read."""
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
    if _directory_size(file) > MAX_DIRECTORY_BYTES:
        raise SourceError(f"{path} lists too many files for an archive of titles; unpack it yourself")
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, struct.error) as error:
        raise SourceError(f"{path} is not a complete zip ({error}); was the download interrupted?") from error


def _directory_size(file: BinaryIO) -> int:
    # zipfile creates an object for every entry at once, which takes tens of times the directory's size.
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 128))
    tail = file.read()
    ends = [int.from_bytes(tail[at.end() + 8 : at.end() + 12], "little") for at in _END.finditer(tail)]
    large = [int.from_bytes(tail[at.end() + 36 : at.end() + 44], "little") for at in _END64.finditer(tail)]
    return max([0, *large, *(size for size in ends if size != _SEE_END64)])


class _SmallReads:
    """A file of which a decompressor reads no more than _READ_SIZE bytes at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, _READ_SIZE) if size >= 0 else _READ_SIZE)


class _Decompressed(io.RawIOBase):
    """Decompressed bytes within the limits; errors are TruncatedFile. `compressed` is the file read."""

    def __init__(
        self,
        stream: gzip.GzipFile | zipfile.ZipExtFile,
        owners: tuple[BinaryIO | zipfile.ZipFile, ...],
        name: str,
        compressed: BinaryIO,
    ) -> None:
        self._stream = stream
        self._owners = owners
        self._name = name
        self._compressed = compressed
        self._start = compressed.tell()
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # One step of the decompressor: after an error, a larger read would lose the steps before.
            data = self._stream.read1(min(len(buffer), _READ_SIZE))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise TruncatedFile(
                f"{self._name} is truncated or damaged after {self._count:,} unpacked bytes ({error}); "
                "what came before is used. Download it again and repeat"
            ) from error
        self._count += len(data)
        read = self._compressed.tell() - self._start
        if self._count > min(MAX_UNPACKED_BYTES, max(MIN_ALLOWED_BYTES, MAX_RATIO * read)):
            raise TruncatedFile(
                f"{self._name} expands to over {MAX_RATIO} times its size or {MAX_UNPACKED_BYTES >> 30} GiB, "
                "so it may be malicious. If you trust it, unpack it yourself and import the result"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            for stream in (self._stream, *self._owners):
                stream.close()
        super().close()


class BlankLines:
    """Limits the blank lines of a file to MAX_BLANK_LINES more than it has other lines."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = MAX_BLANK_LINES

    def count(self, *, blank: bool) -> None:
        """Count one line. Raises SourceError if too many are blank."""
        self._left += -1 if blank else 1
        if self._left < 0:
            raise SourceError(f"{self._file} has over {MAX_BLANK_LINES:,} blank rows; is it the right file?")


def read_lines(file: BinaryIO, max_bytes: int, name: str = "the file") -> Iterator[tuple[int, bytes, bool]]:
    """Yield (number from 1, line without its ending, whether it is complete); longer lines are cut.

    Raises SourceError, with the file's `name`, if too many lines are blank.
    """
    number = 0
    blank_lines = BlankLines(name)
    while line := file.readline(max_bytes):
        number += 1
        blank_lines.count(blank=not line.strip())
        is_whole = len(line) < max_bytes or line.endswith(b"\n")
        if not is_whole:
            while (rest := file.readline(max_bytes)) and not rest.endswith(b"\n"):
                pass
        yield number, line.rstrip(b"\r\n"), is_whole
