"""Embedding and searching load no TensorFlow, no Keras and no Django."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
import ml.extractors.registry
import ml.extractors.export
import ml.extractors.export_cache
import ml.imaging.comparison_figure
import ml.imaging.images
import ml.extractors.litert
import ml.search.neighbours
import ml.bundled, ml.extractors.trained, ml.extractors.weights
from ml.extractors.runtime import available_extractors, load_extractor
import numpy as np
for name in available_extractors(None):
    if name in ("pixels", "histograms", "postersite"):
        extractor = load_extractor(name, weights_dir=None, cache_dir=Path("unused"), threads=1)
        extractor.embed(np.zeros((1, *extractor.spec.size, 3)))
heavy = {"tensorflow", "keras", "tf_keras", "tensorflow_hub", "django", "catalog", "postersite"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_library_stays_light():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
