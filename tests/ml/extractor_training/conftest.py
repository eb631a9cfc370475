"""One training run, made in a child process that loads TensorFlow, for all tests of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.subprocess import run_in_subprocess
from tests.built_once import built_from_sources


@pytest.fixture(scope="session")
def training_output(pytestconfig: pytest.Config) -> Path:
    """The folder that `made_training` fills."""
    return built_from_sources(
        pytestconfig,
        "extractor_training",
        lambda folder: run_in_subprocess("tests.ml.extractor_training.made_training", [str(folder)]),
    )
