"""What the tests of the training share: one child process that carries TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.apart import run_apart
from tests.built_once import built_once


@pytest.fixture(scope="session")
def made_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `made_eyes` fills."""
    return built_once(
        tmp_path_factory,
        "extractor_training",
        lambda folder: run_apart("tests.ml.extractor_training.made_training", [str(folder)]),
    )
