"""The report on disk: report.json, index.html and the figures, each whole or not at all; and its one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ml.evaluation import plots as drawing
from ml.evaluation.errors import EvaluationError
from ml.evaluation.page import figures_of, page
from ml.evaluation.tables import number
from ml.files import write_bytes, write_json

JSON, PAGE, FIGURES = "report.json", "index.html", "figures"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "pillow", "ai-edge-litert", "keras", "tensorflow")


def prepare_folder(out: Path) -> None:
    """Make the folder of the report, so that a mistake shows before hours of work.

    Raises EvaluationError if it can't be made or written.
    """
    try:
        (out / FIGURES).mkdir(parents=True, exist_ok=True)
        write_bytes(out / ".writable", b"")
        (out / ".writable").unlink()
    except OSError as error:
        raise EvaluationError(
            f"The folder {out} can't be written: {error.strerror}. Name another with -o."
        ) from error


def write_report(report: Mapping[str, Any], out: Path) -> None:
    """Write the report into the folder `out`; files of an earlier one are replaced, and its figures removed.

    Raises EvaluationError if it can't be written.
    """
    prepare_folder(out)
    figures = figures_of(report)
    try:
        for old in (out / FIGURES).glob("*.svg"):
            old.unlink()
        for name, svg in figures.items():
            write_bytes(out / FIGURES / f"{name}.svg", drawing.standalone(svg).encode())
        write_bytes(out / PAGE, page(report, figures).encode())
        write_json(out / JSON, report)
    except OSError as error:
        raise EvaluationError(f"The report can't be written to {out}: {error.strerror}.") from error


def summary(report: Mapping[str, Any], out: Path) -> str:
    """The report in one line."""
    near, genres = report["lookalikes"], report["genres"]
    told = [f"{report['model']['name']} on {report['n']:,} posters:"]
    if genres is not None:
        told.append(
            f"macro F1 {number('', genres['macro_f1_suggest'])} (everything: "
            f"{number('', genres['predict_everything_macro_f1'])}), mAP {number('', genres['map'])}, "
            f"ECE {number('', genres['ece'])};"
        )
    told.append(
        f"share@5 {number('', near['share_at_5'])} (random: {number('', near['share_at_5_random'])}), "
        f"franchise recall@5 {number('', near['franchise_recall_at_5'])}, never recommended "
        f"{number('never_recommended', near['never_recommended'])}, worst hub "
        f"{number('worst_hub', near['worst_hub'])}"
    )
    if report["duplicates"]:
        traced = report["duplicates"]
        told[-1] += ";"
        told.append(
            f"duplicates recall@1 {number('', traced['everyday']['both'])}, crop 10% "
            f"{number('', traced['alterations']['crop_10']['both'])}"
        )
    if report["differences"]:
        apart = report["differences"]
        told.append(f"(share@5 {apart['lookalikes']['share_at_5']['value']:+.3f} against {apart['minus']})")
    return " ".join([*told, f"→ {out / PAGE}"])


def versions() -> dict[str, str]:
    """What the figures were made with."""
    found = {"python": sys.version.partition(" ")[0]}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
