"""The logistic fit: the optimum that scikit-learn finds, from any start, in principal components or not."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml.genres.logistic import Interrupted, fit_logistic, log_loss, logits_of, project, strengths
from tests.ml.genres.catalogues import informative


def projected(components=40, **kwargs):
    data = informative(**kwargs)
    projection = project(data.features, components)
    return data, projection, projection.apply(data.features)


@pytest.mark.parametrize("strength", [0.03, 1.0, np.geomspace(0.03, 3.0, 6)], ids=["0.03", "1", "own"])
def test_agrees_with_scikit_learn_genre_by_genre(strength):
    data, projection, rows = projected()
    found = fit_logistic(rows, data.labels, strength, projection.variances)
    for genre, own in enumerate(np.broadcast_to(strength, 6).tolist()):
        reference = LogisticRegression(C=1 / (own * len(rows)), tol=1e-8, max_iter=2000)
        reference.fit(rows, data.labels[:, genre])
        assert found[:-1, genre] == pytest.approx(reference.coef_[0], abs=2e-3)
        assert found[-1, genre] == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_the_start_changes_nothing_but_the_way():
    data, projection, rows = projected()
    cold = fit_logistic(rows, data.labels, 0.1, projection.variances)
    start = np.random.default_rng(0).normal(size=cold.shape)
    warm = fit_logistic(rows, data.labels, 0.1, projection.variances, start=start)
    assert warm == pytest.approx(cold, abs=2e-3)


def test_stronger_regularisation_makes_smaller_coefficients():
    data, projection, rows = projected()
    sizes = [
        np.abs(fit_logistic(rows, data.labels, strength, projection.variances)[:-1]).sum()
        for strength in (0.01, 0.1, 1.0, 10.0)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_a_genre_that_all_or_none_have_stays_finite():
    data, projection, rows = projected()
    labels = data.labels.copy()
    labels[:, 0], labels[:, 1] = 0, 1
    assert np.isfinite(fit_logistic(rows, labels, 0.1, projection.variances)).all()


def test_a_rare_genre_is_held_back_less():
    labels = np.zeros((1000, 4), dtype=np.uint8)
    labels[:500, 0], labels[:100, 1], labels[:900, 2] = 1, 1, 1
    found = strengths(labels, 2.0)
    assert found[:3] == pytest.approx([2.0, 1.2, 1.2])
    assert 0 < found[3] < 0.05


@pytest.mark.parametrize(("components", "tolerance"), [(40, 1e-4), (12, 1e-2)])
def test_components_are_those_of_the_singular_value_decomposition(components, tolerance):
    data, projection, rows = projected(components)
    standard = (data.features - data.features.mean(axis=0)) / data.features.std(axis=0)
    values = np.linalg.svd(standard, compute_uv=False)[:components]
    assert projection.variances == pytest.approx(values**2 / len(standard), rel=tolerance)
    assert projection.components.T @ projection.components == pytest.approx(np.eye(components), abs=1e-4)
    assert rows.std(axis=0) == pytest.approx(np.sqrt(projection.variances), rel=1e-3)


def test_fewer_posters_than_numbers_and_numbers_that_never_vary_are_no_trouble():
    features = np.zeros((12, 500), dtype=np.float32)
    features[:, :30] = np.random.default_rng(0).normal(size=(12, 30))
    projection = project(features, 256)
    assert projection.components.shape == (500, 12)
    labels = (np.arange(24).reshape(12, 2) % 3 == 0).astype(np.uint8)
    found = fit_logistic(projection.apply(features), labels, 1.0, projection.variances)
    assert np.isfinite(found).all()


def test_weights_of_features_give_the_logits_of_the_components():
    data, projection, rows = projected(components=12)
    found = fit_logistic(rows, data.labels, 0.1, projection.variances)
    head = projection.head(found)
    assert head.logits(data.features) == pytest.approx(logits_of(rows, found), abs=1e-4)
    assert projection.coefficients(head) == pytest.approx(found, abs=1e-4)


def test_a_head_of_other_standardisation_is_read_as_the_same_function():
    data, projection, rows = projected(components=40)
    earlier = project(data.features[:150], 40)
    found = fit_logistic(earlier.apply(data.features[:150]), data.labels[:150], 0.1, earlier.variances)
    carried = projection.coefficients(earlier.head(found))
    assert logits_of(rows, carried) == pytest.approx(earlier.head(found).logits(data.features), abs=1e-3)


def test_asked_to_stop_it_stops():
    data, projection, rows = projected()
    answers = iter([False, False, True])
    with pytest.raises(Interrupted):
        fit_logistic(rows, data.labels, 0.1, projection.variances, should_stop=lambda: next(answers))


def test_log_loss_of_huge_logits_does_not_overflow():
    truth = np.array([[1, 0], [0, 0]])
    logits = np.array([[1000.0, -1000.0], [1000.0, 0.0]])
    assert log_loss(truth, logits) == pytest.approx([500.0, np.log(2) / 2])
