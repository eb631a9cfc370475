"""Groups and franchises of posters; parts share no group, are stored, and may not change."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.extractor_training import splits
from ml.extractor_training.errors import TrainingError
from ml.extractor_training.splits import (
    MAX_SERIES_POSTERS,
    draw_split,
    files_digest,
    group_posters,
    stored_split,
    title_series,
)
from ml.labelled_set.listing import LabelledPoster, label_table, read_labelled_set

GENRES = ("Comedy", "Drama", "Horror")


def posters(count: int = 60, seed: int = 0) -> list[LabelledPoster]:
    """Posters of which the first ten are of a series, and two more have sequels' titles."""
    random = np.random.default_rng(seed)
    titles = {20: "The Night Watch", 21: "Night Watch 2"}
    return [
        LabelledPoster(
            line=number + 2,
            file=f"{number}.jpg",
            path=Path(f"{number}.jpg"),
            genres=tuple(genre for genre in GENRES if random.random() < 0.5) or ("Drama",),
            series=f"saga {number // 5}" if number < 10 else "",
            movie=f"imdb_id tt{number}",
            year=1950 + number,
            title=titles.get(number, f"{number} ways"),
        )
        for number in range(count)
    ]


def hashes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64)


def stored(folder: Path, some: list[LabelledPoster], images: np.ndarray | None = None):
    images = hashes(len(some)) if images is None else images
    return stored_split(folder, some, group_posters(some, images).groups, label_table(some)[1])


def test_posters_are_grouped_by_movie_series_title_and_image():
    some = posters()
    some[30] = replace(some[30], movie=some[31].movie)
    images = hashes(60)
    images[40] = images[41] ^ np.uint64(0b111)
    found = group_posters(some, images)
    assert len(set(found.groups[:5])) == 1 != len(set(found.groups[:10]))
    for one, other in ((20, 21), (30, 31), (40, 41)):
        assert found.groups[one] == found.groups[other]
    assert len(set(found.groups.tolist())) == 60 - 8 - 3
    # Copies of one image are in one group and in no franchise.
    assert found.franchise[20] == found.franchise[21] >= 0
    assert found.franchise[40] == found.franchise[30] == -1
    assert found.franchise[0] == found.franchise[4] != found.franchise[5]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 15), min_size=30, max_size=80), st.integers(0, 99))
def test_parts_share_no_group_and_lose_no_row(groups, seed):
    assume(len(set(groups)) > 3)
    labels = (np.random.default_rng(seed).random((len(groups), 3)) < 0.4).astype(np.uint8)
    numbers = np.array(groups, dtype=np.int64)
    parts, again = (
        [found.train.tolist(), found.validation.tolist(), found.test.tolist()]
        for found in (draw_split(numbers, labels) for _ in range(2))
    )
    assert parts == again
    assert sorted(row for part in parts for row in part) == list(range(len(groups)))
    each = [set(numbers[part].tolist()) for part in parts]
    assert all(each) and sum(map(len, each)) == len(set(groups))


def test_a_fifth_is_tested_and_a_tenth_of_the_rest_validates():
    labels = (np.random.default_rng(1).random((1000, 5)) < 0.3).astype(np.uint8)
    parts = draw_split(np.arange(1000), labels)
    assert len(parts.test) == pytest.approx(200, abs=15)
    assert len(parts.validation) == pytest.approx(80, abs=10)
    np.testing.assert_allclose(labels[parts.test].mean(axis=0), labels.mean(axis=0), atol=0.02)


def test_a_stored_split_lists_every_poster_and_is_not_drawn_again(tmp_path, monkeypatch):
    first = stored(tmp_path, posters())
    monkeypatch.setattr(splits, "TEST_SEED", 5)
    again = stored(tmp_path, posters())
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.validation, again.validation)
    facts = json.loads((tmp_path / "parts.json").read_text())
    assert facts["test_sha256"] == files_digest(f"{row}.jpg" for row in first.test)
    assert facts["counts"]["test"] == len(first.test)
    with (tmp_path / "parts.csv").open(newline="") as file:
        part_of = {row["file"]: row["part"] for row in csv.DictReader(file)}
    assert len(part_of) == 60
    assert {file for file, part in part_of.items() if part == "test"} == {f"{row}.jpg" for row in first.test}


