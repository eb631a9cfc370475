"""Posters are decoded once, exactly as the extractor decodes them; batches depend on seed and step only."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from ml.extractor_training.errors import TrainingError
from ml.extractor_training.plan import TrainingPlan
from ml.extractor_training.training_data import BatchSampler, decode
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


def test_posters_are_decoded_again_only_if_the_list_a_picture_or_the_file_changed(posters, tmp_path):
    done: list[int] = []

    def decoded(some=posters):
        done.clear()
        return decode(some, tmp_path, done.append).copy(), len(done)

    first, _ = decoded()
    again, count = decoded()
    np.testing.assert_array_equal(first, again)
    assert count == 0
    os.utime(posters[0].path, (1, 1))
    assert decoded()[1] == 9
    (table,) = tmp_path.glob("pixels-*.npy")
    table.write_bytes(table.read_bytes()[:1000])
    assert decoded()[1] == 9
    assert decoded(posters[:4])[1] == 4
    assert len(list(tmp_path.glob("pixels-*.npy"))) == 1


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


FRANCHISE = np.array([-1] * 20 + [0] * 5 + [1] * 5 + [2], dtype=np.int64)
# One poster of franchise 1 is no training poster.
ROWS = np.array([row for row in range(31) if row != 27], dtype=np.int64)


def sampler(**settings: object) -> BatchSampler:
    return BatchSampler(TrainingPlan(pairs=5, epochs=3, memory=0, **settings), ROWS, FRANCHISE)  # type: ignore[arg-type]


def test_an_epoch_shows_every_poster_once():
    per_epoch, total = sampler().steps
    assert (per_epoch, total) == (6, 18)
    for epoch in range(3):
        first = [sampler().batch(epoch * 6 + step)[:5] for step in range(6)]
        assert sorted(np.concatenate(first).tolist()) == ROWS.tolist()


def test_a_step_can_be_repeated_and_another_seed_gives_another():
    whole = [sampler().batch(step) for step in range(18)]
    np.testing.assert_array_equal(sampler().batch(13), whole[13])
    assert not np.array_equal(sampler(seed=1).batch(13), whole[13])
    assert not np.array_equal(whole[0][:5], whole[6][:5])


def test_partners_are_the_poster_itself_or_training_posters_of_its_franchise():
    pairs = [sampler().batch(step).reshape(2, 5) for step in range(18)]
    others = 0
    for row, partner in np.concatenate(pairs, axis=1).T.tolist():
        assert partner in ROWS
        assert partner == row or FRANCHISE[partner] == FRANCHISE[row] >= 0
        others += partner != row
    # Nine of thirty posters have others in their franchise; three epochs, probability 0.6: 16 expected.
    assert 8 <= others <= 24


def test_without_franchises_each_partner_is_the_poster_itself():
    batch = sampler(mate_share=0.0).batch(4).reshape(2, 5)
    np.testing.assert_array_equal(batch[0], batch[1])
