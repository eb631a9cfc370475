"""Reading a CSV of labelled posters: what is taken, what is left out and why, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.labelled_set.listing import (
    MAX_OVERVIEW_LENGTH,
    LabelledSetError,
    label_table,
    read_labelled_set,
    sample,
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"")
    os.mkfifo(folder / "pipe.jpg")  # reading it would never end
    return folder


def read(images: Path, text: str | bytes):
    listing = images.parent / "posters.csv"
    listing.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labelled_set(listing, images)


def test_pipes_or_commas_part_genres_and_spellings_are_joined(images):
    found = read(images, 'file,genres\na.jpg,Drama|Sci-Fi\nb.jpg,"drama, Comedy"\nc.jpg, Drama | drama |\n')
    genres = [poster.genres for poster in found.posters]
    assert genres == [("Drama", "Sci-Fi"), ("Drama", "Comedy"), ("Drama",)]
    names, table = label_table(found.posters)
    assert names == ("Drama", "Comedy", "Sci-Fi")
    assert table.tolist() == [[1, 0, 1], [1, 1, 0], [1, 0, 0]]


def test_optional_columns_are_used_and_unknown_ones_named(images):
    header = "year,FILE,genres,series,imdb_id,tmdb_id,mood"
    found = read(images, f"\ufeff{header}\n1950,a.jpg,Drama,The  Saga,tt1,7,sad\n,b.jpg,Drama,,,7,\n")
    first, second = found.posters
    assert (first.year, first.series, first.movie, first.line) == (1950, "the saga", "imdb_id tt1", 2)
    assert (second.year, second.series, second.movie, second.line) == (None, "", "tmdb_id 7", 3)
    assert found.ignored_columns == ("mood",)
    assert found.rows == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("missing.jpg,Drama,", "no such file"),
        (".,Drama,", "no such file"),
        ("pipe.jpg,Drama,", "no such file"),
        (",Drama,", "names no file"),
        ("../posters.csv,Drama,", "leaves the folder"),
        ("/etc/passwd,Drama,", "leaves the folder"),
        ("C:\\a.jpg,Drama,", "leaves the folder"),
        ("b\x00.jpg,Drama,", "NUL"),
        (f"{'x' * 5000}.jpg,Drama,", "no such file"),
        ("a.jpg,Drama,", "line 2 names the same file"),
        ("./a.jpg,Drama,", "line 2 names the same file"),
        ("b.jpg,,", "no genre"),
        ("b.jpg,| |,", "no genre"),
        ("b.jpg,(no genres listed),", "no genre"),
        (f"b.jpg,{'|'.join(map(str, range(60)))},", "60 genres"),
        (f"b.jpg,{'long' * 30},", "cannot be the name of a genre"),
        ("b.jpg,Dra\x1bma,", "cannot be the name of a genre"),
        ("b.jpg,Drama", "header has 3"),
        ("b.jpg,Drama,,more", "header has 3"),
    ],
)
def test_a_bad_row_is_left_out_with_its_line_and_reason(images, row, why):
    found = read(images, f"file,genres,year\na.jpg,Drama,\n{row}\nc.jpg,Drama,1960\n")
    assert [poster.file for poster in found.posters] == ["a.jpg", "c.jpg"]
    [note] = found.left_out
    assert note.line == 3
    assert why in note.reason
    assert len(note.file) <= 200


@pytest.mark.parametrize(
    ("column", "cell"), [("year", "19xx"), ("year", "²019"), ("year", "0007"), ("text_only", "perhaps")]
)
def test_a_doubtful_cell_is_a_remark_and_the_row_stays(images, column, cell):
    found = read(images, f"file,genres,{column}\na.jpg,Drama,{cell}\n")
    assert getattr(found.posters[0], column) is None
    [remark] = found.remarks
    assert remark.line == 2 and remark.reason.startswith(f"{cell!r} ")


def test_an_overview_is_text_of_limited_length(images):
    long = "word " * MAX_OVERVIEW_LENGTH
    found = read(images, f'file,genres,overview\na.jpg,Drama,"<b>Two</b>\n lovers."\nb.jpg,Drama,{long}\n')
    assert found.posters[0].overview == "<b>Two</b> lovers."
    assert len(found.posters[1].overview) == MAX_OVERVIEW_LENGTH
    assert not found.ignored_columns


def test_title_language_and_text_only_are_taken_as_written(images):
    rows = 'a.jpg,Drama," Heat  (a film)",FR,yes\nb.jpg,Drama,,,NO\n'
    found = read(images, "file,genres,title,language,text_only\n" + rows)
    first, second = found.posters
    assert (first.title, first.language, first.text_only) == ("Heat (a film)", "FR", True)
    assert (second.title, second.language, second.text_only) == ("", "", False)
    assert not found.remarks and not found.ignored_columns


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("name,genres\na.jpg,Drama\n", "needs a header"),
        ("file,genres,file\na.jpg,Drama,b.jpg\n", "more than once"),
        ("file,genres\nnone.jpg,Drama\n", "no usable row. The first of 1 rows: there is no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(images, text, why):
    with pytest.raises(LabelledSetError, match=why):
        read(images, text)


def test_free_text_in_place_of_genres_is_refused(images, monkeypatch):
    monkeypatch.setattr("ml.labelled_set.listing.MAX_GENRES", 2)
    with pytest.raises(LabelledSetError, match="3 different names"):
        read(images, "file,genres\n" + "".join(f"{name}.jpg,tale {name}\n" for name in "abc"))


def test_a_missing_file_or_folder_is_one_sentence(tmp_path):
    with pytest.raises(LabelledSetError, match="--images"):
        read_labelled_set(tmp_path / "posters.csv", tmp_path / "none")
    with pytest.raises(LabelledSetError, match="does not exist"):
        read_labelled_set(tmp_path / "none.csv", tmp_path)


def test_a_sample_is_seeded_in_order_and_never_more_than_there_are(images):
    posters = read(images, "file,genres\na.jpg,Drama\nb.jpg,Drama\nc.jpg,Drama\n").posters
    assert sample(posters, None, 0) == sample(posters, 9, 0) == posters
    assert sample(posters, 2, 1) == sample(posters, 2, 1)
    lines = {tuple(poster.line for poster in sample(posters, 2, seed)) for seed in range(30)}
    assert lines == {(2, 3), (2, 4), (3, 4)}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300))
def test_whatever_the_bytes_only_rows_or_one_sentence_come_out(images, body):
    try:
        found = read(images, b"file,genres\n" + body)
    except LabelledSetError as error:
        assert str(error)
    else:
        assert all(poster.path.parent == images and poster.genres for poster in found.posters)
        assert len(found.posters) + len(found.left_out) == found.rows
