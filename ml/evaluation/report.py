"""The report on disk: report.json, index.html and the plots; and its summary in one line."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ml.evaluation.errors import EvaluationError
from ml.files import write_bytes, write_json

JSON, PAGE, FIGURES = "report.json", "index.html", "figures"

_COUNTS = ("worst_hub", "bytes_per_poster")
_GENRE_ROWS = (
    ("macro_f1_suggest", "Macro F1, suggest", "predict_everything_macro_f1"),
    ("micro_f1_suggest", "Micro F1, suggest", "predict_everything_micro_f1"),
    ("samples_f1_suggest", "F1 per poster, suggest", ""),
    ("map", "Mean average precision", ""),
    ("macro_auc", "Macro AUC", ""),
    ("ece", "Calibration error (ECE)", ""),
    ("coverage_suggest", "Posters with a suggestion", ""),
    ("sure_precision", "Micro precision, sure", ""),
    ("sure_recall", "Micro recall, sure", ""),
    ("sure_coverage", "Posters with a sure genre", ""),
)
_LOOKALIKE_ROWS = (
    ("share_at_5", "Share@5", "share_at_5_random"),
    ("share_at_5_lift", "Share@5, lift over random", ""),
    ("ndcg_at_10", "nDCG@10", "ndcg_at_10_random"),
    ("franchise_recall_at_5", "Franchise recall@5", "franchise_recall_at_5_random"),
    ("series_recall_at_5", "Series recall@5", "series_recall_at_5_random"),
    ("never_recommended", "Never recommended", ""),
    ("worst_hub", "Worst hub", ""),
    ("bytes_per_poster", "Bytes per poster", ""),
)
_EVIDENCE_ROWS = (
    ("macro_f1_suggest", "Macro F1, suggest"),
    ("map", "Mean average precision"),
    ("ece", "Calibration error (ECE)"),
    ("sure_precision", "Micro precision, sure"),
    ("sure_recall", "Micro recall, sure"),
    ("corrections", "Corrections per film"),
    ("unchanged", "Accepted unchanged"),
)
_SLICES = {
    "greyscale": "Greyscale",
    "old": "Old",
    "text_only": "Text only",
    "non_english": "Not English",
    "overview_not_english": "Overview not English",
}


def prepare_folder(out: Path) -> None:
    """Create the folder of the report, so that an unusable one is found before hours of work.

    Raises EvaluationError if it can't be created or written.
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
    """Write the report into the folder `out`; files of an earlier report are replaced, its plots removed.

    Raises EvaluationError if it can't be written.
    """
    prepare_folder(out)
    figures: dict[str, bytes] = {}
    if report["genre_curves"] is not None:
        # matplotlib takes long to import, and only genre metrics need it.
        from ml.evaluation.plots import plots

        figures = plots(report)
    try:
        for old in (out / FIGURES).glob("*.svg"):
            old.unlink()
        for name, svg in figures.items():
            write_bytes(out / FIGURES / f"{name}.svg", svg)
        write_bytes(out / PAGE, page(report, figures).encode())
        write_json(out / JSON, report)
    except OSError as error:
        raise EvaluationError(f"The report can't be written to {out}: {error.strerror}.") from error


def page(report: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """The report as one self-contained page. figures: the plots as SVG, by name."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template("report.html.jinja").render(
        report=report,
        figures={
            name: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
            for name, svg in figures.items()
        },
        rows={"genres": _GENRE_ROWS, "lookalikes": _LOOKALIKE_ROWS, "evidence": _EVIDENCE_ROWS},
        slice_names=_SLICES,
    )


def number(value: float | None, name: str = "") -> str:
    """A number of the metric `name` as text: whole for counts, percent for shares of posters, else .123."""
    if value is None:
        return "–"
    if name in _COUNTS:
        return f"{value:,.0f}"
    return f"{100 * value:.1f}%" if name == "never_recommended" else f"{value:.3f}"


def summary(report: Mapping[str, Any], out: Path) -> str:
    """The report in one line."""

    def values(figures: Mapping[str, Any]) -> dict[str, str]:
        return {name: number(row["value"], name) for name, row in figures.items() if "value" in row}

    parts = []
    if report["genres"] is not None:
        genres = values({name: row for name, row in report["genres"].items() if isinstance(row, dict)})
        parts.append(
            f"macro F1 {genres['macro_f1_suggest']} (everything: {genres['predict_everything_macro_f1']}), "
            f"mAP {genres['map']}, ECE {genres['ece']}"
        )
        if evidence := _evidence_summary(report["genres"]):
            parts.append(evidence)
    near = values(report["lookalikes"])
    parts.append(
        f"share@5 {near['share_at_5']} (random: {near['share_at_5_random']}), franchise recall@5 "
        f"{near['franchise_recall_at_5']}, never recommended {near['never_recommended']}, worst hub "
        f"{near['worst_hub']}"
    )
    if report["duplicates"]:
        recall = report["duplicates"]["everyday"], report["duplicates"]["alterations"]["crop_10"]
        everyday, cropped = (number(row["both"]["value"]) for row in recall)
        parts.append(f"duplicates recall@1 {everyday}, crop 10% {cropped}")
    line = f"{report['model']['name']} on {report['n']:,} posters: {'; '.join(parts)}"
    if report["differences"]:
        difference = report["differences"]["lookalikes"]["share_at_5"]["value"]
        line += f" (share@5 {difference:+.3f} against {report['differences']['minus']})"
    return f"{line} → {out / PAGE}"


def _evidence_summary(genres: Mapping[str, Any]) -> str:
    """Poster only beside what else the model uses; "" for a model of posters only."""

    def pair(figures: Mapping[str, Any]) -> str:
        return f"{number(figures['macro_f1_suggest']['value'])}, {number(figures['corrections']['value'])}"

    evidence, gains = genres["evidence"], genres["evidence_gains"]
    parts = [
        f"{name} {pair(evidence[key])}"
        for key, name in (("poster", "poster"), ("poster_title_year", "poster, title, year"))
        if evidence[key]["n"]
    ]
    if evidence["all"]["n"]:
        alone = f" (poster {pair(gains['all']['poster'])})" if gains["all"]["n"] else ""
        parts.append(
            f"all {pair(evidence['all'])}{alone} for {evidence['all']['n']:,} films with an overview"
        )
    return f"macro F1, corrections per film by {'; '.join(parts)}" if len(parts) > 1 else ""
