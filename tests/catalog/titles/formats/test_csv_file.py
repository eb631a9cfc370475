"""Titles from the user's own CSV."""

from pathlib import Path

import pytest

from catalog.titles.formats import csv_file
from catalog.titles.formats.records import SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

from .csv_files import sorted_out


def test_the_format_of_the_article(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "films.csv",
        'id,title,genres\n7,Salt Orchard,"action, sci fi"\ntt0000008,Paper Comet,drama\n9,New Arrival,\n',
    )
    titles, rejected = sorted_out(csv_file.read(path))
    assert rejected == []
    assert titles == [
        TitleRecord("Salt Orchard", genres=("Action", "Sci-Fi"), local_id="7"),
        TitleRecord("Paper Comet", genres=("Drama",), imdb_id="tt0000008"),
        TitleRecord("New Arrival", local_id="9"),
    ]


def test_every_optional_column(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "films.csv",
        "id;IMDb ID;tmdb-id;title;year;genres;overview;series;original_title\n"
        "a;tt0000007;7;Salt Orchard;1988;Drama|War;Trees.;Orchards;Suolapuutarha\n",
    )
    [title], _ = sorted_out(csv_file.read(path))
    assert title == TitleRecord(
        "Salt Orchard",
        1988,
        ("Drama", "War"),
        "tt0000007",
        7,
        None,
        "a",
        original_title="Suolapuutarha",
        overview="Trees.",
        franchise="Orchards",
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            "2,Film,action,drama",
            "4 cells where the header has 3; put a cell that contains the delimiter in quotes",
        ),
        (",Film,drama", "no id"),
        ("2,,drama", "the title is empty"),
        ("1,Again,drama", "the id 1 was already on line 2"),
        ("tt0000001,Again,drama", "the IMDb id tt0000001 was already on line 3"),
        ("x" * 300 + ",Film,drama", "the id has 300 characters"),
        ("2," + "x" * 600 + ",drama", "the title has 600 characters"),
        ("2,Film," + "x" * 100, "a genre name has 100 characters"),
        ("2,Bell\x07,drama", "control characters"),
        ("2,a\x1b[2Jb,drama", "control characters"),
        ("2,Film," + "|".join(f"g{n}" for n in range(51)), "genres"),
        ("2,Film," + "|".join(f"g{n}" for n in range(10_000)), "genres"),
        ("2,Film," + "Drama|" * 1000, "genres"),
    ],
)
def test_a_bad_row_is_rejected_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    path = written(
        tmp_path, "films.csv", f"id,title,genres\n1,First,drama\ntt0000001,Second,drama\n{row}\n5,Last,war\n"
    )
    titles, [(line, message)] = sorted_out(csv_file.read(path))
    assert [title.title for title in titles] == ["First", "Second", "Last"]
    assert line == 4
    assert reason in message


@pytest.mark.parametrize("year", ["0", "1869", "2101", "9999", "88", "1e3", "next", "-1988", "１９８８"])
def test_an_invalid_year_is_rejected(tmp_path: Path, year: str) -> None:
    path = written(
        tmp_path, "films.csv", f"id,title,year\n1,Film,{year}\n2,Film,1870\n3,Film,\n4,Film,2100.0\n"
    )
    titles, [(line, reason)] = sorted_out(csv_file.read(path))
    assert [title.year for title in titles] == [1870, None, 2100]
    assert (line, "year" in reason) == (2, True)


@pytest.mark.parametrize(
    ("cell", "imdb_id"),
    [("tt0000007", "tt0000007"), ("TT0000007", "tt0000007"), ("7", "tt0000007"), ("12345678", "tt12345678")],
)
def test_imdb_ids_are_normalized(tmp_path: Path, cell: str, imdb_id: str) -> None:
    [title], _ = sorted_out(csv_file.read(written(tmp_path, "f.csv", f"imdb_id,title\n{cell},Film\n")))
    assert title.imdb_id == imdb_id


@pytest.mark.parametrize(
    "cell", ["nm0000007", "tt7", "tt0000007x", "0", "tt00000070000", "9" * 30, "../tt0000007", "tt٠٠٠٠٠٠٧"]
)
def test_invalid_imdb_ids_are_rejected(tmp_path: Path, cell: str) -> None:
    titles, [(_, reason)] = sorted_out(
        csv_file.read(written(tmp_path, "f.csv", f"imdb_id,title\n{cell},Film\n"))
    )
    assert titles == []
    assert "is not an IMDb id such as tt0114709" in reason


def test_an_id_that_is_not_an_imdb_id_is_local(tmp_path: Path) -> None:
    [title], _ = sorted_out(csv_file.read(written(tmp_path, "f.csv", "id,title\ntt12,Film\n")))
    assert (title.imdb_id, title.local_id) == (None, "tt12")


@pytest.mark.parametrize(
    "title",
    [
        "=cmd|'/c calc'!A0",
        "@SUM(1+1)",
        "<script>alert(1)</script>",
        "'); DROP TABLE x; --",
        "{{ SECRET_KEY }}",
    ],
)
def test_a_formula_or_code_is_a_title(tmp_path: Path, title: str) -> None:
    path = written(tmp_path, "f.csv", f'id,title\n1,"{title}"\n')
    assert sorted_out(csv_file.read(path)) == ([TitleRecord(title, local_id="1")], [])


def test_the_other_ids_of_a_rejected_row_stay_free(tmp_path: Path) -> None:
    path = written(tmp_path, "f.csv", "id,tmdb_id,title\na,1,First\nb,1,Repeat\nb,2,Second\n")
    titles, rejected = sorted_out(csv_file.read(path))
    assert [title.title for title in titles] == ["First", "Second"]
    assert rejected == [(3, "the TMDB id 1 was already on line 2")]


@pytest.mark.parametrize("header", ["id,year", "title,year"])
def test_a_file_without_title_or_id_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(SourceError, match="has no column") as caught:
        list(csv_file.read(written(tmp_path, "films.csv", f"{header}\n1,1988\n")))
    assert "films.csv" in str(caught.value)


@pytest.mark.real_data
def test_the_real_catalogue_is_read(real_data: Path) -> None:
    titles, rejected = sorted_out(csv_file.read(real_data / "posters.csv"))
    assert len(titles) + len(rejected) == 10_500
    assert all("TMDB id" in reason for _, reason in rejected)
    assert len(rejected) <= 5
    assert len({genre for title in titles for genre in title.genres}) == 19
