"""Random views: of the right size and range, different from each other, and repeatable."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def made(training_output):
    return dict(np.load(training_output / "views.npz"))


def test_views_have_the_requested_size_and_range(made):
    assert made["images"].shape == (80, 288, 192, 3)
    assert made["first"].shape == (80, 96, 64, 3) and made["first"].dtype == np.float32
    assert made["first"].min() >= 0 and made["first"].max() <= 255
    assert made["first"].max() > 200


def test_a_seed_decides_them(made):
    np.testing.assert_array_equal(made["first"], made["again"])
    assert np.abs(made["first"] - made["other"]).mean() > 10


def test_views_of_one_poster_differ_and_are_still_of_that_poster(made):
    small = made["first"].reshape(80, 8, 12, 8, 8, 3).mean(axis=(2, 4)).reshape(80, -1)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    alike = small @ small.T
    own = alike[:40, :40][~np.eye(40, dtype=bool)]
    assert own.max() < 0.9999
    assert own.mean() > alike[:40, 40:].mean() + 0.1


def test_some_are_grey_and_most_are_not(made):
    spread = (made["first"].max(axis=3) - made["first"].min(axis=3)).std(axis=(1, 2))
    grey = (spread < 1.0).mean()
    # A colour cast is one for the whole picture: a grey view has the same spread nearly everywhere.
    assert 0.01 < grey < 0.4


def test_half_of_the_views_get_a_share_of_another_and_targets_the_same_share(made):
    shares = made["shares"]
    own = np.diag(shares)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert own.min() >= 0.6 and 0.25 < (own < 1).mean() < 0.75
    flat = made["first"].reshape(80, -1)
    np.testing.assert_allclose(made["mixture"].reshape(80, -1), shares @ flat, atol=0.05)
