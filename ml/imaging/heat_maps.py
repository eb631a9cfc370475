"""Draw evidence as a picture to lay over a poster: dark where there is little, yellow where there is most."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

# px: a map of 9 × 6 places holds no finer detail, and the browser enlarges it smoothly.
WIDTH = 240
TALLEST = 960
# Steps that an eye takes for a smooth change; fewer compress better.
STEPS = 48
# Björn Ottosson, "A perceptual color space for image processing" (2020): lightness, green-red, blue-yellow.
# Both ends lie on the blue-yellow axis, which nearly all colour-blind people see; lightness rises evenly.
LITTLE = (0.20, -0.01, -0.10)
MUCH = (0.93, -0.02, 0.18)
# Opacity at no, at half and at full evidence: a veil on what does not count, thinnest where it turns.
OPACITY = (0.6, 0.2, 0.55)
# A line around the places of at least half the most: on a yellow poster it is what shows them.
OUTLINE = (255, 255, 255, 210)


def overlay(places: npt.ArrayLike, size: tuple[int, int]) -> Image.Image:
    """The positive part of (h, w) evidence as a picture with transparency, to lay over one of `size`.

    size: (width, height) of the poster; the overlay has its proportions and is at most `WIDTH` pixels wide.
    The strongest place is the brightest, whatever its evidence in logits: maps of different genres compare by
    where, not by how much. Evidence without a positive place gives the veil alone. The picture is of mode
    "P" with opacities, which PNG stores as they are.

    Raises ValueError for evidence that is not a finite table, or a size without area.
    """
    table = np.asarray(places, dtype=np.float32)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"Evidence of shape {table.shape} is no table of finite numbers.")
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"A picture of {width} × {height} pixels cannot be drawn.")
    drawn = (min(width, WIDTH), max(1, min(TALLEST, round(height * min(width, WIDTH) / width))))
    smooth = np.asarray(Image.fromarray(table).resize(drawn, Image.Resampling.BICUBIC))
    most = smooth.max()
    share = np.clip(smooth / most, 0, 1) if most > 0 else np.zeros_like(smooth)
    index = np.rint(share * (STEPS - 1)).astype(np.uint8)
    index[_border(share >= 0.5)] = STEPS
    picture = Image.fromarray(index)
    picture.putpalette(palette().tobytes(), "RGBA")
    return picture


def encoded(picture: Image.Image) -> bytes:
    """The overlay as PNG, some kilobytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@cache
def palette() -> npt.NDArray[np.uint8]:
    """(STEPS + 1, 4) uint8: sRGB colour and opacity by evidence, from none to most, then the outline's."""
    share = np.linspace(0, 1, STEPS)
    lab = np.outer(1 - share, LITTLE) + np.outer(share, MUCH)
    opacity = np.interp(share, (0, 0.5, 1), OPACITY)
    steps = np.column_stack([_srgb(lab) * 255, opacity * 255])
    return np.vstack([steps, OUTLINE]).round().astype(np.uint8)


def _border(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The outermost pixels of `inside`; the picture's own edge is no border."""
    padded = np.pad(inside, 1, mode="edge")
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def _srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, 3) Oklab colours as sRGB in [0, 1], cut to its gamut; the matrices are Ottosson's."""
    cones = lab @ np.array(
        [
            [1, 1, 1],
            [0.3963377774, -0.1055613458, -0.0894841775],
            [0.2158037573, -0.0638541728, -1.2914855480],
        ]
    )
    linear = cones**3 @ np.array(
        [
            [4.0767416621, -1.2684380046, -0.0041960863],
            [-3.3077115913, 2.6097574011, -0.7034186147],
            [0.2309699292, -0.3413193965, 1.7076147010],
        ]
    )
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
