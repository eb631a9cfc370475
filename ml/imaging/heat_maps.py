"""Draw heat maps to overlay on posters: dark where contributions are small, yellow where they are largest."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

# Pixels: a map of 9 × 6 places has no finer detail, and the browser enlarges it smoothly.
WIDTH = 240
TALLEST = 960
# Enough for a gradient that looks smooth; fewer compress better.
STEPS = 48
# Björn Ottosson, "A perceptual color space for image processing" (2020): lightness, green-red, blue-yellow.
# Both ends are on the blue-yellow axis, which most colour-blind people see; lightness rises evenly.
LITTLE = (0.20, -0.01, -0.10)
MUCH = (0.93, -0.02, 0.18)
# Opacity at no, half and full contribution.
OPACITY = (0.6, 0.2, 0.55)
# A line around the places of at least half the maximum, visible on yellow posters too.
OUTLINE = (255, 255, 255, 210)


def overlay(places: npt.ArrayLike, size: tuple[int, int]) -> Image.Image:
    """Draw the positive contributions (h, w) as a transparent image to overlay on a poster of `size`.

    size: (width, height) of the poster; the overlay has its proportions and is at most `WIDTH` pixels wide.
    The strongest place is always the brightest, whatever its logit: colours show where, not how much. Without
    a positive contribution the overlay is uniform. The image has mode "P" with an alpha palette, as PNG
    stores it.

    Raises ValueError if contributions are not a finite table, or a side is 0.
    """
    table = np.asarray(places, dtype=np.float32)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"Contributions of shape {table.shape} are no table of finite numbers.")
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"An image of {width} × {height} pixels cannot be drawn.")
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
    """Encode the overlay as PNG, a few kilobytes."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@cache
def palette() -> npt.NDArray[np.uint8]:
    """The palette (STEPS + 1, 4) uint8 of sRGB and alpha: from no to full contribution, then the outline."""
    share = np.linspace(0, 1, STEPS)
    lab = np.outer(1 - share, LITTLE) + np.outer(share, MUCH)
    opacity = np.interp(share, (0, 0.5, 1), OPACITY)
    steps = np.column_stack([_srgb(lab) * 255, opacity * 255])
    return np.vstack([steps, OUTLINE]).round().astype(np.uint8)


def _border(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The outermost pixels of `inside`; the edge of the image is no border."""
    padded = np.pad(inside, 1, mode="edge")
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def _srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert Oklab colours (n, 3) to sRGB in [0, 1], clipped to its gamut, with Ottosson's matrices."""
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
