"""Titles from the user's own CSV."""

from pathlib import Path

import pytest

from catalog.titles.formats import csv_file
from catalog.titles.formats.records import SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

from .reading import titles_and_rejections


def read(folder: Path, text: str) -> tuple[list[TitleRecord], list[tuple[int, str]]]:
    return titles_and_rejections(csv_file.read(written(folder, "films.csv", text)))


def test_ids_are_local_unless_they_are_imdb_ids(tmp_path: Path) -> None:
    rows = '7,Salt Orchard,"action, sci fi"\nTT0000008,Paper Comet,drama\ntt12,New Arrival,\n'
    titles, rejections = read(tmp_path, "id,title,genres\n" + rows)
    assert rejections == []
    assert titles == [
        TitleRecord("Salt Orchard", genres=("Action", "Sci-Fi"), local_id="7"),
        TitleRecord("Paper Comet", genres=("Drama",), imdb_id="tt0000008"),
        TitleRecord("New Arrival", local_id="tt12"),
    ]


def test_every_optional_column(tmp_path: Path) -> None:
    header = "id;IMDb ID;tmdb-id;title;year;genres;overview;series;original_title\n"
    row = "a;7;7;Salt Orchard;1988;Drama|War;Trees.;Orchards;Suolapuutarha\n"
    [title], _ = read(tmp_path, header + row)
    assert title == TitleRecord(
        *("Salt Orchard", 1988, ("Drama", "War"), "tt0000007", 7, None, "a"),
        original_title="Suolapuutarha",
        overview="Trees.",
        franchise="Orchards",
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "2,Film,action,drama,1999",
            "5 cells where the header has 4; put a cell that contains the delimiter",
        ),
        (",Film,drama,", "no id"),
        ("2,,drama,", "the title is empty"),
        ("1,Again,drama,", "the id 1 was already on line 2"),
        ("tt0000001,Again,drama,", "the IMDb id tt0000001 was already on line 3"),
        ("x" * 300 + ",Film,drama,", "the id has 300 characters"),
        ("2," + "x" * 600 + ",drama,", "the title has 600 characters"),
        ("2,Film," + "x" * 100 + ",", "a genre name has 100 characters"),
        ("2,a\x1b[2Jb,drama,", "control characters"),
        ("2,Film," + "|".join(f"g{n}" for n in range(51)) + ",", "51 genres"),
        ("2,Film," + "Drama|" * 1000 + ",", "genres"),
        *((f"2,Film,,{year}", "year") for year in ("0", "1869", "2101", "88", "1e3", "-1988", "１９８８")),
    ],
)
def test_a_bad_row_is_rejected_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    good = ("1,First,drama,1870", "tt0000001,Second,drama,2100.0")
    titles, [(line, message)] = read(tmp_path, "\n".join(["id,title,genres,year", *good, row, "5,Last,war,"]))
    assert [(title.title, title.year) for title in titles] == [
        ("First", 1870),
        ("Second", 2100),
        ("Last", None),
    ]
    assert line == 4
    assert reason in message


@pytest.mark.parametrize("cell", ["nm0000007", "tt7", "tt0000007x", "0", "9" * 30, "../tt0000007"])
def test_invalid_imdb_ids_are_rejected(tmp_path: Path, cell: str) -> None:
    titles, [(_, reason)] = read(tmp_path, f"imdb_id,title\n{cell},Film\n")
    assert titles == []
    assert "is not an IMDb id such as tt0114709" in reason


def test_a_formula_or_code_is_a_title(tmp_path: Path) -> None:
    texts = [
        "=cmd|'/c calc'!A0",
        "@SUM(1+1)",
        "<script>alert(1)</script>",
        "'); DROP TABLE x; --",
        "{{ KEY }}",
    ]
    titles, _ = read(tmp_path, "id,title\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts)))
    assert [title.title for title in titles] == texts


@pytest.mark.parametrize("header", ["id,year", "title,year"])
def test_a_file_without_title_or_id_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SourceError, match=r"films\.csv has no column"):
        read(tmp_path, f"{header}\n1,1988\n")


@pytest.mark.real_data
def test_the_real_catalogue_is_read(real_data: Path) -> None:
    titles, rejections = titles_and_rejections(csv_file.read(real_data / "posters.csv"))
    assert len(titles) + len(rejections) == 10_500
    assert all("TMDB id" in reason for _, reason in rejections)
    assert len(rejections) <= 5
    assert len({genre for title in titles for genre in title.genres}) == 19
