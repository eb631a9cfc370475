"""Titles from files with IMDb ids: title.basics.tsv, movie_metadata.csv, MovieGenre.csv."""

from pathlib import Path

import pytest

from catalog.titles.formats import imdb5000, imdb_basics, movie_genre
from catalog.titles.formats.records import MAX_SKIPPED_KINDS, ReadOptions, SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

from .published_headers import HEADERS
from .reading import titles_and_rejections

ROWS = [
    "tt0000001\tshort\tPaper Comet\tPaper Comet\t0\t1894\t\\N\t1\tDocumentary,Short",
    "tt0000009\tmovie\tMiss Harbour\tMiss Harbour\t0\t1894\t\\N\t45\tRomance",
    'tt0000012\tmovie\t"Signals\tLe "Signal"\t0\t\\N\t\\N\t\\N\t\\N',
    "tt0000502\ttvMovie\tÉté, l'\tÉté, l'\t0\t1905\t\\N\t100\tAction,Sci-Fi,Reality-TV",
    "tt0000630\ttvEpisode\tHamlet\tAmleto\t0\t1908\t\\N\t\\N\tDrama",
    "tt0000679\ttvSeries\tThe Long Tide\tThe Long Tide\t0\t1908\t1910\t120\tAdventure",
    "tt0000770\tmovie\tBlue\tBlue\t1\t1968\t\\N\t\\N\tAdult",
    "tt10000001\tmovie\tTen\tDiez\t0\t2019\t\\N\t90\tDrama",
]


def basics(folder: Path, *rows: str) -> Path:
    text = "".join(f"{row}\n" for row in (HEADERS["title.basics.tsv"][1], *rows))
    return written(folder, "title.basics.tsv", text.encode(errors="surrogateescape"))


def test_films_become_titles_and_other_types_are_skipped(tmp_path: Path) -> None:
    options = ReadOptions()
    titles, rejections = titles_and_rejections(imdb_basics.read(basics(tmp_path, *ROWS), options))
    assert rejections == []
    assert titles == [
        TitleRecord("Miss Harbour", 1894, ("Romance",), "tt0000009"),
        TitleRecord('"Signals', None, (), "tt0000012", original_title='Le "Signal"'),
        TitleRecord("Été, l'", 1905, ("Action", "Sci-Fi", "Reality-TV"), "tt0000502"),
        TitleRecord("Ten", 2019, ("Drama",), "tt10000001", original_title="Diez"),
    ]
    assert options.skipped == {"short": 1, "tvEpisode": 1, "tvSeries": 1, "adult": 1}
    options = ReadOptions(frozenset({"tvseries", "movie"}), adult=True)
    titles, _ = titles_and_rejections(imdb_basics.read(basics(tmp_path, *ROWS), options))
    assert [title.title for title in titles] == ["Miss Harbour", '"Signals', "The Long Tide", "Blue", "Ten"]
    assert "adult" not in options.skipped


def test_bad_rows_of_other_types_are_skipped_and_their_types_limited(tmp_path: Path) -> None:
    rows = (f"??\tkind{n}\t\\N\t\udce9\t7\tsoon\t\\N\t\\N\tDrama" for n in range(100))
    options = ReadOptions()
    assert list(imdb_basics.read(basics(tmp_path, *rows), options)) == []
    assert (options.skipped.total(), len(options.skipped)) == (100, MAX_SKIPPED_KINDS + 1)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("tt0001000\tmovie\tSlipped Title\t0\t1990", "8 cells where the header has 9"),
        ("nm0000001\tmovie\tA\tA\t0\t1990", "'nm0000001' is not an IMDb id"),
        ("\\N\tmovie\tNo Id\tNo Id\t0\t1990", "the tconst is empty"),
        ("tt0001001\tmovie\t\\N\t\\N\t0\t1990", "the primaryTitle is empty"),
        ("tt0001002\tmovie\tSlip\tSlip\t1990\t2009", "isAdult '1990' is neither true nor false"),
        ("tt0001003\tmovie\tOld\tOld\t0\t1492", "1492 is outside 1870 to 2100"),
        ("tt0001005\tmovie\tBroken \udce9\tX\t0\t1990", "bytes that are not UTF-8"),
        ("tt0001007\tmovie\t" + "x" * (1 << 20) + "\tX\t0\t1990", "over 1,048,576 bytes"),
    ],
)
def test_a_bad_row_of_basics_is_rejected_and_the_rest_read(tmp_path: Path, cells: str, reason: str) -> None:
    path = basics(tmp_path, ROWS[1], f"{cells}\t\\N\t\\N\tDrama", "", ROWS[-1])
    titles, [(line, message)] = titles_and_rejections(imdb_basics.read(path))
    assert [title.imdb_id for title in titles] == ["tt0000009", "tt10000001"]
    assert line == 3
    assert reason in message


