"""A genre model's page: figures with intervals, operating points and genres, for any stored metrics."""

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog.admin import genre_model_figures
from catalog.admin.genre_model_figures import Figure, figure
from catalog.models import GenreModel
from tests.catalog.pages import one, soup, text_of
from tests.factories import GenreModelFactory

METRICS = {
    "measured_on": "validation rows",
    "left_out": [{"genre": "War", "train_positives": 2, "reason": "too few examples"}],
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
    "validation": {
        "macro_f1": {"value": 0.3246, "low": 0.31, "high": 0.34},
        "macro_f1_predict_everything": {"value": 0.195, "low": 0.19, "high": 0.2},
        "mean_average_precision": {"value": 0.288, "low": None, "high": None},
        "posters": 2100,
        "genres_a_poster": 3.9,
        "true_genres_a_poster": 2.4,
        "per_genre": [
            {"genre": "Drama", "f1": {"value": 0.7, "low": 0.6, "high": 0.8}, "evidence": True},
            {"genre": "Horror", "f1": {"value": 0.1, "low": 0.0, "high": 0.2}, "evidence": False},
        ],
    },
}


def model_page(client, **fields):
    model = GenreModelFactory(genres=["Drama", "Horror"], **fields)
    return soup(client.get(reverse("admin:catalog_genremodel_change", args=[model.pk])))


def cells(row):
    return [text_of(cell) for cell in row.select("td")]


@pytest.mark.django_db
def test_a_measured_model(admin_client):
    page = model_page(admin_client, metrics=METRICS)
    figures, operating_points, abstention, genres = page.select("table.figures:not(.facts)")
    assert cells(figures.select("tbody tr")[0]) == ["0.325 (0.310–0.340)", "0.195 (0.190–0.200)"]
    assert "2,100 posters (validation rows)" in text_of(page)
    suggest, sure = operating_points.select("tbody tr")
    assert cells(suggest) == ["by genre", "0.381", "0.617", "0.999"]
    assert cells(sure) == ["0.67", "0.748 (0.730–0.760)", "0.121 (0.110–0.130)", "0.366 (0.350–0.380)"]
    assert "target precision: 75%" in text_of(sure)
    first, last = abstention.select("tbody tr")
    assert cells(first) == ["0.999", "0.381", "0.617", "3.950"]
    assert [text_of(last.th), *cells(last)] == ["0.9", "0.000", "–", "0.000", "0.000"]
    evidence = {text_of(row.th): cells(row)[-1] for row in genres.select("tbody tr")}
    assert (evidence["Drama"], evidence["Horror"]) == ("yes", "no evidence")
    assert "too few examples" in evidence["War"]


@pytest.mark.django_db
@pytest.mark.parametrize(("thresholds", "cut"), [([0.475, 0.475], "0.47"), ([0.475, 0.6], "by genre")])
def test_a_model_with_tick_thresholds_shows_the_operating_point(admin_client, thresholds, cut):
    page = model_page(admin_client, metrics=METRICS, tick_thresholds=thresholds)
    rows = one(page, ".operating-points").select("tbody tr")
    assert [text_of(row.th).split()[0] for row in rows] == ["Suggest", "Tick", "Sure"]
    assert cells(rows[1]) == [cut, "–", "–", "–"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [([0.53, 0.53], "0.53"), ([0.53, 1.0], "0.53"), ([0.53, 0.6], "by genre"), ([1.0, 1.0], "never")],
)
def test_without_a_measured_cut_the_sure_threshold_is_that_of_the_genres(thresholds, expected):
    model = GenreModelFactory.build(
        genres=["Drama", "Horror"], metrics={"sure": {"precision": 0.8}}, sure_thresholds=thresholds
    )
    point = genre_model_figures.sure(model)
    assert point is not None and point.cut == expected


@pytest.mark.django_db
def test_a_model_of_several_parts_shows_them_and_the_figures_of_each_combination(admin_client, settings):
    found = {"macro_f1_suggest": {"value": 0.42, "low": 0.4, "high": 0.44}, "corrections": 1.5, "n": 1200}
    metrics = {**METRICS, "combinations": {"poster": found, "poster+title": {"n": 60}, "title": "damaged"}}
    settings.GENRE_EVIDENCE = "poster"
    page = model_page(admin_client, metrics=metrics, parts=["poster", "title"])
    first, second = one(page, "table.combinations").select("tbody tr")
    assert (text_of(first.th), cells(first)[:2]) == ("poster", ["1,200", "0.420 (0.400–0.440)"])
    assert (text_of(second.th), cells(second)[0], cells(second)[-1]) == ("poster, title", "60", "–")
    assert "poster, title (not used: title;" in text_of(one(page, ".field-reads"))


@pytest.mark.django_db
def test_disabled_genres_are_named_and_have_no_thresholds(admin_client):
    page = model_page(
        admin_client,
        metrics=METRICS,
        thresholds=[0.31, 1.0],
        sure_thresholds=[0.67, 1.0],
        no_evidence=["Horror"],
    )
    assert text_of(one(page, ".disabled-genres .no-evidence")) == "Horror"
    drama, horror, _ = page.select("table.figures")[-1].select("tbody tr")
    assert cells(drama)[:2] == ["0.31", "0.67"]
    assert cells(horror)[:2] == ["never", "–"]


@pytest.mark.django_db
def test_calibration(admin_client):
    calibrated = {"ece_before": {"value": 0.02}, "ece_after": {"value": 0.003}}
    page = text_of(model_page(admin_client, metrics=METRICS, calibration=calibrated))
    assert "calibration error 0.003, before calibration 0.020" in page
    assert "not calibrated" in text_of(model_page(admin_client, metrics=METRICS))


@pytest.mark.django_db
@pytest.mark.parametrize("metrics", [{}, [], {"validation": None}, {"validation": {"per_genre": None}}])
def test_a_model_that_was_not_measured_has_a_page(admin_client, metrics):
    page = model_page(admin_client, metrics=metrics)
    assert not page.select(".operating-points, .abstention, .disabled-genres, .learning-curves")


KEYS = [
    "sure",
    "abstention",
    "cut",
    "target",
    "ece_after",
    "validation",
    "per_genre",
    "macro_f1",
    "value",
    "low",
    "high",
]
_anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
        )
    ),
    max_leaves=10,
)


@pytest.mark.slow
@given(_anything, _anything, _anything)
def test_any_stored_value_can_be_shown(metrics, calibration, no_evidence):
    model = GenreModel(
        genres=["Drama"], thresholds=[0.6], metrics=metrics, calibration=calibration, no_evidence=no_evidence
    )
    assert str(figure(metrics))
    assert [row.genre for row in genre_model_figures.genre_rows(model)] == ["Drama"]
    assert all(isinstance(row.figure, Figure) for row in genre_model_figures.rows(model))
    assert all(point.name in ("Suggest", "Sure") for point in genre_model_figures.points(model))
    assert all(isinstance(genre, str) for genre in genre_model_figures.disabled_genres(model))
    genre_model_figures.calibration(model)
