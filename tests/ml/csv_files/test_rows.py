"""Malformed rows are rejected with their line, and reading continues."""

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.csv_files.files import SHOWN_CHARACTERS, SourceError
from ml.csv_files.rows import MAX_ROW_LENGTH, RejectedRow, Row, read_rows
from tests.ml.csv_files.packed_files import written

NEEDS = [{"id"}, {"title"}]


def read(path: Path, **more: object) -> tuple[dict[int, dict[str, str]], dict[int, str]]:
    """The cells of the good rows by line, and the reasons of the bad ones by line."""
    good: dict[int, dict[str, str]] = {}
    bad: dict[int, str] = {}
    for row in read_rows(path, NEEDS, **more):  # type: ignore[arg-type]
        if isinstance(row, Row):
            good[row.line] = row.cells
        else:
            bad[row.line] = row.reason
    return good, bad


def test_lines_are_where_rows_start(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'id,title\n1,"two\nlines"\n\n2,plain\n3,"three\n\nlines"\n4,last')
    good, bad = read(path)
    assert {line: cells["id"] for line, cells in good.items()} == {2: "1", 5: "2", 6: "3", 9: "4"}
    assert good[2]["title"] == "two\nlines"
    assert bad == {}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,a,b", "3 cells where the header has 2; put a cell"),
        ("2", "1 cells where the header has 2"),
        ("2,nul\0", "NUL"),
        ('2,"a"b', "quote inside a cell twice"),
        ('2,"never closed', "quote"),
        ("2," + "x" * 200_000, "too long"),
    ],
)
def test_a_bad_row_rejects_only_itself(tmp_path: Path, row: str, reason: str) -> None:
    rest = "".join(f"{n},film {n}\n" for n in range(4, 60))
    path = written(tmp_path, "a.csv", f"id,title\n1,first\n{row}\n3,third\n{rest}")
    limit = csv.field_size_limit()
    good, bad = read(path)
    assert list(bad) == [3]
    assert reason in bad[3]
    assert csv.field_size_limit() == limit
    assert [cells["id"] for cells in good.values()] == ["1", "3", *map(str, range(4, 60))]
    assert good[4] == {"id": "3", "title": "third"}


def test_a_quote_that_closes_rows_later_rejects_only_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'id,title\n1,"open\n2,fine\n3,"good, quoted"\n4,last\n')
    good, bad = read(path)
    assert list(bad) == [2]
    assert [cells["title"] for cells in good.values()] == ["fine", "good, quoted", "last"]


def test_a_line_of_megabytes_is_rejected_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("id,title\n1,first\n2,")
        for _ in range(24):
            file.write("x" * MAX_ROW_LENGTH)
        file.write("\n3,third\n")
    tracemalloc.start()
    good, bad = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "too long" in bad[3]
    assert good[4]["title"] == "third"
    assert peak < 12 * MAX_ROW_LENGTH


def test_empty_cells_at_the_end_are_ignored(tmp_path: Path) -> None:
    good, bad = read(written(tmp_path, "a.csv", "id,title\n1,first,,\n,,,\n2,second\n"))
    assert [cells["title"] for cells in good.values()] == ["first", "second"]
    assert bad == {}


@pytest.mark.parametrize(
    ("header", "title"),
    [("\ufeffid,title", "x"), ("ID, Title ", "x"), ("id,TITLE", "x"), ("title,id,title", "first")],
)
def test_column_names_are_folded(tmp_path: Path, header: str, title: str) -> None:
    rest = "1,x" if header.count(",") == 1 else "first,1,second"
    good, _ = read(written(tmp_path, "a.csv", f"{header}\n{rest}\n"))
    assert good[2]["title"] == title


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_all_line_endings_are_read(tmp_path: Path, newline: str) -> None:
    good, bad = read(written(tmp_path, "a.csv", newline.join(["id,title", "1,a", "2,b,c", "3,d", ""])))
    assert (list(good), list(bad)) == ([2, 4], [3])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, "a.csv", f'id{delimiter}title\n1{delimiter}"a{delimiter}b;,"\n')
    good, _ = read(path)
    assert good[2] == {"id": "1", "title": f"a{delimiter}b;,"}


