"""Figure of one image and its nearest neighbours, with a row per extractor, as in the published recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from .images import ImageRejected, fit_width, open_safely

Neighbour = tuple[str | os.PathLike[str], float, str]

_WIDTH = 240


def lookalike_figure(
    query: str | os.PathLike[str],
    rows: Mapping[str, Sequence[Neighbour]],
    out: str | os.PathLike[str],
    *,
    title: str = "",
    query_caption: str = "",
) -> None:
    """Plot the query on the left of each row, followed by its neighbours, nearest first.

    A neighbour whose file cannot be read is an empty frame with a caption.

    Args:
        query: path of the image.
        rows: neighbours as (path, distance, caption) by name of the extractor.
        out: the file to write; its suffix decides the format (.png, .jpg, .pdf, .svg).
        title: above the figure.
        query_caption: under the query.

    Raises:
        ImageRejected: the query is no acceptable image. ValueError: there are no rows. OSError: unwritable.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("A figure of look-alikes needs at least one extractor.")
    image = _picture(query)
    columns = 1 + max((len(neighbours) for neighbours in rows.values()), default=0)
    shape = image.height / image.width
    cell = (1.55, 1.55 * min(max(shape, 0.7), 1.6) + 0.62)
    figure = Figure(
        figsize=(cell[0] * columns + 0.3, cell[1] * len(rows) + (0.5 if title else 0.15)), dpi=150
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, neighbours) in zip(axes, rows.items(), strict=True):
        for place, frame in enumerate(line):
            frame.set_xticks([])
            frame.set_yticks([])
            if place == 0:
                frame.imshow(image)
                frame.set_title(_short(name, 30), fontsize=7.5, fontweight="bold", loc="left")
                frame.set_xlabel(_short(query_caption or "query", 26), fontsize=7)
            elif place <= len(neighbours):
                path, distance, caption = neighbours[place - 1]
                _show(frame, path)
                frame.set_title(f"{distance:.3f}" if distance < 1 else f"{distance:.2f}", fontsize=7.5)
                frame.set_xlabel(_short(caption, 26), fontsize=7)
            else:
                frame.set_axis_off()
        for side in line[0].spines.values():
            side.set_linewidth(2)
    if title:
        figure.suptitle(_plain(title), fontsize=10)
    figure.tight_layout(pad=0.5)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)


def _picture(path: str | os.PathLike[str]) -> Image.Image:
    return fit_width(open_safely(Path(path).read_bytes()), _WIDTH)


def _show(frame: object, path: str | os.PathLike[str]) -> None:
    try:
        frame.imshow(_picture(path))  # type: ignore[attr-defined]
    except (ImageRejected, OSError):
        frame.text(0.5, 0.5, "not shown", ha="center", va="center", fontsize=7)  # type: ignore[attr-defined]


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return _plain(text if len(text) <= most else text[: most - 1] + "…")


def _plain(text: str) -> str:
    """Escape dollar signs, which start formulas."""
    return text.replace("$", r"\$")
