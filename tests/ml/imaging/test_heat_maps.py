"""The overlay of a heat map has the poster's proportions and is brightest at the largest contributions."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ml.imaging.heat_maps import STEPS, TALLEST, WIDTH, encoded, overlay, palette


def spot(row: int, column: int) -> npt.NDArray[np.float32]:
    places = np.full((7, 7), -0.1, dtype=np.float32)
    places[row, column] = 0.3
    return places


def lightness(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Relative luminance (WCAG 2) of (…, 3) sRGB in 0 to 255."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((500, 750), (WIDTH, 360)),
        ((2000, 1000), (WIDTH, 120)),
        ((40, 60), (40, 60)),
        ((100, 90_000), (100, TALLEST)),
        ((90_000, 1), (WIDTH, 1)),
    ],
)
def test_it_has_the_proportions_of_the_poster(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert overlay(spot(3, 3), size).size == drawn


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 5), (3, 3), (6, 2)])
@pytest.mark.parametrize("ground", ["black", "white", "#c0a040", "#203060"])
def test_the_strongest_place_is_the_brightest_on_any_poster(ground: str, row: int, column: int) -> None:
    poster = Image.new("RGBA", (210, 315), ground)
    poster.alpha_composite(overlay(spot(row, column), poster.size).convert("RGBA"))
    light = lightness(np.asarray(poster.convert("RGB"), dtype=np.float64))
    cell = light[row * 45 + 15 : row * 45 + 30, column * 30 + 10 : column * 30 + 20].mean()
    far = light[(6 - row) // 4 * 180 : (6 - row) // 4 * 180 + 20, (6 - column) // 4 * 140 :][:20, :20].mean()
    assert cell > far + 0.03


def test_lightness_rises_with_evidence_also_for_the_colour_blind() -> None:
    assert palette()[:STEPS, 3].max() < 0.7 * 255  # the poster is never hidden
    colours = palette()[:STEPS, :3].astype(np.float64)
    assert (np.diff(lightness(colours)) > -1e-9).all()
    # Viénot, Brettel & Mollon, "Digital video colourmaps for checking the legibility of displays" (1999)
    linear = (colours / 255) ** 2.2
    for red, green in ((0.11238, 0.88762), (0.29275, 0.70725)):
        seen = linear @ np.array([[red, red, 0.0], [green, green, 0.0], [0.0, 0.0, 1.0]])
        assert (np.diff(seen @ [0.2126, 0.7152, 0.0722]) > -1e-9).all()


def test_places_of_at_least_half_are_outlined() -> None:
    drawn = np.asarray(overlay(spot(3, 3), (210, 210)))
    line = np.argwhere(drawn == STEPS)
    assert len(line) and ((line >= 70) & (line < 140)).all()


def test_without_evidence_for_a_genre_nothing_is_highlighted() -> None:
    assert not np.asarray(overlay(-np.ones((7, 7)), (70, 70))).any()


def test_evidence_twice_as_strong_draws_the_same_picture() -> None:
    places = np.random.default_rng(3).normal(size=(7, 7))
    assert encoded(overlay(places, (200, 300))) == encoded(overlay(places * 2, (200, 300)))


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.floats(-1e6, 1e6, width=32)
    ),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
@settings(max_examples=40, deadline=None)
def test_any_evidence_can_be_drawn_and_read_back(
    places: npt.NDArray[np.float32], width: int, height: int
) -> None:
    data = encoded(overlay(places, (width, height)))
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        rgba = picture.convert("RGBA")
    assert rgba.width == min(width, WIDTH)
    assert set(np.unique(np.asarray(rgba)[:, :, 3])) <= set(palette()[:, 3])


@pytest.mark.parametrize("places", [np.zeros(7), np.zeros((0, 7)), np.full((7, 7), np.inf)])
def test_only_a_table_of_numbers_and_a_poster_with_a_size_can_be_drawn(places: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match="no table of finite numbers"):
        overlay(places, (10, 10))
    with pytest.raises(ValueError, match="cannot be drawn"):
        overlay(spot(0, 0), (0, 10))
