"""Further posters are for training only: none related to validation or test posters, some held out."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.further import FURTHER_PARTS, FurtherPart, further_parts, with_further
from ml.extractor_training.splits import Split, draw_split, group_posters
from ml.labelled_set.listing import LabelledPoster, label_table
from tests.ml.extractor_training.test_splits import hashes, posters

FIRST, FURTHER = 60, 30


def further() -> list[LabelledPoster]:
    """Posters whose file names are those of others; the first ten are pairs, each of a series."""
    return [
        replace(
            poster,
            movie=f"imdb_id tt9{number}",
            title=f"Something {number} else",
            series=f"more {number // 2}" if number < 10 else "",
        )
        for number, poster in enumerate(posters(FURTHER))
    ]


@pytest.fixture
def both() -> tuple[list[LabelledPoster], np.ndarray, list[str], Split]:
    """Posters of a split and further ones, their hashes and overviews, and the split."""
    some = posters(FIRST)
    images = hashes(FIRST + FURTHER)
    overviews = [f"This is the story of {row}." for row in range(FIRST + FURTHER)]
    split = draw_split(group_posters(some, images[:FIRST]).groups, label_table(some)[1])
    return some + further(), images, overviews, split


def drawn(folder: Path, both, held_out: int | None = 0) -> list[FurtherPart]:
    rows, images, overviews, split = both
    return further_parts(folder, rows, images, overviews, split, held_out)


def test_unrelated_posters_are_all_for_training_and_leave_the_split_as_it_is(tmp_path, both) -> None:
    parts = drawn(tmp_path, both)
    assert {part.name for part in parts} == {"train"}
    rows, split = with_further(both[3], parts)
    assert rows.tolist() == list(range(FIRST + FURTHER))
    assert split.train.tolist() == both[3].train.tolist() + list(range(FIRST, FIRST + FURTHER))
    assert split.test is both[3].test and split.validation is both[3].validation
    assert len(split.held_out) == 0


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("related", ["movie", "series", "image", "title", "titles", "overview"])
def test_a_poster_related_to_a_validation_or_test_poster_is_left_out(tmp_path, both, part, related) -> None:
    rows, images, overviews, split = both
    # Not one of the first ten, which are of series.
    theirs = int(getattr(split, part)[-1])
    mine = FIRST + 12
    if related == "movie":
        rows[mine] = replace(rows[mine], movie=rows[theirs].movie)
    elif related == "series":
        rows[theirs], rows[mine] = (replace(rows[row], series="one") for row in (theirs, mine))
    elif related == "image":
        images[mine] = images[theirs] ^ np.uint64(0b11)
    elif related == "title":
        rows[mine] = replace(rows[mine], title=rows[theirs].title.upper() + "!")
    elif related == "titles":
        rows[theirs], rows[mine] = (
            replace(rows[row], title=title)
            for row, title in ((theirs, "Dark Water"), (mine, "Dark Water II"))
        )
    else:
        overviews[mine] = f"  {overviews[theirs].upper()} "
    parts = drawn(tmp_path, both)
    assert [row for row, each in enumerate(parts) if each.name == "left_out"] == [12]
    assert "validation or test poster" in parts[12].reason
    kept, found = with_further(split, parts)
    assert kept.tolist() == [row for row in range(FIRST + FURTHER) if row != mine]
    assert found.train.max() == FIRST + FURTHER - 2


def test_unknown_titles_and_overviews_are_not_equal(tmp_path, both) -> None:
    rows, _, overviews, split = both
    for row in (int(split.test[-1]), FIRST + 12):
        rows[row], overviews[row] = replace(rows[row], title=""), ""
    assert {part.name for part in drawn(tmp_path, both)} == {"train"}


def test_a_chain_to_a_test_poster_is_left_out_and_one_to_a_training_poster_is_not(tmp_path, both) -> None:
    rows, images, _, split = both
    tested, trained = int(split.test[-1]), int(split.train[-1])
    images[FIRST + 12], images[FIRST + 14] = images[tested], images[trained]
    for row, series in ((12, "one"), (13, "one"), (14, "two"), (15, "two")):
        rows[FIRST + row] = replace(rows[FIRST + row], series=series)
    names = [part.name for part in drawn(tmp_path, both)]
    assert [row for row, name in enumerate(names) if name != "train"] == [12, 13]


def test_whole_groups_that_have_no_poster_of_the_split_are_held_out(tmp_path, both) -> None:
    _, images, _, split = both
    images[FIRST] = images[split.train[0]]
    parts = drawn(tmp_path, both, held_out=11)
    names = np.array([part.name for part in parts])
    assert 11 <= (names == "held_out").sum() <= 12
    # A pair is held out or not; the first one belongs to a training poster.
    assert (names[:10:2] == names[1:10:2]).all() and names[0] == "train"
    _, found = with_further(split, parts)
    assert found.held_out.tolist() == (FIRST + np.flatnonzero(names == "held_out")).tolist()
    assert sorted([*found.not_test, *found.test]) == list(range(FIRST + FURTHER))
    (tmp_path / FURTHER_PARTS).unlink()
    all_names = [part.name for part in drawn(tmp_path, both, held_out=1000)]
    assert all_names[:2] == ["train", "train"] and set(all_names[2:]) == {"held_out"}


def test_parts_are_stored_and_not_drawn_again(tmp_path, both) -> None:
    rows, _, overviews, split = both
    overviews[FIRST + 12] = overviews[int(split.test[-1])]
    first = drawn(tmp_path, both, held_out=5)
    with (tmp_path / FURTHER_PARTS).open(newline="") as file:
        stored = list(csv.DictReader(file))
    assert [row["file"] for row in stored] == [poster.file for poster in rows[FIRST:]]
    assert stored[12]["part"] == "left_out" and "same overview" in stored[12]["reason"]
    overviews[FIRST + 12] = "Something else."
    assert drawn(tmp_path, both, held_out=20) == first
    assert drawn(tmp_path, both, held_out=None) == first
    del rows[-1]
    assert drawn(tmp_path, (rows, both[1][:-1], overviews, split)) == first[:-1]


def test_a_network_without_further_posters_has_seen_none(tmp_path, both) -> None:
    assert {part.name for part in drawn(tmp_path, both, held_out=None)} == {"held_out"}
    assert not (tmp_path / FURTHER_PARTS).exists()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("29.jpg", "290.jpg", "29.jpg.*has no part"),
        ("file,part", "file,parts", "can't be read"),
        (",train", ",test", "was edited"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, both, before, after, words) -> None:
    drawn(tmp_path, both)
    table = tmp_path / FURTHER_PARTS
    table.write_text(table.read_text().replace(before, after, 1))
    with pytest.raises(TrainingError, match=words):
        drawn(tmp_path, both)
