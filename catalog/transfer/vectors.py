"""Vectors of one extractor as an .npy file: float16, one row a poster, written and read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.lib import format as npy

from .errors import CannotRestore

DTYPE = np.dtype("<f2")
ROWS_AT_ONCE = 1024
# A header as numpy writes it has some 130 bytes.
LONGEST_HEADER = 4096


class VectorsFile:
    """The file while it is written; its header says how many rows there were only when it is closed."""

    def __init__(self, path: Path, dims: int) -> None:
        self.dims = dims
        self.rows = 0
        self._file = path.open("w+b")
        self._write_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                # numpy leaves room in the header for a first dimension that grows.
                self._file.seek(0)
                self._write_header()

    def add(self, vector: bytes) -> None:
        """One more row, as stored. See `is_sound`."""
        self._file.write(vector)
        self.rows += 1

    def _write_header(self) -> None:
        shape = (self.rows, self.dims)
        npy.write_array_header_1_0(self._file, {"descr": DTYPE.str, "fortran_order": False, "shape": shape})


def is_sound(vector: bytes, dims: int) -> bool:
    """Whether a stored vector has so many numbers, all of them finite."""
    return len(vector) == dims * DTYPE.itemsize and bool(np.isfinite(np.frombuffer(vector, DTYPE)).all())


def read_vectors(path: Path, dims: int) -> Iterator[bytes]:
    """The rows of an .npy file from outside, each as it is stored.

    Raises CannotRestore, while it is read, for a file that is no such array, has rows of another length than
    `dims`, is cut short or too long, or holds a number that is not finite. Nothing in it is ever unpickled.
    """
    with path.open("rb") as file:
        rows = _rows(file, path, dims)
        width = dims * DTYPE.itemsize
        for start in range(0, rows, ROWS_AT_ONCE):
            wanted = min(ROWS_AT_ONCE, rows - start) * width
            block = file.read(wanted)
            if len(block) < wanted:
                raise CannotRestore(f"{path} is cut short: its header promises {rows} vectors.")
            if not np.isfinite(np.frombuffer(block, DTYPE)).all():
                raise CannotRestore(
                    f"{path} has a vector among rows {start + 1} to {start + wanted // width} with a number "
                    "that is not finite."
                )
            for at in range(0, wanted, width):
                yield block[at : at + width]
        if file.read(1):
            raise CannotRestore(f"{path} holds more than the {rows} vectors that its header promises.")


def _rows(file: IO[bytes], path: Path, dims: int) -> int:
    try:
        version = npy.read_magic(file)
        shape: tuple[Any, ...]
        shape, fortran, dtype = npy.read_array_header_1_0(file, max_header_size=LONGEST_HEADER)
    except (ValueError, EOFError, SyntaxError, OverflowError, MemoryError, RecursionError) as error:
        raise CannotRestore(f"{path} is no .npy file of vectors: {error}") from error
    if version != (1, 0) or fortran or dtype != DTYPE or len(shape) != 2 or shape[1] != dims or shape[0] < 0:
        raise CannotRestore(
            f"{path} holds {dtype.name} of shape {shape}; it should hold float16 rows of {dims} numbers."
        )
    return int(shape[0])
