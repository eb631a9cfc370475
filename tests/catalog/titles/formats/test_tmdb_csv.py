"""Titles from published tables of TMDB data."""

import csv
import io
import json
from pathlib import Path

import pytest

from catalog.titles.formats import tmdb_csv
from catalog.titles.formats.records import ReadOptions, TitleRecord
from tests.ml.csv_files.packed_files import written

from .csv_files import sorted_out

COLUMNS = [
    *("budget", "genres", "homepage", "id", "keywords", "original_language", "original_title", "overview"),
    *("popularity", "production_companies", "production_countries", "release_date", "revenue", "runtime"),
    *("spoken_languages", "status", "tagline", "title", "vote_average", "vote_count"),
]
GENRES = json.dumps([{"id": 878, "name": "Science Fiction"}, {"id": 18, "name": "Drama"}])


def csv_of(*rows: dict[str, str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(
        {"id": str(n), "title": f"Film {n}", "genres": "[]"} | row for n, row in enumerate(rows, 1)
    )
    return text.getvalue()


def test_a_row_becomes_a_title(tmp_path: Path) -> None:
    row = {
        "id": "7",
        "title": "Winter Signals",
        "original_title": "Talvisignaalit",
        "genres": GENRES,
        "release_date": "2009-12-10",
        "overview": 'A "lighthouse"\n\nkeeper, alone.',
    }
    path = written(tmp_path, "tmdb_5000_movies.csv", csv_of(row, {"original_title": "Film 2"}))
    titles, rejected = sorted_out(tmdb_csv.read(path))
    assert rejected == []
    assert titles == [
        TitleRecord(
            "Winter Signals",
            2009,
            ("Sci-Fi", "Drama"),
            tmdb_id=7,
            original_title="Talvisignaalit",
            overview='A "lighthouse" keeper, alone.',
        ),
        TitleRecord("Film 2", tmdb_id=2),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"genres": '{"id": 1, "name": "Drama"}'}, "nor a list"),
        ({"genres": '[{"id": 1}]'}, "nor a list"),
        ({"genres": '["Drama", 3]'}, "nor a list"),
        ({"genres": '[{"name": 5}]'}, "nor a list"),
        ({"genres": f"[{'9' * 100_000}]"}, "nor a list"),
        ({"genres": '[{"name": "\\ud800"}]'}, "control characters"),
        ({"genres": "[not a list"}, "nor a list"),
        ({"genres": "[" * 50_000}, "nor a list"),
        ({"genres": "[" * 4_900}, "nor a list"),
        ({"genres": "[" + "-" * 4_900 + "1]"}, "nor a list"),
        ({"genres": "[{'name': open('/etc/passwd')}]"}, "nor a list"),
        ({"genres": '[{"name": "' + "x" * 100 + '"}]'}, "genre name"),
        ({"id": ""}, "the id is empty"),
        ({"id": "1e9"}, "not a positive whole number"),
        ({"id": "0"}, "not a positive whole number"),
        ({"id": "-7"}, "not a positive whole number"),
        ({"id": str(2**31)}, "not a positive whole number"),
        ({"id": "99999999999"}, "not a positive whole number"),
        ({"id": "2"}, "TMDB id 2 was already on line 2"),
        ({"title": " ", "original_title": ""}, "the title is empty"),
        ({"release_date": "1492-10-12"}, "1492 is outside 1870 to 2100"),
        ({"release_date": "0001-01-01"}, "outside 1870 to 2100"),
        ({"release_date": "99999-01-01"}, "not a date"),
        ({"release_date": "soon"}, "not a date"),
        ({"release_date": "10/12/09"}, "not a date"),
        ({"release_date": "1/2.2009"}, "not a date"),
    ],
)
def test_a_bad_row_is_rejected_and_the_rest_read(tmp_path: Path, row: dict[str, str], reason: str) -> None:
    path = written(tmp_path, "t.csv", csv_of({"id": "2"}, row | {"id": row.get("id", "5")}, {"id": "9"}))
    titles, [(line, message)] = sorted_out(tmdb_csv.read(path))
    assert [title.tmdb_id for title in titles] == [2, 9]
    assert line == 3
    assert reason in message


