"""What is read off the pictures: failures, grey posters, vectors; and what is kept between evaluations."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import vectors_of
from ml.extractors.runtime import load_extractor
from ml.imaging.images import perceptual_hash
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import look_at
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import places


@pytest.fixture
def posters(tmp_path):
    def poster(name: str, content: bytes) -> LabelledPoster:
        (tmp_path / name).write_bytes(content)
        return LabelledPoster(2, name, tmp_path / name, ("Drama",))

    colour = drawing(1)
    return [
        poster("colour.jpg", encoded(colour)),
        poster("broken.jpg", encoded(colour)[:500]),
        poster("grey.jpg", encoded(colour.convert("L"))),
        poster("page.jpg", b"<html>Not found</html>"),
        poster("grey-as-colour.jpg", encoded(colour.convert("L").convert("RGB"), quality=70)),
    ]


def silent(done: int) -> None:
    pass


def test_hashes_grey_posters_and_why_a_picture_cannot_be_opened(posters, tmp_path):
    told: list[int] = []
    found = look_at(posters, tmp_path / "cache", told.append)
    assert sorted(found.unreadable) == [1, 3]
    assert "damaged or cut short" in found.unreadable[1]
    assert "web page" in found.unreadable[3]
    assert found.grey[[0, 2, 4]].tolist() == [False, True, True]
    with Image.open(io.BytesIO(posters[0].path.read_bytes())) as image:
        assert int(found.hashes[0]) == int(perceptual_hash(image.convert("RGB")), 16)
    assert told == [1, 2, 3, 4, 5]


def test_a_second_look_reads_no_picture_and_a_changed_file_is_looked_at_again(posters, tmp_path):
    first = look_at(posters, tmp_path / "cache", silent)
    told: list[int] = []
    again = look_at(posters, tmp_path / "cache", told.append)
    assert told == []
    assert (again.hashes == first.hashes).all()
    assert again.unreadable == first.unreadable
    posters[1].path.write_bytes(encoded(drawing(2)))
    assert sorted(look_at(posters, tmp_path / "cache", silent).unreadable) == [3]


def test_a_damaged_cache_is_made_again(posters, tmp_path):
    first = look_at(posters, tmp_path / "cache", silent)
    [kept] = (tmp_path / "cache").iterdir()
    for damage in (b"", b"not an archive", kept.read_bytes()[:300]):
        kept.write_bytes(damage)
        assert (look_at(posters, tmp_path / "cache", silent).hashes == first.hashes).all()


def test_vectors_are_rounded_as_a_catalogue_stores_them(posters, tmp_path):
    good = [posters[0], posters[2]]
    found = vectors_of("pixels:8x12", good, "float16", places(tmp_path), silent)
    extractor = load_extractor("pixels:8x12", weights_dir=None, cache_dir=tmp_path)
    exact = np.stack([extractor.embed_image(poster.path) for poster in good])
    assert found.values.dtype == np.float32
    assert (found.values == exact.astype(np.float16).astype(np.float32)).all()
    assert found.fingerprint == extractor.fingerprint
    assert found.bytes_per_poster == 2 * 8 * 12 * 3
    full = vectors_of("pixels:8x12", good, "float32", places(tmp_path), silent)
    assert (full.values == exact).all()
    assert full.bytes_per_poster == 4 * 8 * 12 * 3


def test_vectors_are_made_once_for_the_same_files_and_extractor(posters, tmp_path):
    good = [posters[0], posters[2]]
    first = vectors_of("histograms", good, "float16", places(tmp_path), silent)
    told: list[int] = []
    again = vectors_of("histograms", good, "float16", places(tmp_path), told.append)
    assert told == []
    assert (again.values == first.values).all()
    vectors_of("histograms", good[:1], "float16", places(tmp_path), told.append)
    assert told == [1]


def test_a_picture_that_fails_is_told_by_row(posters, tmp_path):
    found = vectors_of("pixels:8x12", posters, "float16", places(tmp_path), silent)
    assert sorted(found.failed) == [1, 3]
    again = vectors_of("pixels:8x12", posters, "float16", places(tmp_path), silent)
    assert again.failed == found.failed


def test_an_extractor_that_cannot_be_had_is_one_sentence(posters, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(EvaluationError, match="fetch_weights mobilenet_v2"):
        vectors_of("mobilenet_v2", posters, "float16", places(tmp_path, tmp_path), silent)
    with pytest.raises(EvaluationError, match="There is no extractor"):
        vectors_of("eyes", posters, "float16", places(tmp_path), silent)


def test_more_than_memory_holds_is_refused_before_hours_of_work(posters, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 16)
    with pytest.raises(EvaluationError, match="--limit"):
        vectors_of("pixels", posters, "float16", places(tmp_path), silent)


def test_a_cache_that_cannot_be_written_is_one_sentence(posters, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(EvaluationError, match="--cache"):
        look_at(posters[:1], tmp_path / "cache", silent)
