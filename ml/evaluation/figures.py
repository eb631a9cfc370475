"""A figure as the report holds it: a value and the ends of its 95% interval, each None if undefined."""

from __future__ import annotations

from typing import Any

import numpy as np

Figure = dict[str, Any]


def figure(value: float, low: float, high: float) -> Figure:
    """{"value", "low", "high"} ready for JSON."""
    return {"value": plain(value), "low": plain(low), "high": plain(high)}


def undefined(reason: str) -> Figure:
    """A figure that cannot be given, with the reason."""
    return {"value": None, "low": None, "high": None, "reason": reason}


def plain(value: Any) -> float | None:
    """The number as JSON can hold it: None for NaN and infinity."""
    return float(value) if np.isfinite(value) else None
