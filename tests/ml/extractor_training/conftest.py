"""What the tests of the training share: one child process that carries TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.apart import run_apart


@pytest.fixture(scope="package")
def made_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `made_eyes` fills."""
    folder = tmp_path_factory.mktemp("eyes")
    run_apart("tests.ml.extractor_training.made_training", [str(folder)])
    return folder
