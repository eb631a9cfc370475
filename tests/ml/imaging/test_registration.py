"""Registration recognises altered copies, and no other pictures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageOps

from ml.imaging.registration import WIDTH, Grey, overlap, shrunk
from ml.search.near_duplicates import CONFIRMED

from .drawings import drawing

SEEDS = range(3)


def grey(picture: Image.Image) -> Grey:
    return shrunk(np.asarray(picture.convert("RGB"), dtype=np.float32))


def without(left: float, top: float, right: float, bottom: float) -> Callable[[Image.Image], Image.Image]:
    """Cuts these shares of a picture's width and height off."""

    def cut(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        corner = round(width * left), round(height * top)
        return picture.crop((*corner, round(width * (1 - right)), round(height * (1 - bottom))))

    return cut


ALTERED: dict[str, tuple[Callable[[Image.Image], Image.Image], float, bool]] = {
    "smaller": (lambda picture: picture.resize((120, 180)), 1.0, False),
    "grey": (lambda picture: ImageOps.grayscale(picture), 1.0, False),
    "faded": (lambda picture: picture.point(lambda value: 90 + value // 2), 1.0, False),
    "cropped all round": (without(0.05, 0.05, 0.05, 0.05), 0.9, False),
    "cropped in a corner": (without(0.2, 0.2, 0, 0), 0.8, False),
    "without its foot": (without(0, 0, 0, 0.2), 1.0, False),
    "mirrored": (ImageOps.mirror, 1.0, True),
    "mirrored and cropped": (lambda picture: ImageOps.mirror(without(0.1, 0.1, 0, 0)(picture)), 0.9, True),
    "framed": (lambda picture: ImageOps.expand(picture, border=12, fill="white"), 200 / 224, False),
}


@pytest.mark.parametrize("change", ALTERED)
def test_an_altered_copy_is_the_same_picture(change: str) -> None:
    alter, scale, mirrored = ALTERED[change]
    for seed in SEEDS:
        picture = drawing(seed)
        found = overlap(grey(picture), grey(alter(picture)))
        assert found.likeness > CONFIRMED
        assert found.mirrored == mirrored
        assert found.scale == pytest.approx(scale, abs=0.04)


def test_different_pictures_are_not_the_same() -> None:
    pictures = [grey(drawing(seed)) for seed in SEEDS]
    assert max(overlap(*pair).likeness for pair in combinations(pictures, 2)) < CONFIRMED


def test_which_comes_first_makes_no_difference() -> None:
    one, other = grey(drawing(1)), grey(without(0.1, 0, 0, 0.1)(drawing(1)))
    assert overlap(one, other).likeness == pytest.approx(overlap(other, one).likeness)


def test_pictures_without_any_detail_are_never_confirmed() -> None:
    plain = grey(Image.new("RGB", (60, 90), "black"))
    assert overlap(plain, plain).likeness < CONFIRMED
    assert overlap(plain, grey(drawing(0))).likeness < CONFIRMED


@pytest.mark.parametrize("size", [(16, 1000), (1000, 16), (16, 16), (64, 95)])
def test_any_proportions_can_be_compared(size: tuple[int, int]) -> None:
    odd = grey(drawing(3, size))
    assert odd.shape[1] == WIDTH
    assert overlap(odd, odd).likeness == pytest.approx(1, abs=1e-6)
    assert -1 <= overlap(odd, grey(drawing(4))).likeness <= 1


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="height, width, 3"):
        shrunk(np.zeros((4, 4)))


def test_the_search_agrees_with_one_by_hand() -> None:
    """Without scaling, edges left out: the highest plain correlation of the part with any window."""
    from ml.imaging import registration

    outer = grey(drawing(2))
    inner = outer[10:70, 5:60]
    [found] = registration._search(outer, inner, range(55, 56), (False,))
    field, part = registration._detail(outer), registration._detail(inner)
    best = max(
        np.corrcoef(field[y + 5 : y + 55, x + 5 : x + 50].ravel(), part[5:55, 5:50].ravel())[0, 1]
        for y in range(outer.shape[0] - 59)
        for x in range(outer.shape[1] - 54)
    )
    assert found.likeness == pytest.approx(best, abs=1e-5)
