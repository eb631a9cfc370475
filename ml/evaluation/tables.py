"""Figures and tables of the report as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_COUNTS = ("worst_hub", "bytes_per_poster")


def number(name: str, figure: Mapping[str, Any] | None) -> str:
    """A figure as text: percent for shares of posters, whole numbers for counts, else three decimals."""
    if figure is None or figure["value"] is None:
        return "–"
    return _shown(name, figure["value"])


def _shown(name: str, value: float) -> str:
    if name in _COUNTS:
        return f"{value:,.0f}"
    if name == "never_recommended":
        return f"{100 * value:.1f}%"
    return f"{value:.3f}"


def interval(name: str, figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval, as HTML."""
    shown = number(name, figure)
    if figure is None or figure["low"] is None or figure["low"] == figure["high"]:
        return shown
    return f"{shown} <span>[{_shown(name, figure['low'])}, {_shown(name, figure['high'])}]</span>"


def signed(name: str, figure: Mapping[str, Any]) -> str:
    """A difference with its sign and interval, as HTML."""
    shown = interval(name, figure)
    return f"+{shown}" if (figure["value"] or 0) > 0 else shown


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", text: bool = False) -> str:
    """A table of cells that are HTML already; `text` sets its columns to the left."""
    kind = ' class="text"' if text else ""
    top = "".join(f'<th scope="col"{kind}>{cell}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell in row)}</tr>" for row in rows)
    told = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="wide"><table>{told}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def escaped(value: object) -> str:
    """Anything as text that HTML cannot mistake for markup."""
    return escape(str(value))