def test_the_test_part_is_written_as_a_labelled_set_of_its_own(tmp_path):
    parts = stored(tmp_path, posters())
    for row in parts.test:
        (tmp_path / f"{row}.jpg").write_bytes(b"x")
    listed = read_labelled_set(tmp_path / "test.csv", tmp_path)
    assert [poster.file for poster in listed.posters] == [f"{row}.jpg" for row in parts.test]
    for mine, theirs in zip(listed.posters, (posters()[row] for row in parts.test), strict=True):
        assert replace(mine, line=theirs.line, path=theirs.path) == theirs
    assert not listed.left_out and not listed.ignored_columns


def test_corrected_labels_do_not_change_the_split(tmp_path):
    first = stored(tmp_path, posters(seed=0))
    again = stored(tmp_path, posters(seed=9))
    np.testing.assert_array_equal(first.test, again.test)


def test_a_training_poster_may_be_removed(tmp_path):
    first = stored(tmp_path, posters())
    some = posters()
    del some[int(first.train[-1])]
    again = stored(tmp_path, some, np.delete(hashes(60), first.train[-1]))
    assert [some[row].file for row in again.test] == [f"{row}.jpg" for row in first.test]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("a new poster", "60.jpg.*has no part"),
        ("a lost test poster", "missing or unusable"),
        ("a group in two parts", "now belong together"),
        ("edited", "was edited"),
        ("unknown part", "was edited"),
        ("damaged", "can't be read"),
    ],
)
def test_posters_that_do_not_fit_the_stored_split_are_refused(tmp_path, change, words):
    first = stored(tmp_path, posters())
    some, images, table = posters(), None, tmp_path / "parts.csv"
    if change == "a new poster":
        some = posters(61)
    elif change == "a lost test poster":
        del some[int(first.test[0])]
    elif change == "a group in two parts":
        images = hashes(60)
        images[first.test[0]] = images[first.train[0]]
    elif change == "edited":
        table.write_text(table.read_text().replace(",train", ",test", 1))
    elif change == "unknown part":
        table.write_text(table.read_text().replace(",train", ",teach", 1))
    else:
        (tmp_path / "parts.json").write_text("{")
    with pytest.raises(TrainingError, match=words):
        stored(tmp_path, some, images)


TITLES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds(
            "{}{}".format,
            st.sampled_from(["Rocky", "The Night Watch", "Jaws of Steel", "Amélie"]),
            st.sampled_from(["", " II", " 3", ": The Return", ", The", " (1977)", " - Part Two"]),
        ),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Rocky", "Rocky II"),
        ("Godfather, The", "The Godfather: Part II"),
        ("Star Wars: Episode IV - A New Hope (1977)", "Star Wars: Episode VI - Return of the Jedi (1983)"),
        ("Police Academy", "Police Academy 4: Citizens on Patrol"),
        ("Hatchet", "HATCHET III"),
        ("Toy Story (1995)", "Toy Story 2 (1999)"),
    ],
)
def test_sequels_are_of_one_franchise(first, second):
    one, other = title_series([first, second])
    assert one == other != ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Hamlet", "Hamlet"),
        ("Hamlet (1948)", "Hamlet, (1996)"),
        ("War", "War 2"),
        ("Alien", "Aliens"),
        ("Heat", "Heat and Dust"),
        ("", ""),
    ],
)
def test_remakes_short_stems_and_unrelated_titles_are_not(first, second):
    assert title_series([first, second]) == ["", ""]


def test_a_frequent_stem_is_no_franchise():
    titles = [f"Christmas: tale {number}" for number in range(MAX_SERIES_POSTERS + 1)]
    assert set(title_series(titles)) == {""}
    assert set(title_series(titles[:-1])) == {"christmas"}


@settings(max_examples=50, deadline=None)
@given(TITLES)
def test_a_franchise_has_two_titles_and_depends_on_neither_order_nor_capitals(titles):
    series = title_series(titles)
    assert len(series) == len(titles)
    assert all(series.count(name) > 1 for name in series if name)
    assert title_series(titles[::-1]) == series[::-1]
    plain = [title for title in titles if title.isascii()]
    assert title_series([title.upper() for title in plain]) == title_series(plain)