def test_columns_are_found_by_name_after_a_byte_order_mark_with_any_line_endings(tmp_path: Path) -> None:
    header = "\ufeffgenres\tstartYear\tisAdult\tnew\toriginalTitle\tprimaryTitle\ttitleType\ttconst\r\n"
    path = written(tmp_path, "t.tsv", header + "Drama\t1990\t0\tx\tA\tA\tmovie\ttt0000007\r\n")
    assert list(imdb_basics.read(path)) == [TitleRecord("A", 1990, ("Drama",), "tt0000007")]


@pytest.mark.parametrize("content", ["", "tconst\tordering\tnconst\n", "id,title\n1,x\n", "\0\0"])
def test_another_file_than_basics_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(SourceError, match=r"x\.tsv is not a title\.basics\.tsv: .*titleType"):
        list(imdb_basics.read(written(tmp_path, "x.tsv", content)))


def test_links_non_breaking_spaces_and_missing_years(tmp_path: Path) -> None:
    link = "http://www.imdb.com/title/tt{:07d}/?ref_=fn_tt_tt_1".format
    rows = [
        "genres,movie_title,title_year,movie_imdb_link",
        f"Action|Sci-Fi,Winter Signals\xa0,2009,{link(1)}",
        f"Drama, Salt\xa0Orchard\xa0,,{link(2)}",
        f",Paper Comet\xa0,1988.0,{link(12345678)}",
        f"War,Winter Signals\xa0,2009,{link(1)}",
        "Drama,No Link,2009,http://www.imdb.com/name/nm0000001/",
        f"Drama,\xa0,2009,{link(3)}",
        f"Drama,Far Future,3009,{link(4)}",
    ]
    titles, rejections = titles_and_rejections(imdb5000.read(written(tmp_path, "m.csv", "\n".join(rows))))
    assert titles == [
        TitleRecord("Winter Signals", 2009, ("Action", "Sci-Fi"), "tt0000001"),
        TitleRecord("Salt Orchard", None, ("Drama",), "tt0000002"),
        TitleRecord("Paper Comet", 1988, (), "tt12345678"),
    ]
    assert rejections == [
        (5, "the IMDb id tt0000001 was already on line 2"),
        (6, "the movie_imdb_link 'http://www.imdb.com/name/nm0000001/' contains no IMDb id"),
        (7, "the movie_title is empty"),
        (8, "the title_year 3009 is outside 1870 to 2100"),
    ]


def genre_row(number: object, title: str, genre: str = "Drama|Comedy") -> str:
    return f"{number},http://www.imdb.com/title/tt{number},{title},8.3,{genre},\n"


def test_numeric_ids_and_years_in_titles(tmp_path: Path) -> None:
    rows = [
        genre_row(114709, "Paper Comet (1995)", "Animation|Adventure|Comedy"),
        genre_row(3500478, "Été (2014)", ""),
        genre_row(10872600, '"Signals, the Sea and Me (1998–1999)"'),
        genre_row(96, "No Year", "Short"),
        genre_row(96, "Another"),
        *(genre_row(*cells) for cells in (("", "No Id"), ("x", "X"), (2, "(1990)"))),
    ]
    path = written(tmp_path, "MovieGenre.csv", "\n".join([HEADERS["MovieGenre.csv"][1], "".join(rows)]))
    titles, rejections = titles_and_rejections(movie_genre.read(path))
    assert titles == [
        TitleRecord("Paper Comet", 1995, ("Animation", "Adventure", "Comedy"), "tt0114709"),
        TitleRecord("Été", 2014, (), "tt3500478"),
        TitleRecord("Signals, the Sea and Me", 1998, ("Drama", "Comedy"), "tt10872600"),
        TitleRecord("No Year", None, ("Short",), "tt0000096"),
    ]
    assert [line for line, _ in rejections] == [6, 7, 8, 9]
    assert "IMDb id tt0000096 was already on line 5" in rejections[0][1]
    assert "the imdbId is empty" in rejections[1][1]


def test_windows_1252_is_detected_and_a_stray_byte_rejects_its_row(tmp_path: Path) -> None:
    rows = [genre_row(n, f"Amélie {n} (2001)").encode("cp1252") for n in range(1, 31)]
    rows[9] = rows[9].replace(b"\xe9", b"\x81")
    header = HEADERS["MovieGenre.csv"][1].encode() + b"\n"
    path = written(tmp_path, "m.csv", header + b"".join(rows))
    titles, rejections = titles_and_rejections(movie_genre.read(path))
    assert len(titles) == 29
    assert {title.title[:6] for title in titles} == {"Amélie"}
    assert rejections == [(11, "the row contains bytes that are not Windows-1252")]
