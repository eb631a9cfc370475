"""Titles from tmdb_5000_movies.csv."""

import csv
import io
import json
from pathlib import Path

import pytest

from catalog.sources import tmdb5000
from catalog.sources.records import SourceError, TitleRecord
from tests.catalog.sources.csv_files import sorted_out, written

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
    titles, rejected = sorted_out(tmdb5000.read(path))
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
        ({"genres": "Drama"}, "not a JSON list"),
        ({"genres": '{"id": 1, "name": "Drama"}'}, "not a JSON list"),
        ({"genres": '[{"id": 1}]'}, "not a JSON list"),
        ({"genres": '["Drama"]'}, "not a JSON list"),
        ({"genres": "[" * 50_000}, "not a JSON list"),
        ({"genres": '[{"name": "' + "x" * 100 + '"}]'}, "genre name"),
        ({"id": ""}, "the id is empty"),
        ({"id": "1e9"}, "not a positive whole number"),
        ({"id": "0"}, "not a positive whole number"),
        ({"id": "99999999999"}, "not a positive whole number"),
        ({"id": "2"}, "TMDB id 2 was already on line 2"),
        ({"title": " ", "original_title": ""}, "the title is empty"),
        ({"release_date": "1492-10-12"}, "1492 is outside 1870 to 2100"),
        ({"release_date": "soon"}, "not a date"),
        ({"release_date": "10/12/2009"}, "not a date"),
    ],
)
def test_a_bad_row_is_reported_and_the_rest_go_on(tmp_path: Path, row: dict[str, str], reason: str) -> None:
    path = written(tmp_path, "t.csv", csv_of({"id": "2"}, row | {"id": row.get("id", "5")}, {"id": "9"}))
    titles, [(line, said)] = sorted_out(tmdb5000.read(path))
    assert [title.tmdb_id for title in titles] == [2, 9]
    assert line == 3
    assert reason in said


def test_no_genres_no_date_and_no_overview_are_fine(tmp_path: Path) -> None:
    titles, rejected = sorted_out(tmdb5000.read(written(tmp_path, "t.csv", csv_of({"genres": ""}, {}))))
    assert rejected == []
    assert all(title.untagged and title.year is None and title.overview == "" for title in titles)


def test_the_credits_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no column 'id'"):
        list(tmdb5000.read(written(tmp_path, "credits.csv", "movie_id,title,cast,crew\n")))
