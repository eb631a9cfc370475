"""Any bytes in any format of titles are titles, rejected rows or a SourceError."""

import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from catalog.overviews import MAX_OVERVIEW_LENGTH
from catalog.titles.formats import csv_file, folder, imdb5000, imdb_basics, movielens, tmdb_csv, tmdb_ids
from catalog.titles.formats._cells import (
    InvalidCell,
    parse_local_id,
    parse_overview,
    parse_title,
)
from catalog.titles.formats.records import RejectedRow, SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

READERS: dict[str, tuple[str, Callable[[Path], Iterator[TitleRecord | RejectedRow]]]] = {
    "csv_file": ("id,title,genres,year,imdb_id,overview", csv_file.read),
    "tmdb": ("id,title,genres,release_date,original_title,overview", tmdb_csv.read),
    "imdb5000": ("movie_imdb_link,movie_title,genres,title_year", imdb5000.read),
    "movielens": ("movieId,title,genres", lambda path: movielens.read(path.parent)),
    "links": ("movieId,imdbId,tmdbId", lambda path: movielens.read(path.parent)),
    "imdb_basics": ("\t".join(imdb_basics.NAMES), imdb_basics.read),
    "tmdb_ids": ('{"id": 1, "original_title": "Film"}', tmdb_ids.read),
    "folder": ("file,title,genres,id", lambda path: folder.read(path.parent, path)),
}
FILES = {"movielens": "movies.csv", "links": "links.csv"}

cells = st.sampled_from(
    ["7", "tt0000007", "Film (1999)", "Drama|War", '[{"name": "Drama"}]', "1999-01-01", "[", '"']
)
bodies = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet='abé,;|"\n\r\t\0 0123456789()[]{}\u202e\u0301', max_size=200).map(str.encode),
    st.lists(st.lists(cells, max_size=7).map(",".join), max_size=6).map(
        lambda rows: "\n".join(rows).encode()
    ),
)


@pytest.mark.slow
@given(body=bodies)
def test_any_bytes_are_titles_or_rejected_rows(body: bytes) -> None:
    for name, (header, read) in READERS.items():
        note(name)
        with tempfile.TemporaryDirectory() as place:
            if name == "links":
                written(Path(place), "movies.csv", "movieId,title,genres\n1,Film,Drama\n")
            path = written(Path(place), FILES.get(name, "titles.csv"), header.encode() + b"\n" + body)
            try:
                rows = list(read(path))
            except SourceError as error:
                assert ".csv" in str(error)
                continue
        for row in rows:
            if isinstance(row, RejectedRow):
                assert row.reason and row.line >= 1 and row.text.isprintable()
            else:
                assert row.title == row.title.strip() and "\0" not in row.title and len(row.title) <= 500
                assert row.title.encode() and len(row.genres) <= 50


@pytest.mark.slow
def test_a_file_of_open_quotes_is_a_source_error(tmp_path: Path) -> None:
    path = written(tmp_path, "titles.csv", "id,title\n" + 'p","\n' * 60_000)
    with pytest.raises(SourceError):
        list(csv_file.read(path))


def test_a_cell_of_very_many_combining_marks_is_rejected() -> None:
    marks = "a" + "\u0315\u0300" * 200_000
    with pytest.raises(InvalidCell, match="400001 characters"):
        parse_title(marks)
    assert len(parse_overview(marks)) <= MAX_OVERVIEW_LENGTH
    with pytest.raises(InvalidCell, match="characters"):
        parse_local_id(marks)
    # A title written with separate marks may be longer until they are joined.
    assert parse_title(unicodedata.normalize("NFD", "ệ" * 400)) == "ệ" * 400


@pytest.mark.parametrize("text", ["\u200b", "\u2060\u200d", "\u202e", " \u00a0 "])
def test_a_title_of_invisible_characters_is_empty(text: str) -> None:
    with pytest.raises(InvalidCell, match="is empty"):
        parse_title(text)


def test_characters_that_change_the_text_direction_are_removed() -> None:
    assert parse_title("abc\u202efdp\u2066.exe") == "abcfdp.exe"
    assert parse_title("می\u200cخواهم") == "می\u200cخواهم"
