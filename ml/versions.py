"""Versions of the libraries that results depend on."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("numpy", "scipy", "scikit-learn", "pillow", "ai-edge-litert", "keras", "tensorflow")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that are installed, by name."""
    found = {"python": sys.version.partition(" ")[0]}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
