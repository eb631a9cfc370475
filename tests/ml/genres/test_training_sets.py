"""Training sets: a round trip through their file, and refusal of unusable data."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from ml.genres.training_set import TrainingDataError, read_training_set, training_set, write_training_set
from tests.ml.genres.catalogues import informative


def arrays(**changes):
    data = informative(rows=20)
    plain = {
        "features": data.features,
        "labels": data.labels,
        "groups": data.groups,
        "genres": list(data.genres),
    }
    return {name: array for name, array in (plain | changes).items() if array is not None}


def test_what_was_written_is_read_back(tmp_path):
    data = informative(rows=30)
    write_training_set(data, tmp_path / "train.npz")
    read = read_training_set(tmp_path / "train.npz")
    assert (read.features == data.features).all()
    assert (read.labels == data.labels).all()
    assert (read.groups == data.groups).all()
    assert (read.genres, read.extractor) == (data.genres, data.extractor)


def test_titles_years_and_overviews_are_read_back(tmp_path):
    known: dict[str, Any] = {
        "titles": ["", "Amélie", *["Film"] * 18],
        "years": list(range(1980, 2000)),
        "overviews": ["Ein Überblick.\n" * 100, *[""] * 19],
        "has_poster": [True, False] * 10,
    }
    data = training_set(**arrays(), **known)
    write_training_set(data, tmp_path / "train.npz")
    read = read_training_set(tmp_path / "train.npz")
    for name, given in known.items():
        assert np.array_equal(getattr(read, name), given), name
    assert (tmp_path / "train.npz").stat().st_size < 20_000


@pytest.mark.parametrize(
    "changes",
    [
        {"titles": np.zeros(20)},
        {"titles": np.zeros(20, dtype=np.uint8)},
        {"titles": np.zeros(5, dtype=np.uint8), "titles_lengths": np.full(20, 1)},
        {"titles": np.zeros(0, dtype=np.uint8), "titles_lengths": np.array([1, -1] * 10)},
        {"titles": np.zeros(0, dtype=np.uint8), "titles_lengths": np.zeros(19, dtype=np.int64)},
        {"years": np.zeros(19)},
        {"years": np.array(["old"] * 20)},
    ],
)
def test_texts_and_years_that_do_not_fit(tmp_path, changes):
    np.savez(tmp_path / "train.npz", **arrays(), **changes)
    with pytest.raises(TrainingDataError):
        read_training_set(tmp_path / "train.npz")


def test_any_numeric_type_is_taken_and_groups_may_be_absent(tmp_path):
    features, labels = np.ones((20, 3), dtype=np.float16), arrays()["labels"].astype(bool)
    np.savez(tmp_path / "train.npz", **arrays(features=features, labels=labels, groups=None))
    data = read_training_set(tmp_path / "train.npz")
    assert data.features.dtype == np.float32
    assert data.labels.dtype == np.uint8
    assert (data.groups == -1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.ones(20)}, r"shape is \(20,\)"),
        ({"features": np.ones((19, 3))}, "labels must have one row per poster"),
        ({"features": np.full((20, 3), np.nan)}, "20 of 20 feature rows hold NaN.*row 0"),
        ({"labels": np.full((20, 6), 2)}, "0 or 1"),
        ({"labels": np.full((20, 6), 0.5)}, "0 or 1"),
        ({"labels": np.zeros((20, 5))}, r"their shape is \(20, 5\)"),
        ({"groups": np.zeros(3, dtype=int)}, "groups must have one number per poster"),
        ({"groups": np.zeros(20)}, "whole numbers"),
        ({"genres": ["Drama"] * 6}, "each given once"),
        ({"genres": ["Drama", "", "a", "b", "c", "d"]}, "each given once"),
        ({"genres": np.arange(6)}, "list of texts"),
        ({"features": np.array([["a"] * 3] * 20)}, "not made of numbers"),
        ({"genres": np.array(["Drama"] * 6, dtype=object)}, "more than plain arrays"),
        ({"labels": None}, "no array 'labels'; it has features, genres, groups"),
    ],
)
def test_unusable_arrays_are_named_with_the_file(tmp_path, changes, message):
    np.savez(tmp_path / "train.npz", **arrays(**changes))
    with pytest.raises(TrainingDataError, match=rf"train\.npz.*{message}"):
        read_training_set(tmp_path / "train.npz")


def test_too_few_posters_are_counted():
    with pytest.raises(TrainingDataError, match="only 4 labelled posters"):
        training_set(np.ones((4, 2)), np.ones((4, 1)), ["Drama"])


def broken_archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("features.npy", b"nonsense")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"PK\x03\x04", b"\x80\x04.", b"\x93NUMPY\x01\x00", broken_archive(), b"PK\x03\x04" * 99],
)
def test_a_file_that_is_no_archive_of_arrays(tmp_path, content):
    (tmp_path / "train.npz").write_bytes(content)
    with pytest.raises(TrainingDataError, match=r"train\.npz"):
        read_training_set(tmp_path / "train.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrainingDataError, match=r"absent\.npz can't be read: No such file"):
        read_training_set(tmp_path / "absent.npz")
