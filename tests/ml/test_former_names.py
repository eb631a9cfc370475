"""Modules that were renamed still run under their former names, and say that these are deprecated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("former", "present"),
    [("ml.eyes.training", "ml.extractor_training"), ("ml.export", "ml.extractors.export")],
)
def test_a_former_name_runs_with_a_warning(former: str, present: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", former, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"usage: python -m {present}" in done.stdout
    assert "deprecated" in done.stderr and f"use python -m {present}." in done.stderr
