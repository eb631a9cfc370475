"""Modules that were renamed still run under their former names, and say that these are deprecated."""

from __future__ import annotations

import runpy

import pytest


@pytest.mark.parametrize(
    ("former", "present"),
    [("ml.eyes.training", "ml.extractor_training"), ("ml.export", "ml.extractors.export")],
)
def test_a_former_name_runs_with_a_warning(
    former: str, present: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [former, "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(former, run_name="__main__")
    assert caught.value.code == 0
    out, errors = capsys.readouterr()
    assert f"usage: python -m {present}" in out
    assert "deprecated" in errors and f"use python -m {present}." in errors
