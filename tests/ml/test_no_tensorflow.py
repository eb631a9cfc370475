"""Importing any module of ml, embedding and scoring load no TensorFlow, no Keras and no Django."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import importlib, pkgutil, sys
from pathlib import Path
import numpy as np
import ml
for found in pkgutil.walk_packages(ml.__path__, "ml."):
    importlib.import_module(found.name)
from ml import bundled
from ml.extractors.runtime import available_extractors, load_extractor
from ml.genres.evidence.films import Films
from ml.genres.evidence.model_file import load_model
for name in available_extractors(None):
    if name in ("pixels", "histograms", "postersite"):
        extractor = load_extractor(name, weights_dir=None, cache_dir=Path("unused"), threads=1)
        vectors = extractor.embed(np.zeros((1, *extractor.spec.size, 3)))
        if name == "postersite":
            films = Films(vectors, np.zeros(1, np.int64), ["Alien"], np.array([1979]), ["An alien"])
            load_model(bundled.GENRES).score(films)
heavy = {"tensorflow", "keras", "tf_keras", "tensorflow_hub", "django", "catalog", "postersite"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_library_stays_light():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
