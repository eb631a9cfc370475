"""The command that trains the bundled genre model over all evidence."""

import csv
import gzip
import json

import numpy as np
import pytest

from ml.extractor_training.evidence import FACTS, main, read_data
from ml.extractor_training.posters import Sources, read_posters
from ml.extractor_training.splits import TEST, stored_split
from ml.genres.evidence.model_file import load_model
from ml.labelled_set.listing import label_table, read_labelled_set
from tests.ml.labelled_set.made_sets import labelled_posters, no_bar, write_csv

pytestmark = pytest.mark.slow


@pytest.fixture
def inputs(tmp_path):
    """60 drawn posters with titles and overviews, a split of them, and the arguments of the command."""
    listing, images = labelled_posters(tmp_path, count=60)
    with listing.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"imdb_id": f"tt{number}", "title": f"Film of the {row['genres'].replace('|', ' ')} kind"}
    write_csv(listing, rows)
    with gzip.open(tmp_path / "texts.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, ["imdb_id", "overview", "keywords"])
        writer.writeheader()
        for number in range(0, 60, 2):
            writer.writerow(
                {
                    "imdb_id": f"tt{number}",
                    "overview": f"A story about {number}.",
                    "keywords": "one|two three",
                }
            )
    work = tmp_path / "work"
    work.mkdir()
    posters = read_labelled_set(listing, images).posters
    split = stored_split(work, posters, np.arange(60), label_table(posters)[1])
    return tmp_path, listing, images, work, posters, split


def test_test_posters_are_left_out_and_posters_that_were_learned_from_are_marked(inputs):
    folder, listing, images, work, posters, split = inputs
    data = read_data(Sources(listing, images, texts=folder / "texts.csv.gz"), work, "histograms")
    kept = split.not_test.tolist()
    assert len(data.labels) == len(kept) == 60 - len(split.test)
    assert data.films.titles == [posters[row].title for row in kept]
    assert data.films.overviews[kept.index(next(row for row in kept if row % 2 == 0))]
    assert sum(map(bool, data.keywords)) == sum(row % 2 == 0 for row in kept)
    assert not any("|" in text for text in data.keywords)
    assert data.seen is not None
    assert data.train_only is not None
    assert data.seen.tolist() == [row in split.train for row in kept]
    assert not data.train_only.any()


@pytest.mark.parametrize("held_out", [None, 4])
def test_further_posters_choose_no_thresholds_and_count_as_seen_if_the_network_was_trained_on_them(
    inputs, held_out
):
    folder, listing, images, work, _, split = inputs
    more, more_images = labelled_posters(folder / "more", count=12)
    sources = Sources(listing, images, (more, more_images), folder / "texts.csv.gz")
    if held_out is not None:
        read_posters(sources, work, held_out, no_bar)
    data = read_data(sources, work, "histograms")
    assert data.seen is not None
    assert data.train_only is not None
    first = len(split.not_test)
    # The drawings are those of the first twelve posters, some of which are validation or test posters.
    lost = np.isin(np.arange(12), np.concatenate([split.validation, split.test])).sum()
    assert 0 < lost == 12 - (len(data.labels) - first)
    assert data.train_only.tolist() == [False] * first + [True] * (12 - lost)
    assert data.seen[:first].tolist() == [row in split.train for row in split.not_test.tolist()]
    # All others are copies of training posters, so none can be held out.
    assert data.seen[first:].tolist() == [held_out is not None] * (12 - lost)


def test_the_command_writes_a_model_and_its_figures(inputs, capsys):
    folder, listing, images, work, _, _ = inputs
    arguments = [
        f"--posters={listing}", f"--images={images}", f"--texts={folder / 'texts.csv.gz'}", f"--work={work}",
        "--extractor=histograms", "--resamples=5", f"--output={folder / 'out'}",
    ]  # fmt: skip
    assert main(arguments) == 0
    facts = json.loads((folder / "out" / FACTS).read_text())
    model = load_model(folder / "out" / "genres.npz", facts["weights_sha256"])
    assert model.parts == ("poster", "title", "year", "overview")
    assert "poster: macro F1" in capsys.readouterr().out
    assert main([*arguments[:2], "--texts=none.csv", *arguments[3:]]) == 2
    assert (work / "parts.csv").read_text().count(TEST) >= 1
