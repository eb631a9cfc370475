"""Titles from a MovieLens folder."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.titles.formats import movielens
from catalog.titles.formats._cells import InvalidCell
from catalog.titles.formats.records import SourceError, TitleRecord
from ml.csv_files.files import SourceFile
from tests.ml.csv_files.packed_files import gzipped, written, zipped

from .reading import titles_and_rejections

MOVIES = """\
movieId,title,genres
1,Salt Orchard (1988),Children|Fantasy
2,"Lighthouse Choir, The (1961) ",Film-Noir|Drama
3,Paper Comet,(no genres listed)
4,Old Harbour (1854),Drama
x,Bad Id (1990),Drama
1,Salt Orchard again (1988),Drama
7,"Winter Signals (2006–2007)",Sci-Fi
"""
LINKS = """\
movieId,imdbId,tmdbId
1,0000001,11
2,0000002,
3,,33
7,0000001,77
8,0000008,88
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path, "movies.csv", MOVIES)
    written(tmp_path, "links.csv", LINKS)
    return tmp_path


def test_titles_come_with_years_genres_and_ids(folder: Path) -> None:
    titles, _ = titles_and_rejections(movielens.read(folder))
    assert titles == [
        TitleRecord("Salt Orchard", 1988, ("Children", "Fantasy"), "tt0000001", 11, 1),
        TitleRecord("The Lighthouse Choir", 1961, ("Film-Noir", "Drama"), "tt0000002", None, 2),
        TitleRecord("Paper Comet", None, (), None, 33, 3),
        TitleRecord("Winter Signals", 2006, ("Sci-Fi",), None, 77, 7),
    ]  # fmt: skip


def test_bad_rows_and_links_are_rejected_with_their_lines(folder: Path) -> None:
    rejections = [row for row in movielens.read(folder) if not isinstance(row, TitleRecord)]
    assert [str(row).partition(";")[0] for row in rejections] == [
        "links.csv, line 5: the imdbId tt0000001 already belongs to movieId 1",
        "movies.csv, line 5: the year 1854 is outside 1870 to 2100",
        "movies.csv, line 6: the movieId 'x' is not a positive whole number",
        "movies.csv, line 7: the MovieLens id 1 was already on line 2",
    ]


def test_titles_with_bad_links_are_imported_without_them(folder: Path) -> None:
    written(folder, "links.csv", "movieId,imdbId,tmdbId\n1,abc,11\n2,0000002,-4\nz,1,1\n3,0000003,33,9\n")
    titles, rejections = titles_and_rejections(movielens.read(folder))
    assert [(t.imdb_id, t.tmdb_id) for t in titles[:3]] == [(None, 11), ("tt0000002", None), (None, None)]
    assert [line for line, _ in rejections[:4]] == [2, 3, 4, 5]


def test_archives_gzipped_files_and_movies_csv_are_read_like_a_folder(folder: Path, tmp_path: Path) -> None:
    expected = list(map(str, movielens.read(folder)))
    nested = {
        "ml-25m/": "",
        "ml-25m/README.txt": "Summary",
        "ml-25m/links.csv": LINKS,
        "ml-25m/movies.csv": MOVIES,
    }
    packed = tmp_path / "packed"
    packed.mkdir()
    gzipped(packed / "movies.csv.gz", MOVIES)
    gzipped(packed / "links.csv.gz", LINKS)
    for path in (
        zipped(tmp_path / "ml-25m.zip", nested),
        zipped(tmp_path / "flat.zip", {"movies.csv": MOVIES, "links.csv": LINKS}),
        packed,
        folder / "movies.csv",
        SourceFile(folder / "movies.csv"),
    ):
        assert [str(row).replace(".csv.gz", ".csv") for row in movielens.read(path)] == expected


def test_links_in_another_folder_of_an_archive_are_not_used(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a/movies.csv": MOVIES, "b/links.csv": LINKS})
    titles, _ = titles_and_rejections(movielens.read(path))
    assert [title.imdb_id for title in titles] == [None] * 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a/movies.csv", "b/movies.csv"], r"more than one movies\.csv: .*a/movies\.csv and .*b/movies\.csv"),
        (["ratings.csv"], r"contains no movies\.csv"),
    ],
)
def test_an_archive_without_one_list_of_movies_is_refused(
    tmp_path: Path, files: list[str], message: str
) -> None:
    path = zipped(tmp_path / "a.zip", dict.fromkeys(files, MOVIES))
    with pytest.raises(SourceError, match=message):
        list(movielens.read(path))


def test_a_folder_without_movies_or_with_other_links_is_refused(folder: Path) -> None:
    written(folder, "links.csv", "userId,rating\n1,5\n")
    with pytest.raises(SourceError, match=r"links\.csv has no column 'movieid'"):
        list(movielens.read(folder))
    (folder / "movies.csv").unlink()
    with pytest.raises(SourceError, match=r"contains no movies\.csv"):
        list(movielens.read(folder))


@pytest.mark.parametrize(
    ("text", "title", "year"),
    [
        ("Salt Orchard (1988)", "Salt Orchard", 1988),
        ("Salt\xa0Orchard (1988)", "Salt Orchard", 1988),
        ("Winter Signals (2006–2007)", "Winter Signals", 2006),
        ("Winter Signals (1975-1979)", "Winter Signals", 1975),
        ("Winter Signals (2009– )", "Winter Signals", 2009),
        ("Winter Signals", "Winter Signals", None),
        ("(500) Winters (2009)", "(500) Winters", 2009),
        ("2001: A Signal (1968)", "2001: A Signal", 1968),
        ("Signal 1999", "Signal 1999", None),
        ("Harbour, The (1950)", "The Harbour", 1950),
        ("Winter's Tale, A (1950)", "A Winter's Tale", 1950),
        ("Orchard, An (1950)", "An Orchard", 1950),
        ("Signaux, Les (1950)", "Les Signaux", 1950),
        ("Aurore, L' (1950)", "L'Aurore", 1950),
        ("Good, the Salt and the Sea, The (1966)", "The Good, the Salt and the Sea", 1966),
        ("Harbour, The (Port, Le) (1950)", "The Harbour (Le Port)", 1950),
        ("Harbour, The (a.k.a. Old Harbour, The) (1950)", "The Harbour (a.k.a. The Old Harbour)", 1950),
        ("Harbour (a.k.a. Port 7) (1950)", "Harbour (a.k.a. Port 7)", 1950),
        ("Aurore, L' (Dawn, The) (Alba, Il) (1950)", "L'Aurore (The Dawn) (Il Alba)", 1950),
        ("Me, Myself and Theo (1950)", "Me, Myself and Theo", 1950),
        ("Theatre, Therefore (1950)", "Theatre, Therefore", 1950),
        ("(" * 490, "(" * 490, None),
    ],
)
def test_years_and_articles_are_taken_from_titles(text: str, title: str, year: int | None) -> None:
    assert movielens.split_title(text) == (title, year)


@pytest.mark.parametrize(
    "text", ["", "(1999)", "Far (9999)", "Film (1999) (9999)", "a, The " * 1000, "Early (1200)", "nul\0"]
)
def test_an_invalid_title_is_rejected(text: str) -> None:
    with pytest.raises(InvalidCell):
        movielens.split_title(text)


@given(st.text(max_size=60))
def test_any_title_is_split_or_rejected(text: str) -> None:
    try:
        title, year = movielens.split_title(text)
    except InvalidCell:
        return
    assert title.strip() == title != ""
    assert year is None or 1870 <= year <= 2100
    letters = Counter(title.replace(" ", ""))
    assert letters <= Counter(unicodedata.normalize("NFC", text))
