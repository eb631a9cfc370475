"""Hashes, greyscale posters and failures read from pictures, and their cache."""

from __future__ import annotations

import numpy as np
import pytest

from ml.imaging.images import perceptual_hash
from ml.labelled_set.listing import LabelledPoster, LabelledSetError
from ml.labelled_set.pictures import read_pictures
from tests.ml.imaging.drawings import drawing, encoded


@pytest.fixture
def posters(tmp_path):
    colour = drawing(1)
    contents = {
        "colour.png": encoded(colour, "PNG"),
        "broken.jpg": encoded(colour)[:500],
        "grey.jpg": encoded(colour.convert("L")),
        "page.jpg": b"<html>Not found</html>",
        "grey-as-colour.jpg": encoded(colour.convert("L").convert("RGB"), quality=70),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [LabelledPoster(2, name, tmp_path / name, ("Drama",)) for name in contents]


def read(posters, tmp_path):
    steps: list[int] = []
    return read_pictures(posters, tmp_path / "cache", steps.append), steps


def test_hashes_greyscale_and_why_a_picture_cannot_be_opened(posters, tmp_path):
    found, steps = read(posters, tmp_path)
    assert sorted(found.unreadable) == [1, 3]
    assert "web page" in found.unreadable[3]
    assert found.grey[[0, 2, 4]].tolist() == [False, True, True]
    assert int(found.hashes[0]) == int(perceptual_hash(drawing(1)), 16)
    assert steps == [1, 2, 3, 4, 5]
    assert found.subset([0, 2]).hashes.tolist() == found.hashes[[0, 2]].tolist()


def test_pictures_are_read_once_and_a_changed_file_again(posters, tmp_path):
    first, _ = read(posters, tmp_path)
    again, steps = read(posters, tmp_path)
    assert steps == []
    assert (again.hashes == first.hashes).all() and again.unreadable == first.unreadable
    posters[1].path.write_bytes(encoded(drawing(2)))
    assert sorted(read(posters, tmp_path)[0].unreadable) == [3]


def test_a_damaged_cache_is_replaced(posters, tmp_path):
    first, _ = read(posters, tmp_path)
    [cached] = (tmp_path / "cache").iterdir()
    other = tmp_path / "other.npz"
    np.savez(other, hashes=np.zeros(1), spread=np.zeros(1), bad=[], reasons=[])
    for damage in (b"", b"not an archive", cached.read_bytes()[:300], other.read_bytes()):
        cached.write_bytes(damage)
        assert (read(posters, tmp_path)[0].hashes == first.hashes).all()


def test_a_cache_that_cannot_be_written_is_an_error(posters, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(LabelledSetError, match="--cache"):
        read(posters[:1], tmp_path)
