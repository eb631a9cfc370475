"""The report's figures as SVG: drawn by hand, so that they are small, sharp, and follow light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 440, 330
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40
STYLE = Path(__file__).with_name("drawing.css").read_text(encoding="utf-8")

Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A dot with its label."""

    x: float
    y: float
    label: str


def curve(
    title: str,
    x_label: str,
    y_label: str,
    points: Sequence[Point],
    *,
    marks: Sequence[Mark] = (),
    guide: Sequence[Point] = (),
    columns: Sequence[Point] = (),
) -> str:
    """One curve in the unit square, as an SVG element.

    marks: dots on it. guide: a dashed line. columns: (x, height) of faint bars that stand on the x axis, the
    highest drawn a fifth of the figure high.
    """
    parts = [_axes(x_label, y_label)]
    top = max((height for _, height in columns), default=0.0)
    parts += [
        f'<rect class="faint" x="{_x(x) - 9:.1f}" width="18" y="{_y(0.2 * height / top):.1f}" '
        f'height="{_y(0) - _y(0.2 * height / top):.1f}"/>'
        for x, height in columns
        if top > 0
    ]
    if guide:
        parts.append(f'<polyline class="guide" points="{_points(guide)}"/>')
    parts.append(f'<polyline class="curve" points="{_points(points)}"/>')
    if len(points) <= 20:
        parts += [f'<circle class="dot" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.5"/>' for x, y in points]
    for mark in marks:
        right = mark.x > 0.7
        parts.append(f'<circle class="dot" cx="{_x(mark.x):.1f}" cy="{_y(mark.y):.1f}" r="5.5"/>')
        parts.append(
            f'<text class="name" x="{_x(mark.x) + (-9 if right else 9):.1f}" y="{_y(mark.y) - 8:.1f}" '
            f'text-anchor="{"end" if right else "start"}">{escape(mark.label)}</text>'
        )
    return _svg(title, WIDTH, HEIGHT, "".join(parts))


def small_curves(title: str, panels: Sequence[tuple[str, Sequence[Point], float]], across: int = 5) -> str:
    """Small precision-recall panels in a grid; each has a name, its points and its genre's frequency.

    The frequency is drawn dashed: it is the precision of predicting the genre for everybody.
    """
    side, gap, head = 132, 18, 18
    down = -(-len(panels) // across)
    parts = []
    for number, (name, points, frequency) in enumerate(panels):
        x = (number % across) * (side + gap)
        y = (number // across) * (side + gap + head) + head
        line = " ".join(f"{x + side * px:.1f},{y + side * (1 - py):.1f}" for px, py in points)
        level = y + side * (1 - frequency)
        parts.append(
            f'<text class="name" x="{x}" y="{y - 5}">{escape(_short(name, 20))}</text>'
            f'<rect class="rule" fill="none" x="{x}" y="{y}" width="{side}" height="{side}"/>'
            f'<line class="guide" x1="{x}" x2="{x + side}" y1="{level:.1f}" y2="{level:.1f}"/>'
            f'<polyline class="curve" points="{line}"/>'
        )
    return _svg(title, across * (side + gap) - gap + 2, down * (side + gap + head), "".join(parts))


def genre_bars(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Each genre's F1 as a bar with its interval, and a tick where predicting it for everybody would stand.

    rows: those of `per_genre`.
    """
    line, left, width = 24, 120, 660
    scale = width - left - 60
    parts = []
    for number, row in enumerate(rows):
        y = number * line + 6
        f1 = row["f1"]
        value, low, high = (f1[end] or 0.0 for end in ("value", "low", "high"))
        always = left + scale * row["f1_predict_everything"]
        parts.append(
            f'<text class="name" x="{left - 8}" y="{y + 12}" text-anchor="end">'
            f"{escape(_short(row['genre'], 18))}</text>"
            f'<rect class="bar" x="{left}" y="{y + 2}" width="{scale * value:.1f}" height="12" rx="2"/>'
            f'<line class="whisker" x1="{left + scale * low:.1f}" x2="{left + scale * high:.1f}" '
            f'y1="{y + 8}" y2="{y + 8}"/>'
            f'<line class="tick" x1="{always:.1f}" x2="{always:.1f}" y1="{y - 1}" y2="{y + 17}"/>'
            f'<text x="{left + scale * max(high, value) + 8:.1f}" y="{y + 12}">{value:.2f}</text>'
        )
    return _svg(title, width, len(rows) * line + 10, "".join(parts))


def standalone(svg: str) -> str:
    """The element as a file of its own, with its colours."""
    head, rest = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>{rest}\n'


def _axes(x_label: str, y_label: str) -> str:
    parts = []
    for step in range(6):
        share = step / 5
        parts.append(
            f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:.1f}</text>'
            f'<text x="{_x(share):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{share:.1f}</text>'
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{escape(y_label)}</text>"
    )
    return "".join(parts)


def _svg(title: str, width: float, height: float, content: str) -> str:
    name = escape(title)
    head = f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{name}">'
    return f"{head}<title>{name}</title>{content}</svg>"


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - RIGHT - LEFT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
