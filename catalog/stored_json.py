"""Read JSON that earlier versions or other programs may have stored: nothing is taken for granted."""

from __future__ import annotations

from typing import Any


def dictionary(values: Any, key: str) -> dict[str, Any]:
    """The dictionary under `key`; empty if there is none, or if `values` is no dictionary."""
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