THE_MOVIES_DATASET = (
    "adult,belongs_to_collection,budget,genres,homepage,id,imdb_id,original_language,original_title,overview,"
    "popularity,poster_path,production_companies,production_countries,release_date,revenue,runtime,"
    "spoken_languages,status,tagline,title,video,vote_average,vote_count\n"
)


def metadata_row(number: int, **cells: str) -> str:
    fields = {
        "adult": "False",
        "genres": "[{'id': 18, 'name': 'Drama'}]",
        "id": str(number),
        "imdb_id": f"tt{number:07d}",
        "title": f"Film {number}",
        "video": "False",
    } | cells
    text = io.StringIO(newline="")
    csv.DictWriter(text, THE_MOVIES_DATASET.strip().split(","), restval="").writerow(fields)
    return text.getvalue()


def test_the_movies_dataset_with_python_literals(tmp_path: Path) -> None:
    rows = [
        metadata_row(
            862,
            belongs_to_collection="{'id': 10194, 'name': \"Paper's Comets\", 'poster_path': None}",
            genres="[{'id': 16, 'name': 'Animation'}, {'id': 878, 'name': 'Science Fiction'}]",
            release_date="1995-10-30",
        ),
        metadata_row(
            3, genres="[]", release_date="10/30/1995", adult="FALSE", belongs_to_collection="0.065736"
        ),
        metadata_row(4, adult="True"),
        metadata_row(5, video="TRUE"),
        metadata_row(6, adult=" - Written by nobody"),
        "half a row,that its line break tore off\n",
        metadata_row(7, imdb_id=""),
        metadata_row(862),
    ]
    path = written(tmp_path, "movies_metadata.csv", THE_MOVIES_DATASET + "".join(rows))
    options = ReadOptions()
    titles, rejected = sorted_out(tmdb_csv.read(path, options))
    assert titles == [
        TitleRecord("Film 862", 1995, ("Animation", "Sci-Fi"), "tt0000862", 862, franchise="Paper's Comets"),
        TitleRecord("Film 3", 1995, (), "tt0000003", 3),
        TitleRecord("Film 7", None, ("Drama",), None, 7),
    ]
    assert [line for line, _ in rejected] == [6, 7, 9]
    assert "neither true nor false" in rejected[0][1]
    assert "IMDb id tt0000862 was already on line 2" in rejected[2][1]
    assert options.skipped == {"adult": 1, "video": 1}
    for options, number in ((ReadOptions(adult=True), 4), (ReadOptions(video=True), 5)):
        titles, _ = sorted_out(tmdb_csv.read(path, options))
        assert [title.tmdb_id for title in titles] == [862, 3, number, 7]


def test_the_dataset_of_a_million_with_lists_of_names(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "TMDB_movie_dataset_v11.csv",
        "id,title,vote_average,vote_count,status,release_date,revenue,runtime,adult,backdrop_path,budget,"
        "homepage,imdb_id,original_language,original_title,overview,popularity,poster_path,tagline,genres,"
        "production_companies,production_countries,spoken_languages,keywords\n"
        "7,Winter Signals,8,3,Released,2010-07-15,8,1,False,/a.jpg,1,,tt1000007,fi,Talvisignaalit,"
        '"Cold, ""very""",83.9,/b.jpg,,"Action, Science Fiction, TV Movie","A, B",FI,FI,"snow, sea"\n'
        "8,Blue,0,0,Released,,0,0,True,,0,,,en,Blue,,0.6,,,,,,,\n"
        "9,No Facts,0,0,Rumored,,0,0,False,,0,,,en,No Facts,,0.6,,,,,,,\n",
    )
    titles, rejected = sorted_out(tmdb_csv.read(path))
    assert rejected == []
    assert titles == [
        TitleRecord(
            "Winter Signals",
            2010,
            ("Action", "Sci-Fi", "TV Movie"),
            "tt1000007",
            7,
            original_title="Talvisignaalit",
            overview='Cold, "very"',
        ),
        TitleRecord("No Facts", tmdb_id=9),
    ]