@pytest.mark.parametrize(
    ("encoding", "titles"),
    [
        ("utf-8", ["Amélie – “Été”"]),
        ("utf-8-sig", ["Amélie – “Été”"]),
        ("utf-16", ["Amélie – “Été”"]),
        ("cp1252", ["Amélie – “Été”"]),
        ("cp1252", ["À bout de souffle", "Der müde Tod", "¡Átame!", "Låt den rätte komma in", "Léon"]),
        ("cp1251", ["Иди и смотри", "Солярис", "Сталкер", "Летят журавли", "Ирония судьбы"]),
        ("cp1253", ["Ζορμπάς", "Ο Θίασος", "Το βλέμμα του Οδυσσέα", "Στέλλα", "Κυνόδοντας"]),
        ("cp932", ["七人の侍", "羅生門", "千と千尋の神隠し", "となりのトトロ", "もののけ姫"]),
        ("gb18030", ["霸王别姬", "大红灯笼高高挂", "阳光灿烂的日子", "让子弹飞", "花样年华"]),
    ],
)
def test_the_encoding_is_detected_and_logged_unless_it_is_unicode(
    tmp_path: Path, encoding: str, titles: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["id,title", *(f"{n},{title}" for n, title in enumerate(titles))]
    good, _ = read(written(tmp_path, "a.csv", "\n".join(lines).encode(encoding)))
    assert [cells["title"] for cells in good.values()] == titles
    assert ("a.csv is not UTF-8" in caplog.text) != encoding.startswith("utf")


def test_an_unclear_encoding_is_an_error_and_not_a_guess(tmp_path: Path) -> None:
    lines = ["id,title", *(f"{n},{title}" for n, title in enumerate(["שלום", "לבנון", "בופור"]))]
    with pytest.raises(SourceError, match="encoding"):
        read(written(tmp_path, "a.csv", "\n".join(lines).encode("cp862")))


def test_utf_16_that_ends_within_a_character_is_read(tmp_path: Path) -> None:
    good, _ = read(written(tmp_path, "a.csv", "id,title\n1,Film\n2,Other".encode("utf-16")[:-1]))
    assert good[2]["title"] == "Film"


def test_a_broken_line_does_not_change_the_encoding(tmp_path: Path) -> None:
    lines = ["id,title", "1,Amélie", "2,Été", "3,broken \udce9", "4,Señor", "5,plain"]
    path = written(tmp_path, "a.csv", "\n".join(lines).encode(errors="surrogateescape"))
    good, bad = read(path)
    assert [cells["title"] for cells in good.values()] == ["Amélie", "Été", "Señor", "plain"]
    assert bad == {4: "the row contains bytes that are not UTF-8"}


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "is empty"),
        (b"name,year\nx,1\n", "has no column 'id'"),
        (b"id,name\n1,x\n", "has no column 'title'"),
        (b"\x89PNG\x00\x1a\n\x00\x00", "encoding|binary data"),
        (b"PK\x03\x04\x00\x00", "binary data"),
        (b"x" * (MAX_ROW_LENGTH + 10), "too long"),
        (b'"id,title\n1,x\n', "line of column names"),
        ("id,title\n1,x\n".encode("utf-32"), "encoding|binary data"),
        (b"id,title\n1,\x81\x8d\n", "encoding of"),
    ],
)
def test_an_unreadable_file_is_an_error(tmp_path: Path, content: bytes, because: str) -> None:
    path = written(tmp_path, "films.csv", content)
    with pytest.raises(SourceError, match=because) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_or_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path)


def test_the_text_of_a_bad_row_is_short_and_printable(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "id,title\n1,\x1b[31m" + "x" * 5000 + ",2\n")
    [row] = list(read_rows(path, NEEDS))
    assert isinstance(row, RejectedRow)
    assert str(row) == f"a.csv, line 2: {row.reason}"
    assert row.text.isprintable()
    assert len(row.text) <= SHOWN_CHARACTERS


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cells, cells), max_size=8))
def test_what_the_csv_module_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "title"), *rows])
    good, bad = read(written(tmp_path, "a.csv", text.getvalue()))
    assert bad == {}
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert [(c["id"], c["title"]) for c in good.values()] == kept


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.lists(st.text(alphabet='a1",\r\0é ', max_size=12), max_size=8))
def test_good_rows_around_noise_are_read(tmp_path: Path, noise: list[str]) -> None:
    lines = ["id,title", "1,before", *noise, "2,after"]
    good, bad = read(written(tmp_path, "a.csv", "\n".join(lines)))
    assert good[2] == {"id": "1", "title": "before"}
    assert {"id": "2", "title": "after"} in good.values()
    assert set(good).isdisjoint(bad)
