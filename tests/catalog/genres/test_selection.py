"""Selections of suggestions, which a batch of decisions stores."""

from __future__ import annotations

import pytest

from catalog.genres.review import Selection

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection(last=0), Selection("ember", 3, 0.0, True, 9), Selection(min_score=0.5)],
)
def test_a_stored_selection_is_the_same_again(selection: Selection) -> None:
    stored = selection.as_json()
    assert Selection(**stored) == selection and str(selection)
