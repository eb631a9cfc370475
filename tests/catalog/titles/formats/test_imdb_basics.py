"""Titles from IMDb's title.basics.tsv."""

from pathlib import Path

import pytest

from catalog.titles.formats import imdb_basics
from catalog.titles.formats.records import MAX_SKIPPED_KINDS, ReadOptions, SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

from .csv_files import sorted_out

HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
)
ROWS = [
    "tt0000001\tshort\tPaper Comet\tPaper Comet\t0\t1894\t\\N\t1\tDocumentary,Short",
    "tt0000009\tmovie\tMiss Harbour\tMiss Harbour\t0\t1894\t\\N\t45\tRomance",
    'tt0000012\tmovie\t"Signals\tLe "Signal"\t0\t\\N\t\\N\t\\N\t\\N',
    "tt0000502\ttvMovie\tÉté, l'\tÉté, l'\t0\t1905\t\\N\t100\tAction,Sci-Fi,Reality-TV",
    "tt0000630\ttvEpisode\tHamlet\tAmleto\t0\t1908\t\\N\t\\N\tDrama",
    "tt0000679\ttvSeries\tThe Long Tide\tThe Long Tide\t0\t1908\t1910\t120\tAdventure",
    "tt0000770\tmovie\tBlue\tBlue\t1\t1968\t\\N\t\\N\tAdult",
    "tt0000800\tvideoGame\tOrchard\tOrchard\t0\t1999\t\\N\t\\N\t\\N",
    "tt10000001\tmovie\tTen\tDiez\t0\t2019\t\\N\t90\tDrama",
]
BAD = [
    ("tt0001000\tmovie\tSlipped Title\t0\t1990\t\\N\t\\N\tDrama", "8 cells where the header has 9"),
    ("nm0000001\tmovie\tA Person\tA Person\t0\t1990\t\\N\t\\N\tDrama", "'nm0000001' is not an IMDb id"),
    ("\\N\tmovie\tNo Id\tNo Id\t0\t1990\t\\N\t\\N\tDrama", "the tconst is empty"),
    ("tt0001001\tmovie\t\\N\t\\N\t0\t1990\t\\N\t\\N\tDrama", "the primaryTitle is empty"),
    ("tt0001002\tmovie\tSlip\tSlip\t1990\t2009\t\\N\t\\N\tDrama", "isAdult '1990' is neither true nor false"),
    ("tt0001003\tmovie\tOld\tOld\t0\t1492\t\\N\t\\N\tDrama", "1492 is outside 1870 to 2100"),
    ("tt0001004\tmovie\tBell\x07\tBell\t0\t1990\t\\N\t\\N\tDrama", "control characters"),
    ("tt0001005\tmovie\tBroken \udce9\tX\t0\t1990\t\\N\t\\N\tDrama", "bytes that are not UTF-8"),
    ("tt0001006\tmovie\t" + "x" * 600 + "\tX\t0\t1990\t\\N\t\\N\tDrama", "500 is the most"),
    ("tt0001007\tmovie\t" + "x" * (1 << 20) + "\tX\t0\t1990\t\\N\t\\N\tDrama", "over 1,048,576 bytes"),
]


def file_of(folder: Path, *rows: str) -> Path:
    text = HEADER + "".join(f"{row}\n" for row in rows)
    return written(folder, "title.basics.tsv", text.encode(errors="surrogateescape"))


def test_films_become_titles_and_other_types_are_skipped(tmp_path: Path) -> None:
    options = ReadOptions()
    titles, rejected = sorted_out(imdb_basics.read(file_of(tmp_path, *ROWS), options))
    assert rejected == []
    assert titles == [
        TitleRecord("Miss Harbour", 1894, ("Romance",), "tt0000009"),
        TitleRecord('"Signals', None, (), "tt0000012", original_title='Le "Signal"'),
        TitleRecord("Été, l'", 1905, ("Action", "Sci-Fi", "Reality-TV"), "tt0000502"),
        TitleRecord("Ten", 2019, ("Drama",), "tt10000001", original_title="Diez"),
    ]
    assert options.skipped == {"short": 1, "tvEpisode": 1, "tvSeries": 1, "adult": 1, "videoGame": 1}
    assert str(options).startswith("5 skipped: 1 ")


def test_bad_rows_of_other_types_are_skipped_and_their_types_limited(tmp_path: Path) -> None:
    rows = (f"??\tkind{n}\t\\N\t\udce9\t7\tsoon\t\\N\t\\N\tDrama" for n in range(100))
    options = ReadOptions()
    assert list(imdb_basics.read(file_of(tmp_path, *rows), options)) == []
    assert (options.skipped.total(), len(options.skipped)) == (100, MAX_SKIPPED_KINDS + 1)


def test_other_types_and_adult_titles_can_be_included(tmp_path: Path) -> None:
    options = ReadOptions(frozenset({"tvseries", "movie"}), adult=True)
    titles, _ = sorted_out(imdb_basics.read(file_of(tmp_path, *ROWS), options))
    assert [title.title for title in titles] == ["Miss Harbour", '"Signals', "The Long Tide", "Blue", "Ten"]
    assert "adult" not in options.skipped


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_row_is_rejected_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    titles, [(line, message)] = sorted_out(imdb_basics.read(file_of(tmp_path, ROWS[1], row, "", ROWS[8])))
    assert [title.imdb_id for title in titles] == ["tt0000009", "tt10000001"]
    assert line == 3
    assert reason in message


def test_columns_are_found_by_name_after_a_byte_order_mark_with_any_line_endings(tmp_path: Path) -> None:
    header = "\ufeffgenres\tstartYear\tisAdult\tnew\toriginalTitle\tprimaryTitle\ttitleType\ttconst\r\n"
    path = written(tmp_path, "t.tsv", header + "Drama\t1990\t0\tx\tA\tA\tmovie\ttt0000007\r\n")
    assert list(imdb_basics.read(path)) == [TitleRecord("A", 1990, ("Drama",), "tt0000007")]


@pytest.mark.parametrize("content", ["", "tconst\tordering\tnconst\n", "id,title\n1,x\n", "\0\0"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(
        SourceError, match=r"x\.tsv is not a title\.basics\.tsv: it has no column .*titleType"
    ):
        list(imdb_basics.read(written(tmp_path, "x.tsv", content)))
