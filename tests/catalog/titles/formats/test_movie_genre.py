"""Titles from MovieGenre.csv."""

from pathlib import Path

from catalog.titles.formats import movie_genre
from catalog.titles.formats.records import TitleRecord
from tests.ml.csv_files.packed_files import written

from .csv_files import sorted_out

HEADER = "imdbId,Imdb Link,Title,IMDB Score,Genre,Poster\n"
POSTER = '"https://images.example/M/MV5B@._V1_UX182_CR0,0,182,268_AL_.jpg"'


def row(number: object, title: str, genre: str = "Drama|Comedy") -> str:
    return f"{number},http://www.imdb.com/title/tt{number},{title},8.3,{genre},{POSTER}\n"


def test_numeric_ids_and_years_in_titles(tmp_path: Path) -> None:
    text = (
        HEADER
        + row(114709, "Paper Comet (1995)", "Animation|Adventure|Comedy")
        + row(3500478, "Été (2014)", "")
    )
    text += row(10872600, '"Signals, the Sea and Me (1998–1999)"') + row(96, "No Year", "Short")
    titles, rejected = sorted_out(movie_genre.read(written(tmp_path, "MovieGenre.csv", text)))
    assert rejected == []
    assert titles == [
        TitleRecord("Paper Comet", 1995, ("Animation", "Adventure", "Comedy"), "tt0114709"),
        TitleRecord("Été", 2014, (), "tt3500478"),
        TitleRecord("Signals, the Sea and Me", 1998, ("Drama", "Comedy"), "tt10872600"),
        TitleRecord("No Year", None, ("Short",), "tt0000096"),
    ]


def test_windows_1252_is_detected_and_a_stray_byte_rejects_its_row(tmp_path: Path) -> None:
    rows = [row(n, f"Amélie {n} (2001)").encode("cp1252") for n in range(1, 31)]
    rows[9] = rows[9].replace(b"\xe9", b"\x81")
    titles, rejected = sorted_out(
        movie_genre.read(written(tmp_path, "m.csv", HEADER.encode() + b"".join(rows)))
    )
    assert len(titles) == 29
    assert {title.title[:6] for title in titles} == {"Amélie"}
    assert rejected == [(11, "the row contains bytes that are not Windows-1252")]


def test_repeated_and_invalid_rows_are_rejected(tmp_path: Path) -> None:
    text = (
        HEADER
        + row(1, "One (1990)")
        + row(1, "One (1991)")
        + row("", "No Id")
        + row("x", "X")
        + row(2, "(1990)")
    )
    titles, rejected = sorted_out(movie_genre.read(written(tmp_path, "m.csv", text)))
    assert [title.imdb_id for title in titles] == ["tt0000001"]
    assert [line for line, _ in rejected] == [3, 4, 5, 6]
    assert "IMDb id tt0000001 was already on line 2" in rejected[0][1]
    assert "the imdbId is empty" in rejected[1][1]
