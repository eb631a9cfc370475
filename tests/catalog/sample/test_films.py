"""The invented films, their posters, and the files from which they are imported."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from catalog.sample.films import LISTED_TWICE, sample_films, write_facts, write_movielens

FILMS = {film.title: film for film in sample_films()}
GENRES = {genre for film in FILMS.values() for genre in film.true_genres}
FEWEST_TAGGED = 10


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_ids_are_unique_and_of_no_real_film() -> None:
    films = sample_films()
    assert len(films) == 248
    for name in ("tmdb_id", "imdb_id", "movielens_id", "title", "overview"):
        assert len({getattr(film, name) for film in films}) == len(films)
    for film in films:  # no real film has such an id
        assert film.tmdb_id > 90_000_000
        assert film.imdb_id.startswith("tt99")
        assert film.movielens_id > 9_000_000


def test_every_film_has_a_poster_and_there_are_no_others() -> None:
    posters = [film.poster for film in sample_films()]
    for poster in posters:
        with Image.open(poster) as image:
            assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (500, 750))
    assert set(posters) == set(posters[0].parent.iterdir())


def test_each_film_has_one_to_three_genres_of_movielens_and_an_overview() -> None:
    assert len(GENRES) == 18
    for film in sample_films():
        assert 1 <= len(film.true_genres) <= 3
        assert len(set(film.true_genres)) == len(film.true_genres)
        assert 20 <= len(film.overview) <= 220
        assert 1920 <= film.year <= 2025


def test_a_quarter_is_untagged_and_every_genre_has_enough_films_to_learn_from() -> None:
    films = sample_films()
    untagged = [film for film in films if not film.is_tagged]
    assert len(untagged) == len(films) // 4
    assert all(film.genres == () for film in untagged)
    tagged = Counter(genre for film in films for genre in film.genres)
    assert set(tagged) == GENRES
    assert min(tagged.values()) >= FEWEST_TAGGED
    assert {genre for film in untagged for genre in film.true_genres} == GENRES


def test_re_releases_are_later_and_otherwise_the_same_film() -> None:
    editions = [film for film in sample_films() if film.edition_of]
    assert len(editions) >= 2
    for film in editions:
        original = FILMS[film.edition_of]
        assert film.year > original.year
        assert (film.true_genres, film.franchise) == (original.true_genres, original.franchise)


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    """The folder of the MovieLens files."""
    write_movielens(tmp_path / "new" / "folder")
    return tmp_path / "new" / "folder"


def test_movielens_files_list_every_film_once(movielens: Path) -> None:
    movies, links = rows(movielens / "movies.csv"), rows(movielens / "links.csv")
    assert [row["movieId"] for row in movies] == [row["movieId"] for row in links]
    films = {str(film.movielens_id): film for film in sample_films()}
    assert len(movies) == len(films)
    for row in links:
        assert row["imdbId"] in ("", films[row["movieId"]].imdb_id.removeprefix("tt"))
        assert row["tmdbId"] in ("", str(films[row["movieId"]].tmdb_id))
        assert row["imdbId"] or row["tmdbId"]


def test_films_listed_twice_share_no_id(movielens: Path) -> None:
    ids = {row["movieId"]: (row["imdbId"], row["tmdbId"]) for row in rows(movielens / "links.csv")}
    by_title = {film.title: ids[str(film.movielens_id)] for film in sample_films()}
    for edition in sample_films():
        if edition.edition_of in LISTED_TWICE:
            assert by_title[edition.title][0] == "" and by_title[edition.edition_of][1] == ""
    assert sum("" in pair for pair in ids.values()) == 2 * len(LISTED_TWICE)


def test_movielens_titles_end_with_the_article_and_the_year(movielens: Path) -> None:
    titles = {row["title"] for row in rows(movielens / "movies.csv")}
    assert {"Lantern Hour, The (1978)", "Dernier Tram pour Vauban, Le (1955)"} <= titles
    assert all(re.search(r" \(\d{4}\)$", title) and not title.startswith("The ") for title in titles)


def test_only_tagged_films_have_genres_in_movielens_files(movielens: Path) -> None:
    genres = {int(row["movieId"]): row["genres"] for row in rows(movielens / "movies.csv")}
    for film in sample_films():
        expected = "|".join(film.true_genres) if film.is_tagged else "(no genres listed)"
        assert genres[film.movielens_id] == expected


def test_the_file_of_facts_has_overviews_and_franchises(tmp_path: Path) -> None:
    write_facts(tmp_path / "facts.csv")
    for row, film in zip(rows(tmp_path / "facts.csv"), sample_films(), strict=True):
        assert (row["overview"], row["franchise"], row["genres"]) == (film.overview, film.franchise, "")
