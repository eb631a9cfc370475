"""`manage.py train_extractor`: a process of its own, whose messages and exit code come through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml.extractor_training.command import main, to_arguments
from tests.ml.labelled_set.made_sets import labelled_posters

ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty site without weights."""
    variables = {
        **os.environ,
        "POSTERSITE_VAR": str(folder / "var"),
        "POSTERSITE_WEIGHTS": str(folder / "weights"),
        "KERAS_HOME": str(folder / "keras"),
    }
    return subprocess.run(
        [sys.executable, "manage.py", "train_extractor", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    listing, images = labelled_posters(tmp_path / "set", count=4)
    return [f"--posters={listing}", f"--images={images}", f"--output={tmp_path / 'work'}"]


@pytest.mark.slow
def test_without_imagenet_weights_it_says_how_to_get_them(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert "run `manage.py fetch_weights mobilenet_v2`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_few_posters_are_refused_before_decoding(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--from-scratch"]) == 2
    assert "Only 4 labelled posters are usable" in capsys.readouterr().err.splitlines()[-1]
    assert not list((tmp_path / "work").glob("pixels-*"))


def test_the_process_gets_all_options(tmp_path: Path) -> None:
    options = {
        "posters": tmp_path / "p.csv",
        "images": tmp_path,
        "output": tmp_path / "work",
        "weights": None,
        "trained": [tmp_path / "a.npz", tmp_path / "b.npz"],
        "begin_with": [tmp_path / "c.npz"],
        "from_scratch": True,
        "resume": True,
        "epochs": 2.5,
        "rows": "all",
        "seed": 0,
        "limit": 90,
        "set": ["pairs=8"],
        "more": [tmp_path / "m.csv", tmp_path / "more"],
        "texts": tmp_path / "t.csv",
    }
    arguments = to_arguments(options, tmp_path / "weights")
    assert arguments[:8] == [
        f"--posters={tmp_path / 'p.csv'}",
        f"--images={tmp_path}",
        f"--output={tmp_path / 'work'}",
        "--more",
        f"{tmp_path / 'm.csv'}",
        f"{tmp_path / 'more'}",
        f"--texts={tmp_path / 't.csv'}",
        f"--weights={tmp_path / 'weights'}",
    ]
    trained = ["--trained", f"{tmp_path / 'a.npz'}", f"{tmp_path / 'b.npz'}"]
    expected = ["--from-scratch", "--resume", "--epochs=2.5", "--rows=all", "--seed=0", "--limit=90"]
    start_from = ["--begin-with", f"{tmp_path / 'c.npz'}"]
    assert arguments[8:] == [*trained, *start_from, *expected, "--set=pairs=8"]
