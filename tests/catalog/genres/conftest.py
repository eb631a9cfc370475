"""Fixtures of the tests about genres."""

from __future__ import annotations

import pytest

from catalog.genres import decision_batches


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_batches, "DECISIONS_PER_STEP", 2)
