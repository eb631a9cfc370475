"""On real posters MobileNetV2 finds better look-alikes than raw pixels, by the command's paired figures."""

from __future__ import annotations

import json

import pytest

from ml.evaluation.command import main


@pytest.mark.real_data
def test_mobilenet_beats_pixels_on_the_same_posters(real_data, tmp_path):
    told = [f"--{name}={tmp_path / name}" for name in ("models", "exports", "cache")]
    told += [f"--posters={real_data / 'posters.csv'}", f"--images={real_data / 'posters'}"]
    told += [f"--weights={real_data / 'weights'}", f"-o{tmp_path / 'report'}"]
    assert main([*told, "--limit=300", "--model=mobilenet_v2", "--against=pixels"]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["n"] == 300
    assert not report["posters"]["left_out"]
    assert report["posters"]["ignored_columns"] == ["source_repo"]
    assert report["differences"]["lookalikes"]["share_at_5"]["low"] > 0
    assert report["lookalikes"]["share_at_5_lift"]["low"] > 0
    assert report["differences"]["lookalikes"]["never_recommended"]["high"] < 0
