"""A genre model's page: figures with intervals beside predict-everything, whatever was measured."""

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog.admin.scorecard import Figure, figure, genre_rows, rows
from catalog.models import GenreModel
from tests.catalog.admin.cards import text_of
from tests.factories import GenreModelFactory

METRICS = {
    "measured_on": "validation rows",
    "left_out": [{"genre": "War", "train_positives": 2, "reason": "too few examples"}],
    "validation": {
        "macro_f1": {"value": 0.3246, "low": 0.31, "high": 0.34},
        "macro_f1_predict_everything": {"value": 0.195, "low": 0.19, "high": 0.2},
        "mean_average_precision": {"value": 0.288, "low": None, "high": None},
        "posters": 2100,
        "genres_a_poster": 4.0,
        "true_genres_a_poster": 2.1,
        "per_genre": [
            {"genre": "Drama", "f1": {"value": 0.7, "low": 0.6, "high": 0.8}, "evidence": True},
            {"genre": "Horror", "f1": {"value": 0.1, "low": 0.0, "high": 0.2}, "evidence": False},
        ],
    },
}


def model_page(client, **fields):
    model = GenreModelFactory(genres=["Drama", "Horror"], **fields)
    response = client.get(reverse("admin:catalog_genremodel_change", args=[model.pk]))
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


@pytest.mark.django_db
def test_figures_stand_beside_predicting_everything(admin_client):
    page = model_page(admin_client, metrics=METRICS)
    first = [text_of(cell) for cell in page.select("table.figures")[0].select("tbody tr")[0].select("td")]
    assert first == ["0.325 (0.310–0.340)", "0.195 (0.190–0.200)"]
    assert "Measured on 2100 posters (validation rows)" in text_of(page)


@pytest.mark.django_db
def test_a_genre_without_evidence_is_named(admin_client):
    table = model_page(admin_client, metrics=METRICS).select("table.figures")[1]
    found = {text_of(row.th): text_of(row.select("td")[-1]) for row in table.select("tbody tr")}
    assert found["Drama"] == "yes"
    assert found["Horror"] == "no evidence"
    assert "too few examples" in found["War"]


@pytest.mark.django_db
@pytest.mark.parametrize("metrics", [{}, [], {"validation": None}, {"validation": {"per_genre": None}}])
def test_a_model_that_was_never_measured_still_has_a_page(admin_client, metrics):
    assert "Nothing was measured" in text_of(model_page(admin_client, metrics=metrics))


@pytest.mark.django_db
def test_nobody_adds_or_deletes_a_model_by_hand(admin_client):
    model = GenreModelFactory()
    assert admin_client.get(reverse("admin:catalog_genremodel_add")).status_code == 403
    assert admin_client.post(reverse("admin:catalog_genremodel_delete", args=[model.pk])).status_code == 403


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["value", "low", "high", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_stored_value_reads_as_a_figure(value):
    assert str(figure(value))


@given(st.dictionaries(st.sampled_from(["validation", "macro_f1", "per_genre"]), st.none() | st.text()))
def test_any_stored_metrics_read_as_rows(metrics):
    model = GenreModel(genres=["Drama"], thresholds=[0.6], metrics=metrics)
    assert [row.genre for row in genre_rows(model)] == ["Drama"]
    assert all(row.figure == Figure(None) for row in rows(model))
