"""The format of a file, a folder or a zip is detected by its columns."""

import os
from itertools import cycle
from pathlib import Path

import pytest

from catalog.titles.formats.records import SourceError
from catalog.titles.formats.registry import TITLE_FORMATS, detect_format, format_named
from ml.csv_files.files import SourceFile
from tests.ml.csv_files.packed_files import gzipped, written, zipped

from .published_headers import COMPANIONS, HEADERS


@pytest.mark.parametrize(
    ("name", "packed"), zip(sorted(HEADERS), cycle(["gzip", "zip", "plain"]), strict=False)
)
def test_published_files_are_detected(tmp_path: Path, name: str, packed: str) -> None:
    source, header = HEADERS[name]
    if packed == "plain":
        path = written(tmp_path, name, header + "\n")
    elif packed == "gzip":
        path = gzipped(tmp_path / f"{name}.gz", header + "\n")
    else:
        path = zipped(tmp_path / "archive.zip", {f"archive/{name}": header + "\n"})
    if packed == "zip" and source == "folder":
        with pytest.raises(SourceError, match="No titles were found"):
            detect_format(path)
        return
    found, file = detect_format(path)
    assert found.name == source
    assert file == SourceFile(path, f"archive/{name}" if packed == "zip" else "")


@pytest.mark.parametrize("name", COMPANIONS)
def test_companions_of_titles_are_described(tmp_path: Path, name: str) -> None:
    header, holds = COMPANIONS[name]
    with pytest.raises(SourceError, match="No titles were found in") as caught:
        detect_format(written(tmp_path, name, header + "\n"))
    assert f"{name} has {holds}" in str(caught.value)
    assert "movielens has movieid, title, genres" in str(caught.value)


@pytest.mark.parametrize(
    ("titles", "beside"),
    [
        ("movies.csv", ["links.csv", "ratings.csv", "tags.csv", "genome-scores.csv", "genome-tags.csv"]),
        ("tmdb_5000_movies.csv", ["tmdb_5000_credits.csv"]),
        ("movies_metadata.csv", ["credits.csv", "links.csv", "ratings.csv"]),
        ("title.basics.tsv", ["title.akas.tsv", "title.ratings.tsv", "name.basics.tsv"]),
        ("movie_ids_11_22_2026.json", ["person_ids_11_22_2026.json", "tv_series_ids_11_22_2026.json"]),
    ],
)
@pytest.mark.parametrize("packed", ["folder", "zip"])
def test_titles_are_found_among_their_companions(
    tmp_path: Path, titles: str, beside: list[str], packed: str
) -> None:
    files = {name: COMPANIONS[name][0] + "\n" for name in beside} | {titles: HEADERS[titles][1] + "\n"}
    files |= {"README.txt": "Summary\n=======\n", "empty.csv": "", "picture.csv": "\0\0\0"}
    os.mkfifo(tmp_path / "pipe.csv")  # reading it would never end
    for name, content in files.items():
        written(tmp_path, name, content)
    place = zipped(tmp_path.with_suffix(".zip"), files) if packed == "zip" else tmp_path
    source, file = detect_format(place)
    assert (source.name, file.name) == (HEADERS[titles][0], titles)


def test_several_lists_of_titles_are_an_error(tmp_path: Path) -> None:
    for name in ("movies.csv", "MovieGenre.csv"):
        written(tmp_path, name, HEADERS[name][1] + "\n")
    with pytest.raises(
        SourceError, match=r"MovieGenre\.csv \(movie_genre\), movies\.csv \(movielens\); give"
    ):
        detect_format(tmp_path)
    among = [source for source in TITLE_FORMATS if source.name == "movielens"]
    assert detect_format(tmp_path, among)[1].name == "movies.csv"


def test_the_error_for_an_unknown_file_names_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "Rank,Director,Gross\n1,A,2\n")
    with pytest.raises(SourceError) as caught:
        detect_format(path)
    assert "x.csv has the columns rank, director, gross" in str(caught.value)
    for source in TITLE_FORMATS:
        assert f"{source.name} has " in str(caught.value)


def test_unreadable_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        detect_format(tmp_path / "none.csv")
    with pytest.raises(SourceError, match=r"contains no file that ends in \.csv"):
        detect_format(tmp_path)
    with pytest.raises(SourceError, match="is empty"):
        detect_format(written(tmp_path, "a.csv", ""))
    with pytest.raises(SourceError, match="binary data"):
        detect_format(written(tmp_path, "a.jpg", b"\xff\xd8\0\0"))


def test_formats_have_names_and_aliases() -> None:
    assert [source.name for source in TITLE_FORMATS if format_named(source.name) is not source] == []
    tmdb = format_named("tmdb5000")
    assert tmdb is format_named("tmdb") is not None
    assert format_named("auto") is None
