"""Differences of two genre models: stored and paired, or from what each was measured on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.genres import model_differences
from catalog.models import GenreModel
from ml.stats import Figure


def figure(value: float, half: float = 0.02) -> Figure:
    return {"value": value, "low": value - half, "high": value + half}


def row(theirs: float, ours: float, **fields: Any) -> dict[str, Any]:
    return {"ours": figure(ours), "theirs": figure(theirs), "difference": figure(ours - theirs), **fields}


def model(version: int, **metrics: Any) -> GenreModel:
    return GenreModel(version=version, metrics=metrics)


def candidate(**fields: Any) -> GenreModel:
    """Trained while model 1 was active."""
    genres = [row(0.5, 0.51, genre="Drama"), row(0.61, 0.66, genre="Horror"), row(0.3, 0.26, genre="War")]
    against = {"version": 1, "films": 900, "macro_f1": row(0.5, 0.51), "genres": genres, **fields}
    changes = {"new": 90, "gone": 50, "films": 200, "of": 200}
    return model(2, against_active=against, suggestion_changes=changes)


def test_the_headline_names_the_largest_significant_difference_and_the_changes() -> None:
    assert model_differences.headline(candidate(), model(1)) == "Horror F1 .61 → .66, 140 suggestions change"
    found = model_differences.compare(candidate(), model(1))
    assert found is not None and found.films == 900
    assert [each.genre for each in found.genres] == ["Horror", "War", "Drama"]
    assert [each.is_significant for each in found.genres] == [True, True, False]


def test_without_a_significant_difference_the_headline_says_so() -> None:
    same = candidate(genres=[row(0.5, 0.51, genre="Drama")])
    assert model_differences.headline(same, model(1)).startswith("Macro F1 .50 → .51 (no significant")


def test_of_a_part_of_the_films_the_number_of_changes_is_an_estimate() -> None:
    counted = {"new": 3, "gone": 2, "films": 100, "of": 1000}
    assert model_differences.changes_text(counted) == "about 50 suggestions change"
    assert (
        model_differences.changes_text({**counted, "of": 100, "gone": 0, "new": 1}) == "1 suggestion changes"
    )


def test_what_was_measured_at_the_training_is_said_whatever_is_active_now() -> None:
    assert "900 films, its macro F1 is .51, and that of genre model 1 .50" in model_differences.when_trained(
        candidate()
    )
    assert model_differences.when_trained(model(2)) == ""


def test_a_comparison_is_seen_from_the_other_side_too() -> None:
    found = model_differences.compare(model(1), candidate())
    assert found is not None and found.films == 900
    horror = found.genres[0]
    assert (horror.theirs["value"], horror.ours["value"]) == (0.66, 0.61)
    assert horror.difference == pytest.approx({"value": -0.05, "low": -0.07, "high": -0.03})
    # The changes were counted for the other direction.
    assert model_differences.changes(model(1), candidate()) is None


def measured(version: int, macro_f1: float) -> GenreModel:
    return model(version, validation={"macro_f1": figure(macro_f1, 0.03), "per_genre": []})


def test_another_pair_is_compared_by_independent_figures() -> None:
    found = model_differences.compare(measured(3, 0.5), measured(1, 0.4))
    assert found is not None and found.films is None
    half = (2 * 0.03**2) ** 0.5
    assert found.macro_f1.difference == pytest.approx(figure(0.1, half))
    assert model_differences.compare(measured(3, 0.5), model(1)) is None
    assert model_differences.headline(measured(3, 0.5), model(1)) == ""


KEYS = [
    *("against_active", "validation", "suggestion_changes", "macro_f1", "genres", "genre", "per_genre", "f1"),
    *("ours", "theirs", "difference", "value", "low", "high", "version", "films"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(metrics=JSON)
def test_any_stored_metrics_can_be_shown(metrics: Any) -> None:
    damaged = GenreModel(version=2, metrics=metrics)
    model_differences.headline(damaged, model(1))
    model_differences.headline(model(1), damaged)
    model_differences.when_trained(damaged)
