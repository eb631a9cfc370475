"""The replica serves the films of a CSV file; bad rows are reported and skipped."""

from pathlib import Path

import pytest

from catalog.sample.site_movies import MoviesFileError, read_movies

HEADER = "file,imdb_id,tmdb_id,title,year,genres\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "posters.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_films_with_their_files(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'a.jpg,tt0000417,775.0,"Moon, A Trip",1902,Adventure\n,12,,No File,,\n')
    movies, problems = read_movies(path, tmp_path)
    assert problems == []
    found = [(movie.tmdb_id, movie.imdb_id, movie.title, movie.year, movie.poster) for movie in movies]
    assert found == [
        (775, "tt0000417", "Moon, A Trip", 1902, tmp_path / "a.jpg"),
        (None, "tt0000012", "No File", None, None),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("../secret,tt1,,T,1990,", "outside"),
        ("/etc/passwd,tt1,,T,1990,", "outside"),
        ("a.jpg,ttx,,T,1990,", "not an IMDb id"),
        ("a.jpg,tt1,five,T,1990,", "not a TMDB id"),
        ("a.jpg,tt1,5,T,MCMXC,", "not a year"),
        ("a.jpg,,,T,1990,", "neither"),
        ("a.jpg,tt7,,T,1990,", "same id"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_skipped(tmp_path: Path, row: str, reason: str) -> None:
    path = written(tmp_path, f"{HEADER}a.jpg,tt7,,First,1990,\n{row}\nb.jpg,tt8,,Last,1990,\n")
    movies, problems = read_movies(path, tmp_path)
    assert [movie.title for movie in movies] == ["First", "Last"]
    assert len(problems) == 1
    assert "line 3" in problems[0]
    assert reason in problems[0]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MoviesFileError, match="absent"):
        read_movies(tmp_path / "absent.csv", tmp_path)
    with pytest.raises(MoviesFileError, match="tmdb_id"):
        read_movies(written(tmp_path, "file,imdb_id,title,year\n"), tmp_path)
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + "a.jpg,tt1,,Été,1990,\n".encode("latin-1"))
    with pytest.raises(MoviesFileError, match="UTF-8"):
        read_movies(latin, tmp_path)


@pytest.mark.real_data
def test_the_real_list_is_read_completely(real_data: Path) -> None:
    movies, problems = read_movies(real_data / "posters.csv", real_data / "posters")
    assert len(movies) + len(problems) == 10_500
    assert len(problems) < 10
