"""Posters of one or two CSVs, with the texts of their films; options that contradict each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ml.extractor_training.command import main
from ml.extractor_training.further import FURTHER_PARTS
from ml.extractor_training.loop import CHECKPOINT
from ml.extractor_training.posters import Sources, read_posters
from tests.ml.labelled_set.made_sets import further_posters, labelled_posters, no_bar, write_csv


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    listing, images = labelled_posters(tmp_path / "set", count=40)
    with listing.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"imdb_id": f"tt{number}", "title": f"Film {number}", "overview": f"Of {number}."}
    write_csv(listing, rows)
    texts = [
        {"imdb_id": "tt3", "overview": "A story.", "keywords": "one|two words"},
        {"imdb_id": "tt101", "overview": "Another.", "keywords": ""},
        {"imdb_id": "", "overview": "Of no film.", "keywords": ""},
    ]
    return Sources(
        listing, images, further_posters(tmp_path / "more"), write_csv(tmp_path / "texts.csv", texts)
    )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_further_posters_come_behind_the_others_and_leave_their_parts_as_they_are(
    sources: Sources, work: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    before = read_posters(Sources(sources.listing, sources.images), alone, 0, no_bar)
    found = read_posters(sources, work, 3, no_bar)
    assert len(found.posters) == len(found.labels) == len(found.overviews) == 48
    assert found.posters[:40] == before.posters
    assert [poster.path.parent for poster in found.posters[40:]] == [sources.more[1]] * 8  # type: ignore[index]
    for name in ("parts.csv", "parts.json", "test.csv"):
        assert (work / name).read_bytes() == (alone / name).read_bytes()
    assert found.split.test.tolist() == before.split.test.tolist()
    assert len(found.split.held_out) == 3 and found.split.held_out.min() >= 40
    assert len(found.split.train) == len(before.split.train) + 5
    # Genres are spelt as in the first CSV; new ones are added.
    assert set(found.genres) == {*before.genres, "Musical"}
    assert found.labels[40:, found.genres.index("Drama")].all()
    again = read_posters(sources, work, 0, no_bar)
    assert again.split.held_out.tolist() == found.split.held_out.tolist()


def test_texts_come_from_their_file_or_else_from_the_row(sources: Sources, work: Path) -> None:
    found = read_posters(sources, work, 0, no_bar)
    assert found.overviews[2:4] == ("Of 2.", "A story.") and found.overviews[40:42] == ("", "Another.")
    assert found.keywords[3] == "one\ntwo words" and not any(found.keywords[4:])
    without = read_posters(Sources(sources.listing, sources.images), work, 0, no_bar)
    assert without.overviews[3] == "Of 3." and not any(without.keywords)


def test_what_is_left_out_is_listed_with_the_csv_and_the_reason(sources: Sources, work: Path) -> None:
    more, folder = sources.more or pytest.fail("There are none.")
    first = read_posters(Sources(sources.listing, sources.images), work, 0, no_bar)
    with more.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[4]["title"] = first.posters[first.split.test[0]].title
    write_csv(more, rows)
    (folder / "6.jpg").write_bytes(b"not a picture")
    found = read_posters(sources, work, 0, no_bar)
    assert [poster.file for poster in found.posters[40:]] == [f"{row}.jpg" for row in (0, 1, 2, 3, 5, 7)]
    listed = json.loads((work / "left-out.json").read_text())
    assert listed == found.left_out
    assert {row["csv"] for row in listed} == {str(more)}
    assert [row["file"] for row in listed] == ["gone.jpg", "6.jpg", "4.jpg"]
    assert [row["line"] for row in listed] == [10, 8, 6]
    reasons = " ".join(row["reason"] for row in listed)
    assert "no such file" in reasons and "not an image" in reasons and "title" in reasons


def test_evidence_marks_further_posters_and_those_of_the_train_part(sources: Sources, work: Path) -> None:
    found = read_posters(sources, work, 3, no_bar)
    rows = found.split.not_test
    data = found.evidence(rows, np.zeros((len(rows), 2), dtype=np.float32), "some")
    assert data.extractor == "some" and data.genres == found.genres
    assert data.seen is not None
    assert data.train_only is not None
    assert rows[data.seen].tolist() == sorted(found.split.train.tolist())
    assert rows[data.train_only].tolist() == list(range(40, 48))
    assert data.films.years[0] == (found.posters[rows[0]].year or 0)


def options(sources: Sources, work: Path) -> list[str]:
    return [
        f"--posters={sources.listing}",
        f"--images={sources.images}",
        f"--output={work}",
        "--from-scratch",
    ]


@pytest.mark.parametrize(
    ("more", "stored", "arguments", "words"),
    [
        (False, "", ["--set=held_out=5"], "give some by --more"),
        (True, CHECKPOINT, ["--resume"], "started without --more"),
        (False, f"{CHECKPOINT} {FURTHER_PARTS}", ["--resume"], "started with --more"),
        (False, "", ["--texts=none.csv"], "none.csv"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    sources: Sources,
    work: Path,
    capsys: pytest.CaptureFixture[str],
    more: bool,
    stored: str,
    arguments: list[str],
    words: str,
) -> None:
    for name in stored.split():
        (work / name).write_bytes(b"")
    further = ["--more", *map(str, sources.more or ())] if more else []
    assert main([*options(sources, work), *arguments, *further]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
