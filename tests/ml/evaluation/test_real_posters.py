"""On real posters MobileNetV2 finds better look-alikes than raw pixels, by the command's paired figures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from ml.evaluation.command import main
from tests.ml.labelled_set.made_sets import write_csv

OF_SERIES, OTHERS = 200, 100


@pytest.mark.real_data
def test_mobilenet_beats_pixels_on_the_same_posters(real_data, tmp_path):
    with (real_data / "posters.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    random = np.random.default_rng(0)
    # Franchises are rare: drawn plainly, a set this small would hold none to ask about.
    series, others = ([row for row in rows if bool(row["series"]) is wanted] for wanted in (True, False))
    drawn = [series[i] for i in random.permutation(len(series))[:OF_SERIES]]
    drawn += [others[i] for i in random.permutation(len(others))[:OTHERS]]
    listing = write_csv(tmp_path / "posters.csv", drawn)

    arguments = [f"--{name}={tmp_path / name}" for name in ("models", "exports", "cache")]
    arguments += [f"--posters={listing}", f"--images={real_data / 'posters'}", f"-o{tmp_path / 'report'}"]
    arguments += [f"--weights={real_data / 'weights'}"]
    assert main([*arguments, "--model=mobilenet_v2", "--against=pixels"]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["n"] == OF_SERIES + OTHERS
    assert not report["posters"]["left_out"]
    assert report["posters"]["ignored_columns"] == ["source_repo"]
    better = report["differences"]["lookalikes"]
    for name in ("share_at_5", "ndcg_at_10", "franchise_recall_at_5"):
        assert better[name]["low"] > 0, name
    assert better["never_recommended"]["high"] < 0
    assert report["lookalikes"]["share_at_5_lift"]["low"] > 0
