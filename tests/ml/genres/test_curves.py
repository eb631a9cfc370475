"""Plots of learning curves."""

import numpy as np
import pytest
from PIL import Image

from ml.genres.curves import learning_curves

pytestmark = pytest.mark.slow

TRAIN, VALIDATION = (0x8A, 0x94, 0xA6), (0xC2, 0x41, 0x0C)

HISTORY = {
    "loss": [0.9, 0.7, 0.5],
    "val_loss": [0.9, 0.8, 0.85],
    "macro_f1": [0.1, 0.3, 0.5],
    "val_macro_f1": [0.1, 0.2, 0.19],
}


@pytest.mark.parametrize("epochs", [1, 3])
def test_both_curves_are_drawn_on_white(tmp_path, epochs):
    learning_curves({key: values[:epochs] for key, values in HISTORY.items()}, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels[2, 2].tolist() == [255, 255, 255]
    for colour in (TRAIN, VALIDATION):
        assert (pixels == colour).all(axis=2).any()


def test_drawing_leaves_no_global_state(tmp_path):
    from matplotlib import _pylab_helpers

    before = dict(_pylab_helpers.Gcf.figs)
    learning_curves(HISTORY, tmp_path / "curves.png")
    assert _pylab_helpers.Gcf.figs == before


@pytest.mark.parametrize("history", [{}, {key: [] for key in HISTORY}, HISTORY | {"loss": [0.5]}])
def test_curves_that_do_not_belong_together_are_refused(tmp_path, history):
    with pytest.raises(ValueError, match="same number of epochs"):
        learning_curves(history, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
