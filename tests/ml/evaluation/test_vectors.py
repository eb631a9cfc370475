"""Vectors of a labelled set: rounded, cached, and refused where they are not possible."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import vectors_of
from ml.extractors.runtime import load_extractor
from ml.labelled_set.listing import LabelledPoster
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import folders

SPEC = "pixels:8x12"


@pytest.fixture
def posters(tmp_path):
    contents = {"a.jpg": encoded(drawing(1)), "page.jpg": b"<html>", "b.jpg": encoded(drawing(2))}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [LabelledPoster(2, name, tmp_path / name, ("Drama",)) for name in contents]


def embed(posters, tmp_path, spec=SPEC, precision="float16"):
    steps: list[int] = []
    return vectors_of(spec, posters, precision, folders(tmp_path), steps.append), steps


def test_vectors_are_rounded_as_a_site_stores_them(posters, tmp_path):
    extractor = load_extractor(SPEC, weights_dir=None, cache_dir=tmp_path)
    exact = np.stack([extractor.embed_image(posters[row].path) for row in (0, 2)])
    half, _ = embed(posters, tmp_path)
    assert half.values.dtype == np.float32
    assert (half.values[[0, 2]] == exact.astype(np.float16).astype(np.float32)).all()
    assert half.fingerprint == extractor.fingerprint
    assert half.bytes_per_poster == 2 * 8 * 12 * 3
    full, _ = embed(posters, tmp_path, precision="float32")
    assert (full.values[[0, 2]] == exact).all()
    assert full.bytes_per_poster == 4 * 8 * 12 * 3


def test_vectors_and_failures_are_cached_for_the_same_files_and_extractor(posters, tmp_path):
    first, _ = embed(posters, tmp_path)
    assert sorted(first.failed) == [1]
    again, steps = embed(posters, tmp_path)
    assert steps == []
    assert (again.values == first.values).all() and again.failed == first.failed
    assert embed(posters[:1], tmp_path)[1] == [1]
    assert embed(posters, tmp_path, "histograms")[1]


def test_an_extractor_that_is_not_available_is_an_error(posters, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(EvaluationError, match="fetch_weights mobilenet_v2"):
        embed(posters, tmp_path, "mobilenet_v2")
    with pytest.raises(EvaluationError, match="'unknown'"):
        embed(posters, tmp_path, "unknown")


def test_vectors_that_do_not_fit_into_memory_are_refused_at_once(posters, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 16)
    with pytest.raises(EvaluationError, match="--limit"):
        embed(posters, tmp_path)
