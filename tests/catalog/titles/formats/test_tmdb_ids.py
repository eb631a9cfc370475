"""Titles from TMDB's daily export of movie ids."""

import json
from pathlib import Path

import pytest

from catalog.titles.formats import tmdb_ids
from catalog.titles.formats.records import ReadOptions, SourceError
from tests.ml.csv_files.packed_files import gzipped, written

from .csv_files import sorted_out


def line(number: object, title: object = "Paper Comet", **more: object) -> str:
    fields = {
        "adult": False,
        "id": number,
        "original_title": title,
        "popularity": 2.405,
        "video": False,
    } | more
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def test_films_become_tentative_titles_and_others_are_skipped(tmp_path: Path) -> None:
    rows = [
        line(2, "Ariel"),
        line(3, "千と千尋"),
        line(4, adult=True),
        line(5, video=True),
        line(6, 'A "B"\\'),
    ]
    options = ReadOptions()
    path = gzipped(tmp_path / "movie_ids_11_22_2026.json.gz", "\n".join(rows) + "\n")
    titles, rejected = sorted_out(tmdb_ids.read(path, options))
    assert rejected == []
    assert [(title.tmdb_id, title.title) for title in titles] == [
        (2, "Ariel"),
        (3, "千と千尋"),
        (6, 'A "B"\\'),
    ]
    assert all(title.tentative_title and not title.genres and title.year is None for title in titles)
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
        (line(7, "x" * 501), "500 is the most"),
        (line(7, "\ud800").encode(errors="surrogatepass").decode(errors="surrogateescape"), "not UTF-8"),
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
    titles, [(number, message)] = sorted_out(tmdb_ids.read(path))
    assert [title.tmdb_id for title in titles] == [1, 9]
    assert number == 3
    assert reason in message


@pytest.mark.parametrize(
    "first",
    [
        '{"id":1,"original_name":"A Series","popularity":1.0}',
        '{"adult":false,"id":1,"name":"A Person","popularity":1.0}',
        "id,title",
        "[]",
        "[" * 100,
    ],
)
def test_another_export_is_refused(tmp_path: Path, first: str) -> None:
    with pytest.raises(SourceError, match=r"x\.json is not an export of movie ids"):
        list(tmdb_ids.read(written(tmp_path, "x.json", first + "\n" + line(1))))
