"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real posters, shoes and weights named by POSTERSITE_DATA, else skip."""
    named = os.environ.get("POSTERSITE_DATA", "").strip()
    if not named:
        pytest.skip("POSTERSITE_DATA does not name a folder of real posters, shoes and weights")
    folder = Path(named).expanduser().resolve()
    if not (folder / "posters.csv").is_file():
        pytest.skip(f"POSTERSITE_DATA names {folder}, which holds no posters.csv")
    return folder
