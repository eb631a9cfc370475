"""Titles from movie_metadata.csv."""

from pathlib import Path

from catalog.titles.formats import imdb5000
from catalog.titles.formats.records import TitleRecord
from tests.ml.csv_files.packed_files import written

from .csv_files import sorted_out

HEADER = "color,director_name,genres,movie_title,title_year,movie_imdb_link\n"


def link(number: int) -> str:
    return f"http://www.imdb.com/title/tt{number:07d}/?ref_=fn_tt_tt_1"


def test_links_non_breaking_spaces_and_missing_years(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "movie_metadata.csv",
        HEADER
        + f"Color,A. B.,Action|Sci-Fi,Winter Signals\xa0,2009,{link(1)}\n"
        + f"Color,,Drama, Salt\xa0Orchard\xa0,,{link(2)}\n"
        + f"Color,,,Paper Comet\xa0,1988.0,{link(12345678)}\n",
    )
    titles, rejected = sorted_out(imdb5000.read(path))
    assert rejected == []
    assert titles == [
        TitleRecord("Winter Signals", 2009, ("Action", "Sci-Fi"), "tt0000001"),
        TitleRecord("Salt Orchard", None, ("Drama",), "tt0000002"),
        TitleRecord("Paper Comet", 1988, (), "tt12345678"),
    ]


def test_repeated_and_invalid_rows_are_rejected(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "movie_metadata.csv",
        HEADER
        + f"Color,,Drama,Winter Signals\xa0,2009,{link(1)}\n"
        + f"Color,,War,Winter Signals\xa0,2009,{link(1)}\n"
        + "Color,,Drama,No Link,2009,http://www.imdb.com/name/nm0000001/\n"
        + f"Color,,Drama,\xa0,2009,{link(3)}\n"
        + f"Color,,Drama,Far Future,3009,{link(4)}\n"
        + f"Color,,Drama,Fine,2010,{link(5)}\n",
    )
    titles, rejected = sorted_out(imdb5000.read(path))
    assert [title.title for title in titles] == ["Winter Signals", "Fine"]
    assert rejected == [
        (3, "the IMDb id tt0000001 was already on line 2"),
        (4, "the movie_imdb_link 'http://www.imdb.com/name/nm0000001/' contains no IMDb id"),
        (5, "the movie_title is empty"),
        (6, "the title_year 3009 is outside 1870 to 2100"),
    ]
