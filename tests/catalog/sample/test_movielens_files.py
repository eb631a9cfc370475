"""The sample is written in MovieLens' form, habits included."""

import csv
import re
from pathlib import Path

from catalog.sample.films import LISTED_TWICE, sample_films, write_movielens


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_files_list_every_film_once(tmp_path: Path) -> None:
    write_movielens(tmp_path / "new" / "folder")
    movies = rows(tmp_path / "new" / "folder" / "movies.csv")
    links = rows(tmp_path / "new" / "folder" / "links.csv")
    assert list(movies[0]) == ["movieId", "title", "genres"]
    assert list(links[0]) == ["movieId", "imdbId", "tmdbId"]
    assert [row["movieId"] for row in movies] == [row["movieId"] for row in links]
    films = {str(film.movielens_id): film for film in sample_films()}
    for row in links:
        assert row["imdbId"] in ("", films[row["movieId"]].imdb_id.removeprefix("tt"))
        assert row["tmdbId"] in ("", str(films[row["movieId"]].tmdb_id))
        assert row["imdbId"] or row["tmdbId"]


def test_films_listed_twice_share_no_id_that_tells_them_apart(tmp_path: Path) -> None:
    write_movielens(tmp_path)
    ids = {row["movieId"]: (row["imdbId"], row["tmdbId"]) for row in rows(tmp_path / "links.csv")}
    by_title = {film.title: ids[str(film.movielens_id)] for film in sample_films()}
    for edition in sample_films():
        if edition.edition_of in LISTED_TWICE:
            assert by_title[edition.title][0] == "" and by_title[edition.edition_of][1] == ""
    assert sum("" in pair for pair in ids.values()) == 2 * len(LISTED_TWICE)


def test_titles_carry_the_year_and_put_the_article_last(tmp_path: Path) -> None:
    write_movielens(tmp_path)
    titles = {row["title"] for row in rows(tmp_path / "movies.csv")}
    assert "Lantern Hour, The (1978)" in titles
    assert "Dernier Tram pour Vauban, Le (1955)" in titles
    assert all(re.search(r" \(\d{4}\)$", title) for title in titles)
    assert not any(title.startswith("The ") for title in titles)


def test_genres_are_told_for_tagged_films_only(tmp_path: Path) -> None:
    write_movielens(tmp_path)
    told = {int(row["movieId"]): row["genres"] for row in rows(tmp_path / "movies.csv")}
    for film in sample_films():
        expected = "|".join(film.true_genres) if film.is_tagged else "(no genres listed)"
        assert told[film.movielens_id] == expected


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    write_movielens(tmp_path)
    first = (tmp_path / "movies.csv").read_bytes(), (tmp_path / "links.csv").read_bytes()
    write_movielens(tmp_path)
    assert first == ((tmp_path / "movies.csv").read_bytes(), (tmp_path / "links.csv").read_bytes())
