"""Whole evaluations, each run once per module."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml.evaluation.command import main
from tests.ml.evaluation.made_models import save_model
from tests.ml.labelled_set.made_sets import labelled_posters


@dataclass(frozen=True)
class Evaluated:
    """An evaluation: what the command printed, its report, its page, its folder."""

    printed: str
    report: dict[str, Any]
    page: str
    folder: Path


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A set of 40 posters, a genre model, and empty folders, as options of the command."""
    folder = tmp_path_factory.mktemp("evaluation")
    listing, images = labelled_posters(folder / "set", count=40, series=6)
    save_model(folder / "models", sure_thresholds=[0.6, 0.6, 0.6, None])
    folders = [f"--{name}={folder / name}" for name in ("models", "weights", "exports", "cache")]
    output = f"--output={folder / 'report'}"
    return [f"--posters={listing}", f"--images={images}", output, *folders, "--resamples=30"]


@pytest.fixture(scope="module")
def evaluate(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Evaluated]:
    """Evaluates with some options more; the same options give the same evaluation."""
    done: dict[tuple[str, ...], Evaluated] = {}

    def evaluated(*options: str) -> Evaluated:
        if options not in done:
            out = tmp_path_factory.mktemp("report")
            with redirect_stdout(io.StringIO()) as printed:
                assert main([*arguments, f"--output={out}", *options]) == 0
            report = json.loads((out / "report.json").read_text())
            done[options] = Evaluated(printed.getvalue(), report, (out / "index.html").read_text(), out)
        return done[options]

    return evaluated
