"""What the tests of the training share: one child process that carries TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.subprocess import run_in_subprocess
from tests.built_once import built_once


@pytest.fixture(scope="session")
def made_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `made_eyes` fills."""
    return built_once(
        tmp_path_factory,
        "extractor_training",
        lambda folder: run_in_subprocess("tests.ml.extractor_training.made_training", [str(folder)]),
    )
