"""Titles from a folder of images and its labels."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.titles.formats import folder
from catalog.titles.formats._cells import InvalidCell
from catalog.titles.formats.records import SourceError, TitleRecord
from tests.ml.csv_files.packed_files import written

from .reading import titles_and_rejections


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    (root / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b_c.jpg", "deep/d.png", "tt0000007.jpg"):
        (root / name).write_bytes(b"image")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "out").symlink_to(tmp_path)
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    (root / "within.jpg").symlink_to(root / "a.jpg")
    os.mkfifo(root / "pipe.jpg")
    return root


def labels(images: Path, text: str) -> Path:
    return written(images.parent, "labels.csv", text)


def test_a_catalogue_of_other_things_than_films(images: Path) -> None:
    path = labels(images, "file,category,subcategory\na.jpg,Shoes,Sports\nb_c.jpg,boots,\ndeep/d.png,,\n")
    titles, rejections = titles_and_rejections(folder.read(images, path))
    root = images.resolve()
    assert rejections == []
    assert titles == [
        TitleRecord("a", genres=("Shoes",), local_id="a.jpg", poster_path=root / "a.jpg"),
        TitleRecord("b c", genres=("Boots",), local_id="b_c.jpg", poster_path=root / "b_c.jpg"),
        TitleRecord("d", local_id="deep/d.png", poster_path=root / "deep/d.png"),
    ]


def test_films_keep_their_public_ids(images: Path) -> None:
    path = labels(
        images, "image,imdb_id,title,year,genres\ntt0000007.jpg,tt0000007,Salt Orchard,1988,Drama|War\n"
    )
    [title], _ = titles_and_rejections(folder.read(images, path))
    assert (title.imdb_id, title.local_id, title.year) == ("tt0000007", None, 1988)
    assert title.poster_path == images.resolve() / "tt0000007.jpg"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.jpg", "is not in the folder"),
        ("pipe.jpg", "is not in the folder"),
        ("deep", "is not in the folder"),
        ("", "the file is empty"),
        (".", "not a path inside"),
        ("../secret.jpg", "not a path inside"),
        ("deep/../a.jpg", "not a path inside"),
        ("/etc/passwd", "not a path inside"),
        ("..\\secret.jpg", "not a path inside"),
        ("C:\\secret.jpg", "not a path inside"),
        ("\\\\host\\share\\x.jpg", "not a path inside"),
        ("out.jpg", "a link that leaves"),
        ("out/secret.jpg", "a link that leaves"),
        ("loop.jpg", "cannot be found"),
        ("x" * 5000, "cannot be found"),
    ],
)
def test_a_missing_or_outside_file_is_rejected(images: Path, name: str, reason: str) -> None:
    path = labels(images, f"file,title\n{name},Film\na.jpg,Fine\n")
    titles, [(line, message)] = titles_and_rejections(folder.read(images, path))
    assert [title.title for title in titles] == ["Fine"]
    assert line == 2
    assert reason in message


def test_links_inside_the_folder_and_windows_separators_are_understood(images: Path) -> None:
    path = labels(images, "path\nwithin.jpg\na.jpg\ndeep\\d.png\n")
    titles, [(_, reason)] = titles_and_rejections(folder.read(images, path))
    assert [title.local_id for title in titles] == ["a.jpg", "deep/d.png"]
    assert reason == "it repeats line 2"


def test_repeated_files_and_ids_are_rejected(images: Path) -> None:
    path = labels(images, "file,imdb_id\na.jpg,tt0000001\nb_c.jpg,tt0000001\n./a.jpg,tt0000002\n")
    _, rejections = titles_and_rejections(folder.read(images, path))
    assert rejections == [
        (3, "the IMDb id tt0000001 was already on line 2"),
        (4, "the file a.jpg was already on line 2"),
    ]


def test_a_missing_folder_or_column_is_an_error(images: Path) -> None:
    path = labels(images, "name,genre\nx,y\n")
    with pytest.raises(SourceError, match="is not a folder"):
        list(folder.read(images / "none", path))
    with pytest.raises(SourceError, match="has no column 'file' or"):
        list(folder.read(images, path))


@pytest.mark.slow
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.sampled_from(["..", ".", "", "a.jpg", "out", "deep", "d.png", "secret.jpg", "\0", "~", "C:"])
        | st.text(max_size=5),
        max_size=6,
    )
)
def test_no_name_leads_outside(images: Path, parts: list[str]) -> None:
    root = images.resolve()
    for separator in "/\\":
        try:
            found = folder.find_image(root, separator.join(parts))
        except InvalidCell:
            continue
        assert found.is_relative_to(root)
        assert found.read_bytes() == b"image"


@pytest.mark.real_data
def test_the_real_shoes_are_read(real_data: Path) -> None:
    titles, rejections = titles_and_rejections(folder.read(real_data / "shoes", real_data / "shoes.csv"))
    assert (len(titles), rejections) == (1997, [])
    assert {genre for title in titles for genre in title.genres} == {
        "Boots",
        "Flip Flops",
        "Sandals",
        "Shoes",
    }
