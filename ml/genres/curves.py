"""Plot learning curves: loss and macro F1 per epoch, on training and validation rows.

matplotlib takes long to import, so it is imported inside functions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAIN, VALIDATION, QUIET, INK = "#8a94a6", "#c2410c", "#d9dde4", "#1f2430"


def learning_curves(history: Mapping[str, Sequence[float]], out_png: Path) -> None:
    """Plot `history` (loss, val_loss, macro_f1, val_macro_f1; one number per epoch) to a PNG file.

    The epoch with the lowest validation loss is marked; its weights are used. Raises ValueError if there
    is no epoch, or if the curves differ in length; OSError if the file can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = ("loss", "val_loss", "macro_f1", "val_macro_f1")
    lengths = {len(history.get(key, ())) for key in keys}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"Learning curves need the same number of epochs, at least one, for each of {', '.join(keys)}."
        )
    best = min(range(len(history["val_loss"])), key=lambda i: history["val_loss"][i]) + 1
    figure = Figure(figsize=(10, 4), dpi=120, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _panel(left, "Loss", history["loss"], history["val_loss"], best)
    _panel(right, "Macro F1", history["macro_f1"], history["val_macro_f1"], best)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(out_png, buffer.getvalue())


def _panel(axes: Axes, title: str, train: Sequence[float], validation: Sequence[float], best: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(train) + 1)
    # A single epoch is a point, which needs a marker to be visible.
    marker = "o" if len(train) == 1 else ""
    axes.axvline(best, color=QUIET, linewidth=1.5, zorder=0)
    axes.plot(epochs, train, color=TRAIN, linewidth=2, marker=marker, label="training")
    axes.plot(epochs, validation, color=VALIDATION, linewidth=2, marker=marker, label="validation")
    axes.plot([best], [validation[best - 1]], "o", color=VALIDATION, markersize=7)
    axes.annotate(
        f"epoch {best}: {validation[best - 1]:.3f}",
        (best, validation[best - 1]),
        textcoords="offset points",
        xytext=(-8 if best > len(train) / 2 else 8, 9),
        ha="right" if best > len(train) / 2 else "left",
        color=INK,
        fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        zorder=4,
    )
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.15)
    axes.grid(axis="y", color=QUIET, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
