"""Posters are decoded once, exactly as the extractor decodes them."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.training_data import decode
from ml.imaging.images import load_pixels
from ml.labelled_set.listing import read_labelled_set
from tests.ml.labelled_set.made_sets import labelled_posters


@pytest.fixture
def posters(tmp_path):
    listing, images = labelled_posters(tmp_path / "set", count=9)
    return read_labelled_set(listing, images).posters


def test_decoded_posters_are_what_the_extractor_would_load(posters, tmp_path):
    done: list[int] = []
    values = decode(posters, tmp_path, done.append)
    assert values.shape == (9, 288, 192, 3) and values.dtype == np.uint8
    assert done == list(range(1, 10))
    for poster, value in zip(posters, values, strict=True):
        np.testing.assert_array_equal(value, load_pixels(poster.path, (288, 192)))


def test_the_same_list_is_decoded_once_and_another_replaces_it(posters, tmp_path):
    first = decode(posters, tmp_path, lambda count: None)
    done: list[int] = []
    again = decode(posters, tmp_path, done.append)
    assert done == []
    np.testing.assert_array_equal(first, again)
    decode(posters[:4], tmp_path, done.append)
    assert done == [1, 2, 3, 4]
    assert len(list(tmp_path.glob("pixels-*.npy"))) == 1


def test_a_changed_picture_or_a_damaged_file_is_decoded_again(posters, tmp_path):
    decode(posters, tmp_path, lambda count: None)
    os.utime(posters[0].path, (1, 1))
    done: list[int] = []
    decode(posters, tmp_path, done.append)
    (table,) = tmp_path.glob("pixels-*.npy")
    table.write_bytes(table.read_bytes()[:1000])
    decode(posters, tmp_path, done.append)
    assert len(done) == 18


def test_an_image_that_no_longer_opens_is_named_and_no_partial_file_is_left(posters, tmp_path):
    posters[5].path.write_bytes(b"gone bad")
    with pytest.raises(
        TrainingError, match=r"5\.jpg \(line 7\).*can't be decoded any more: This file is not an image"
    ):
        decode(posters, tmp_path, lambda count: None)
    assert not list(tmp_path.glob("*pixels*"))


def test_a_disk_too_small_is_reported_before_decoding(posters, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 5, 5))
    done: list[int] = []
    with pytest.raises(TrainingError, match=r"9 decoded posters need 0\.3 GiB.*--limit"):
        decode(posters, tmp_path, done.append)
    assert done == []
