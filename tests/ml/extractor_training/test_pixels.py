"""Posters are decoded once, exactly as the extractor will see them."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from ml.evaluation.labelled_set import read_labelled_set
from ml.extractor_training.errors import TrainingError
from ml.extractor_training.pixels import decode
from ml.imaging.images import load_pixels
from tests.ml.evaluation.labelled import labelled_posters


@pytest.fixture
def posters(tmp_path):
    listing, images = labelled_posters(tmp_path / "set", count=9)
    return read_labelled_set(listing, images).posters


def test_what_is_kept_is_what_the_extractor_would_load(posters, tmp_path):
    told: list[int] = []
    values = decode(posters, tmp_path, told.append)
    assert values.shape == (9, 288, 192, 3) and values.dtype == np.uint8
    assert told == list(range(1, 10))
    for poster, value in zip(posters, values, strict=True):
        np.testing.assert_array_equal(value, load_pixels(poster.path, (288, 192)))


def test_the_same_list_is_decoded_once_and_another_replaces_it(posters, tmp_path):
    first = decode(posters, tmp_path, lambda done: None)
    told: list[int] = []
    again = decode(posters, tmp_path, told.append)
    assert told == []
    np.testing.assert_array_equal(first, again)
    decode(posters[:4], tmp_path, told.append)
    assert told == [1, 2, 3, 4]
    assert len(list(tmp_path.glob("pixels-*.npy"))) == 1


def test_a_changed_picture_or_a_damaged_file_is_decoded_again(posters, tmp_path):
    decode(posters, tmp_path, lambda done: None)
    os.utime(posters[0].path, (1, 1))
    told: list[int] = []
    decode(posters, tmp_path, told.append)
    (kept,) = tmp_path.glob("pixels-*.npy")
    kept.write_bytes(kept.read_bytes()[:1000])
    decode(posters, tmp_path, told.append)
    assert len(told) == 18


def test_a_picture_that_no_longer_opens_is_named_and_nothing_half_done_stays(posters, tmp_path):
    posters[5].path.write_bytes(b"gone bad")
    with pytest.raises(
        TrainingError, match=r"5\.jpg \(line 7\).*can't be decoded now: This file is not an image"
    ):
        decode(posters, tmp_path, lambda done: None)
    assert not list(tmp_path.glob("*pixels*"))


def test_a_disk_too_small_is_told_before_work_begins(posters, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 5, 5))
    told: list[int] = []
    with pytest.raises(TrainingError, match=r"9 decoded posters need 0\.3 GiB.*--limit"):
        decode(posters, tmp_path, told.append)
    assert told == []
