"""The plots of the report, as SVG. Their colours can be read on light and dark backgrounds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, ACCENT, LIGHT = "#757a88", "#c2600c", "#757a8866"
_STYLE: dict[str, Any] = {
    "axes.edgecolor": LIGHT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.color": "#757a8833",
    "lines.color": ACCENT,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "postersite",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}
_PANELS_ACROSS = 5


def plots(report: Mapping[str, Any]) -> dict[str, bytes]:
    """SVG files by name, of a report with genre metrics."""
    curves, genres = report["genre_curves"], report["genres"]
    with mpl.rc_context(_STYLE):
        return {
            "genre-f1": _svg(_genre_f1(genres["per_genre"])),
            "precision-recall": _svg(_precision_recall(curves)),
            "reliability": _svg(_reliability(curves["reliability"])),
            "abstention": _svg(_abstention(curves["abstention"])),
            "precision-recall-by-genre": _svg(
                _by_genre(genres["per_genre"], curves["precision_recall_per_genre"])
            ),
        }


def _genre_f1(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(6.6, 0.25 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots()
    f1 = [{end: row["f1"][end] or 0.0 for end in ("value", "low", "high")} for row in rows]
    values, places = [each["value"] for each in f1], range(len(rows))
    axes.barh(places, values, color=ACCENT, alpha=0.5, height=0.6)
    axes.hlines(places, [each["low"] for each in f1], [each["high"] for each in f1], color=INK)
    everything = [row["f1_predict_everything"] for row in rows]
    axes.plot(everything, places, "|", color=INK, markersize=12, markeredgewidth=2)
    axes.set_yticks(places, [_short(row["genre"]) for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 1)
    return figure


def _precision_recall(curves: Mapping[str, Any]) -> Figure:
    figure, axes = _unit_square("recall", "precision")
    _line(axes, curves["precision_recall"]["recall"], curves["precision_recall"]["precision"])
    for name, point in curves["operating_points"].items():
        if None not in point.values():
            axes.plot(point["recall"], point["precision"], "o", color=ACCENT)
            axes.annotate(
                name, (point["recall"], point["precision"]), xytext=(6, 6), textcoords="offset points"
            )
    return figure


def _reliability(bins: Sequence[Mapping[str, Any]]) -> Figure:
    figure, axes = _unit_square("score", "share that is right")
    most = max(each["pairs"] for each in bins)
    width = 1 / 15
    axes.bar(
        [each["from"] + width / 2 for each in bins],
        [0.2 * each["pairs"] / most for each in bins],
        0.8 * width,
        color=LIGHT,
    )
    axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=1)
    axes.plot(
        [each["score"] for each in bins],
        [each["frequency"] for each in bins],
        "o-",
        color=ACCENT,
        markersize=4,
    )
    return figure


def _abstention(curve: Mapping[str, Any]) -> Figure:
    figure, axes = _unit_square("coverage (posters that still get a genre)", "micro precision")
    _line(axes, curve["coverage"], curve["precision"])
    return figure


def _by_genre(rows: Sequence[Mapping[str, Any]], curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    down = -(-len(rows) // _PANELS_ACROSS)
    figure = Figure(figsize=(7.5, 1.7 * down), layout="constrained")
    panels = figure.subplots(down, _PANELS_ACROSS, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    for axes, row in zip(panels, rows, strict=False):
        _line(axes, curves[row["genre"]]["recall"], curves[row["genre"]]["precision"])
        axes.axhline(row["prevalence"], color=INK, linestyle="--", linewidth=1)
        axes.set_title(_short(row["genre"]), fontsize=9)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
    return figure


def _unit_square(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, 3.3), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1.02), ylim=(0, 1.02))
    return figure, axes


def _line(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    # A line of one point would be invisible without a marker.
    axes.plot(x, y, color=ACCENT, marker="o" if len(x) <= 20 else "", markersize=4)


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
