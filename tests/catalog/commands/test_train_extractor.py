"""`manage.py train_extractor`: a process of its own, whose sentences and exit code come through."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml.extractor_training.command import told_again
from tests.ml.evaluation.labelled import labelled_posters

ROOT = Path(__file__).resolve().parents[3]


def asked(folder: Path, *told: str) -> subprocess.CompletedProcess[str]:
    """The command as a person would give it, in a site of its own without weights."""
    variables = {
        **os.environ,
        "POSTERSITE_VAR": str(folder / "var"),
        "POSTERSITE_WEIGHTS": str(folder / "weights"),
        "KERAS_HOME": str(folder / "keras"),
    }
    return subprocess.run(
        [sys.executable, "manage.py", "train_extractor", *told],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def told(tmp_path: Path) -> list[str]:
    listing, images = labelled_posters(tmp_path / "set", count=4)
    return [f"--posters={listing}", f"--images={images}", f"--output={tmp_path / 'work'}"]


def test_without_imagenet_weights_it_says_how_to_get_them(tmp_path: Path, told: list[str]) -> None:
    done = asked(tmp_path, *told)
    assert done.returncode == 2
    assert "run `manage.py fetch_weights mobilenet_v2`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_few_posters_are_told_before_anything_is_decoded(tmp_path: Path, told: list[str]) -> None:
    done = asked(tmp_path, *told, "--from-scratch")
    assert done.returncode == 2
    assert "Only 4 labelled posters are usable" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "work").glob("pixels-*"))


def test_what_was_asked_is_asked_of_the_other_process_in_the_same_words(tmp_path: Path) -> None:
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
        "planned": ["pairs=8"],
    }
    told = told_again(options, tmp_path / "weights")
    assert told[:4] == [
        f"--posters={tmp_path / 'p.csv'}",
        f"--images={tmp_path}",
        f"--output={tmp_path / 'work'}",
        f"--weights={tmp_path / 'weights'}",
    ]
    shipped = ["--trained", f"{tmp_path / 'a.npz'}", f"{tmp_path / 'b.npz'}"]
    expected = ["--from-scratch", "--resume", "--epochs=2.5", "--rows=all", "--seed=0", "--limit=90"]
    begun = ["--begin-with", f"{tmp_path / 'c.npz'}"]
    assert told[4:] == [*shipped, *begun, *expected, "--set=pairs=8"]


LOOK = """
import sys, django
django.setup()
import catalog.management.commands.train_extractor
import ml.extractor_training.command, ml.extractor_training.training
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def test_the_sites_process_never_carries_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "postersite.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
