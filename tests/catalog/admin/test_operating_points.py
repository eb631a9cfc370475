"""A genre model's page shows both operating points, the abstention curve, and what is never suggested."""

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog.admin import operating_points
from catalog.models import GenreModel
from tests.catalog.admin.cards import only, text_of
from tests.factories import GenreModelFactory

pytestmark = pytest.mark.django_db

METRICS = {
    "sure": {
        "target": 0.75,
        "cut": 0.6734,
        "precision": {"value": 0.748, "low": 0.73, "high": 0.76},
        "recall": {"value": 0.121, "low": 0.11, "high": 0.13},
        "coverage": {"value": 0.366, "low": 0.35, "high": 0.38},
    },
    "abstention": [
        {"cut": 0.0, "coverage": 0.999, "precision": 0.381, "recall": 0.617, "genres_a_poster": 3.95},
        {"cut": 0.9, "coverage": 0.0, "precision": None, "recall": 0.0, "genres_a_poster": 0.0},
    ],
    "validation": {"posters": 100, "genres_a_poster": 3.9, "true_genres_a_poster": 2.4},
}


def model_page(client, **fields):
    model = GenreModelFactory(genres=["Drama", "Horror"], **fields)
    response = client.get(reverse("admin:catalog_genremodel_change", args=[model.pk]))
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


def cells(row):
    return [text_of(cell) for cell in row.select("td")]


def test_both_operating_points_stand_side_by_side(admin_client):
    suggest, sure = model_page(admin_client, metrics=METRICS).select(".operating-points tbody tr")
    assert cells(suggest) == ["by genre", "0.381", "0.617", "0.999"]
    assert cells(sure) == ["0.67", "0.748 (0.730–0.760)", "0.121 (0.110–0.130)", "0.366 (0.350–0.380)"]
    assert "75% shall be right" in text_of(sure)


def test_the_abstention_curve_is_a_table(admin_client):
    first, last = model_page(admin_client, metrics=METRICS).select(".abstention tbody tr")
    assert [text_of(first.th), *cells(first)] == ["each genre's own", "0.999", "0.381", "0.617", "3.950"]
    assert [text_of(last.th), *cells(last)] == ["0.9", "0.000", "–", "0.000", "0.000"]


def test_genres_without_evidence_are_named_and_have_no_thresholds(admin_client):
    page = model_page(
        admin_client,
        metrics=METRICS,
        thresholds=[0.31, 1.0],
        sure_thresholds=[0.67, 1.0],
        no_evidence=["Horror"],
    )
    assert text_of(only(page, ".no-evidence-genres")).startswith("Never suggested: Horror . Nothing shows")
    drama, horror = page.select("table.figures")[-1].select("tbody tr")
    assert cells(drama)[:2] == ["0.31", "0.67"]
    assert cells(horror)[:2] == ["never", "–"]


def test_calibrated_scores_may_be_called_probabilities_and_others_not(admin_client):
    calibrated = {"ece_before": {"value": 0.02}, "ece_after": {"value": 0.003}}
    page = text_of(model_page(admin_client, metrics=METRICS, calibration=calibrated))
    assert "calibration error 0.003, before calibration 0.020" in page
    assert "not calibrated" in text_of(model_page(admin_client, metrics=METRICS))


def test_a_model_of_the_published_recipe_shows_none_of_it(admin_client):
    page = model_page(admin_client, metrics={"validation": METRICS["validation"]})
    assert not page.select(".operating-points, .abstention, .no-evidence-genres")
    assert "Learning curves" not in text_of(page)


_anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sure", "abstention", "cut", "target", "ece_after"]), inner)
    ),
    max_leaves=10,
)


@given(_anything, _anything, _anything)
def test_any_stored_value_reads_as_operating_points(metrics, calibration, no_evidence):
    model = GenreModel(
        genres=["Drama"], thresholds=[0.6], metrics=metrics, calibration=calibration, no_evidence=no_evidence
    )
    assert all(point.name in ("Suggest", "Sure") for point in operating_points.points(model))
    assert all(isinstance(genre, str) for genre in operating_points.no_evidence(model))
    operating_points.calibration(model)
