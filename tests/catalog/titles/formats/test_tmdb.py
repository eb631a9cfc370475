"""Titles from published tables of TMDB data, and from TMDB's daily export of movie ids."""

import csv
import io
import json
from pathlib import Path

import pytest

from catalog.titles.formats import tmdb_csv, tmdb_ids
from catalog.titles.formats.records import ReadOptions, SourceError, TitleRecord
from tests.ml.csv_files.packed_files import gzipped, written

from .published_headers import HEADERS
from .reading import titles_and_rejections


def table(folder: Path, name: str, *rows: dict[str, str]) -> Path:
    """A published table in which every row has an id and a title."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADERS[name][1].split(","), restval="")
    writer.writeheader()
    for number, row in enumerate(rows, 1):
        writer.writerow({"id": number, "title": f"Film {number}"} | row)
    return written(folder, name, text.getvalue())


def test_the_tmdb_5000_dataset_with_json(tmp_path: Path) -> None:
    row = {
        "id": "7",
        "title": "Winter Signals",
        "original_title": "Talvisignaalit",
        "genres": '[{"id": 878, "name": "Science Fiction"}, {"id": 18, "name": "Drama"}]',
        "release_date": "2009-12-10",
        "overview": 'A "lighthouse"\n\nkeeper, alone.',
    }
    path = table(tmp_path, "tmdb_5000_movies.csv", row, {"original_title": "Film 2", "genres": "[]"})
    titles, rejections = titles_and_rejections(tmdb_csv.read(path))
    assert rejections == []
    assert titles == [
        TitleRecord(
            *("Winter Signals", 2009, ("Sci-Fi", "Drama"), None, 7),
            original_title="Talvisignaalit",
            overview='A "lighthouse" keeper, alone.',
        ),
        TitleRecord("Film 2", tmdb_id=2),
    ]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("genres", '{"id": 1, "name": "Drama"}', "nor a list"),
        ("genres", '[{"id": 1}]', "nor a list"),
        ("genres", '["Drama", 3]', "nor a list"),
        ("genres", f"[{'9' * 100_000}]", "nor a list"),
        ("genres", '[{"name": "\\ud800"}]', "control characters"),
        ("genres", "[not a list", "nor a list"),
        ("genres", "[" * 50_000, "nor a list"),
        ("genres", "[" * 4_900, "nor a list"),
        ("genres", "[" + "-" * 4_900 + "1]", "nor a list"),
        ("genres", "[{'name': open('/etc/passwd')}]", "nor a list"),
        ("genres", '[{"name": "' + "x" * 100 + '"}]', "genre name"),
        ("id", "", "the id is empty"),
        ("id", "1e9", "not a positive whole number"),
        ("id", str(2**31), "not a positive whole number"),
        ("id", "1", "TMDB id 1 was already on line 2"),
        ("title", " ", "the title is empty"),
        ("release_date", "1492-10-12", "1492 is outside 1870 to 2100"),
        ("release_date", "99999-01-01", "not a date"),
        ("release_date", "10/12/09", "not a date"),
        ("release_date", "1/2.2009", "not a date"),
        ("adult", " - Written by nobody", "neither true nor false"),
        ("imdb_id", "tt7", "not an IMDb id"),
    ],
)
def test_a_bad_row_is_rejected_and_the_rest_read(tmp_path: Path, column: str, cell: str, reason: str) -> None:
    path = table(tmp_path, "movies_metadata.csv", {}, {column: cell}, {})
    titles, [(line, message)] = titles_and_rejections(tmdb_csv.read(path))
    assert [title.tmdb_id for title in titles] == [1, 3]
    assert line == 3
    assert reason in message


def test_the_movies_dataset_with_python_literals(tmp_path: Path) -> None:
    rows = [
        {
            "imdb_id": "tt0000001",
            "belongs_to_collection": "{'id': 10194, 'name': \"Paper's Comets\", 'poster_path': None}",
            "genres": "[{'id': 16, 'name': 'Animation'}, {'id': 878, 'name': 'Science Fiction'}]",
            "release_date": "1995-10-30",
        },
        {"release_date": "10/30/1995", "adult": "FALSE", "belongs_to_collection": "0.065736"},
        {"adult": "True"},
        {"video": "TRUE"},
    ]
    path = table(tmp_path, "movies_metadata.csv", *rows)
    with path.open("a") as file:
        file.write("half a row,that its line break tore off\n")
    options = ReadOptions()
    titles, rejections = titles_and_rejections(tmdb_csv.read(path, options))
    assert titles == [
        TitleRecord("Film 1", 1995, ("Animation", "Sci-Fi"), "tt0000001", 1, franchise="Paper's Comets"),
        TitleRecord("Film 2", 1995, tmdb_id=2),
    ]
    assert [line for line, _ in rejections] == [6]
    assert options.skipped == {"adult": 1, "video": 1}
    for options, number in ((ReadOptions(adult=True), 3), (ReadOptions(video=True), 4)):
        titles, _ = titles_and_rejections(tmdb_csv.read(path, options))
        assert [title.tmdb_id for title in titles] == [1, 2, number]


def test_the_dataset_of_a_million_with_names_between_commas(tmp_path: Path) -> None:
    row = {"genres": "Action, Science Fiction, TV Movie", "imdb_id": "tt1000007", "adult": "False"}
    path = table(tmp_path, "TMDB_movie_dataset_v11.csv", row)
    [title], _ = titles_and_rejections(tmdb_csv.read(path))
    assert title == TitleRecord("Film 1", None, ("Action", "Sci-Fi", "TV Movie"), "tt1000007", 1)


def line(number: object, title: object = "Paper Comet", **more: object) -> str:
    fields = {"adult": False, "id": number, "original_title": title, "video": False} | more
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def test_exported_films_become_tentative_titles_and_others_are_skipped(tmp_path: Path) -> None:
    names = {2: "Ariel", 3: "千と千尋", 6: 'A "B"\\'}
    rows = [*(line(*each) for each in names.items()), line(4, adult=True), line(5, video=True)]
    options = ReadOptions()
    path = gzipped(tmp_path / "movie_ids_11_22_2026.json.gz", "\n".join(rows) + "\n")
    titles, rejections = titles_and_rejections(tmdb_ids.read(path, options))
    assert rejections == []
    assert titles == [TitleRecord(title, tmdb_id=n, tentative_title=True) for n, title in names.items()]
    assert options.skipped == {"adult": 1, "video": 1}
    assert len(list(tmdb_ids.read(path, ReadOptions(adult=True, video=True)))) == 5


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(0), "the id 0 is not a positive whole number"),
        (line(True), "the id True is not"),
        (line("7"), "the id '7' is not"),
        (line(2.0), "the id 2.0 is not"),
        (line(2**31), "is not a positive whole number"),
        (line(7, ""), "the original_title is empty"),
        (line(7, None), "the original_title is not a text"),
        ('{"id": 7, "original_title": "\\ud800"}', "control characters"),
        (line(7, adult="no"), "adult is neither true nor false"),
        (line(1, "Again"), "the TMDB id 1 was already on line 1"),
        ('{"id": 7, "original_title": "cut', "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("[" * 60_000, "not a JSON object"),
        ('{"id": ' + "9" * 5_000 + "}", "not a JSON object"),
        (line(7, "x" * 70_000), "the line has over 65,536 bytes"),
        ("caf\udce9", "bytes that are not UTF-8"),
    ],
)
def test_a_bad_line_is_rejected_and_the_rest_read(tmp_path: Path, bad: str, reason: str) -> None:
    text = "\n".join([line(1), "", bad, line(9)])
    path = written(tmp_path, "m.json", text.encode(errors="surrogateescape"))
    titles, [(number, message)] = titles_and_rejections(tmdb_ids.read(path))
    assert [title.tmdb_id for title in titles] == [1, 9]
    assert number == 3
    assert reason in message


@pytest.mark.parametrize(
    "first",
    [
        '{"id":1,"original_name":"A Series","popularity":1.0}',
        '{"adult":false,"id":1,"name":"A Person","popularity":1.0}',
        "id,title",
        "[" * 100,
    ],
)
def test_another_export_is_refused(tmp_path: Path, first: str) -> None:
    with pytest.raises(SourceError, match=r"x\.json is not an export of movie ids"):
        list(tmdb_ids.read(written(tmp_path, "x.json", first + "\n" + line(1))))
