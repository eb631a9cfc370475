"""Compressed files are streamed within limits."""

import gzip
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.csv_files import files
from ml.csv_files.files import SourceError, SourceFile, TruncatedFile, files_in_zip, read_lines
from ml.csv_files.rows import Row, first_line, read_rows
from tests.ml.csv_files.packed_files import gzipped, written, zipped

COLUMNS = [{"id"}, {"title"}]
ROWS = "id,title\n" + "".join(f"{n},Été {n}\n" for n in range(10_000))


@pytest.mark.slow
def test_all_members_of_a_gzip_file_are_read_like_a_plain_file(tmp_path: Path) -> None:
    plain = [(row.line, row.text) for row in read_rows(written(tmp_path, "a.csv", ROWS), COLUMNS)]
    content = ROWS.encode()
    packed = gzip.compress(content[:20_000]) + gzip.compress(content[20_000:])
    rows = list(read_rows(written(tmp_path, "a.csv.gz", packed), COLUMNS))
    assert [(row.line, row.text) for row in rows] == plain
    assert len(plain) == 10_000
    assert {row.file for row in rows} == {"a.csv.gz"}


def damaged(path: Path, damage: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    return path


def truncate(data: bytearray) -> None:
    del data[len(data) // 2 :]


def overwrite(data: bytearray) -> None:
    middle = len(data) // 2
    data[middle : middle + 2_000] = b"\xff" * 2_000


def break_checksum(data: bytearray) -> None:
    data[-6] ^= 0xFF


@pytest.mark.parametrize("damage", [truncate, overwrite, break_checksum])
def test_rows_before_the_damage_are_read(tmp_path: Path, damage: Callable[[bytearray], None]) -> None:
    path = damaged(gzipped(tmp_path / "a.csv.gz", ROWS), damage)
    rows = []
    with pytest.raises(
        TruncatedFile, match=r"a\.csv\.gz is truncated or damaged after [\d,]+ unpacked bytes"
    ):
        for row in read_rows(path, COLUMNS):
            rows.append(row)
    assert len(rows) > (8_000 if damage is break_checksum else 2_000)
    assert all(
        isinstance(row, Row) and row.cells["title"] == f"Été {row.cells['id']}" for row in rows[:2_000]
    )


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the blocks that were unpacked, of all files, in all passes over them."""
    sizes: list[int] = []
    readinto = files._Decompressed.readinto

    def counted(self: Any, buffer: Any) -> int:
        size = readinto(self, buffer)
        sizes.append(size)
        return size

    monkeypatch.setattr(files._Decompressed, "readinto", counted)
    return sizes


HEADER = "id,title,genres\n"
UNITS = ["\n", "\0", " ", "x", ",,,,\n", ",,\n", " \n"]


# A file without column names is rejected by its first line, so two of those are enough.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "header", "wrap"),
    [
        *zip(UNITS, cycle([HEADER]), cycle(["gzip", "zip"]), strict=False),
        ("\n", "", "zip"),
        ("x", "", "gzip"),
    ],
)
def test_a_bomb_is_rejected_after_a_small_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacked: list[int], unit: str, header: str, wrap: str
) -> None:
    # An eighth of the bounds, so that the test is quick: what is allowed does not depend on the file's size.
    monkeypatch.setattr(files, "MIN_ALLOWED_BYTES", files.MIN_ALLOWED_BYTES // 8)
    monkeypatch.setattr(files, "_READ_SIZE", files._READ_SIZE // 8)
    bomb = header + unit * ((8 << 20) // len(unit))
    if wrap == "gzip":
        file = SourceFile(gzipped(tmp_path / "a.csv.gz", bomb))
    else:
        file = SourceFile(zipped(tmp_path / "a.zip", {"a.csv": bomb}), "a.csv")
    with pytest.raises(SourceError):
        first_line(file)
        list(read_rows(file, COLUMNS))
    assert sum(unpacked) < 2 << 20


def test_a_bomb_does_not_fill_the_memory(tmp_path: Path, unpacked: list[int]) -> None:
    path = gzipped(tmp_path / "a.csv.gz", b"id,title\n1,first\n" + b"\0" * (24 << 20))
    tracemalloc.start()
    with pytest.raises(TruncatedFile, match="expands to over"):
        list(read_rows(path, COLUMNS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(unpacked) < 4 << 20
    assert peak < 12 << 20


def test_blank_rows_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BLANK_LINES", 1_000)
    for blank in ("\n", ",,\n", " , ,\n"):
        path = written(tmp_path, "a.csv", "id,title,genres\n1,One,\n" + blank * 1_002 + "2,Two,\n")
        rows = read_rows(path, COLUMNS)
        assert isinstance(next(rows), Row)
        with pytest.raises(SourceError, match="1,000 blank rows"):
            next(rows)
        # What a spreadsheet leaves below its table, and a line left blank after each row, are no harm.
        path = written(tmp_path, "a.csv", f"id,title,genres\n1,One,\n{blank * 999}" + f"x,Two,\n{blank}" * 9)
        assert len(list(read_rows(path, COLUMNS))) == 10
    with written(tmp_path, "a.txt", "\n" * 1_001).open("rb") as file, pytest.raises(SourceError):
        list(read_lines(file, 10))


@pytest.mark.slow
def test_memory_does_not_grow_with_a_gzipped_file(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 5_000):
        text = "id,title\n" + "".join(f"{n},{'x' * 300}\n" for n in range(count))
        path = gzipped(tmp_path / "a.csv.gz", text)
        del text
        tracemalloc.start()
        assert sum(isinstance(row, Row) for row in read_rows(path, [{"id"}])) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000


def test_files_in_a_zip_are_read_without_unpacking(tmp_path: Path) -> None:
    outside = ["/etc/evil.csv", "c:\\evil.csv"]
    names = ["ml/movies.csv", "ml/", "__MACOSX/ml/._movies.csv", "../../evil.csv", *outside]
    path = zipped(tmp_path / "a.zip", dict.fromkeys(names, ROWS))
    before = {file for folder in (tmp_path, tmp_path.parent) for file in folder.iterdir()}
    movies, *others = files_in_zip(path)
    assert (movies.name, str(movies)) == ("movies.csv", f"{path}: ml/movies.csv")
    assert [file.member for file in others] == outside
    for file in (movies, others[0]):
        assert sum(isinstance(row, Row) for row in read_rows(file, [{"id"}])) == 10_000
    assert {file for folder in (tmp_path, tmp_path.parent) for file in folder.iterdir()} == before


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_an_output_limit_are_refused(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "a.zip", {"movies.csv": ROWS}, method)
    with pytest.raises(SourceError, match="compressed in a rare way"):
        SourceFile(path, "movies.csv").open()


def encrypt(data: bytearray) -> None:
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1


def understate_size(data: bytearray) -> None:
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 1_000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [(encrypt, "encrypted"), (understate_size, "truncated or damaged"), (truncate, "not a complete zip")],
)
def test_an_encrypted_or_damaged_zip_is_an_error(
    tmp_path: Path, damage: Callable[[bytearray], None], message: str
) -> None:
    archive = zipped(tmp_path / "a.zip", {"movies.csv": ROWS})
    with pytest.raises(SourceError, match=message):
        SourceFile(damaged(archive, damage), "movies.csv").open().read()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("movies.csv", "one")
        archive.writestr("movies.csv", "two")
    with pytest.raises(SourceError, match=r"2 files named 'movies\.csv'"):
        SourceFile(path, "movies.csv").open()


def test_a_zip_with_a_huge_directory_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.csv": "" for n in range(300)})
    assert len(files_in_zip(path)) == 300
    monkeypatch.setattr(files, "MAX_DIRECTORY_BYTES", 10_000)
    with pytest.raises(SourceError, match="lists too many files"):
        files_in_zip(path)
    # The same with a second, smaller end record hidden in the first one's last field.

    def hide_second_end(data: bytearray) -> None:
        end = data.rindex(b"PK\x05\x06")
        data[end + 16 : end + 20] = b"PK\x05\x06"

    damaged(path, hide_second_end)
    with pytest.raises(SourceError, match="lists too many files"):
        files_in_zip(path)


def test_lines_are_numbered_and_cut(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", b"one\r\n\n" + b"x" * 95 + b"\nfour")
    with path.open("rb") as file:
        assert list(read_lines(file, 10)) == [
            (1, b"one", True),
            (2, b"", True),
            (3, b"x" * 10, False),
            (4, b"four", True),
        ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"PK\x03\x04", b"PK\x05\x06"]),
)
def test_any_bytes_are_read_or_a_source_error(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = written(tmp_path, "a.bin", start + content)
    for attempt in (lambda: SourceFile(path).open().read(), lambda: files_in_zip(path)):
        try:
            attempt()
        except SourceError as error:
            assert str(path) in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), bits=st.integers(1, 255), wrap=st.sampled_from(["gzip", "zip"]))
def test_a_flipped_byte_is_read_or_a_source_error(tmp_path: Path, at: int, bits: int, wrap: str) -> None:
    def flip(data: bytearray) -> None:
        data[at % len(data)] ^= bits

    text = ROWS[:3_000]
    if wrap == "zip":
        path = damaged(zipped(tmp_path / "a.zip", {"a.csv": text}), flip)
    else:
        path = damaged(gzipped(tmp_path / "a.gz", text), flip)
    try:
        for file in files_in_zip(path) if wrap == "zip" else [SourceFile(path)]:
            list(read_rows(file, COLUMNS))
    except SourceError:
        pass
