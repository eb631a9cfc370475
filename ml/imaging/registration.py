"""Register two pictures, possibly cropped, framed or mirrored, and compute their correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH = 64
"""Width in pixels to which pictures are shrunk for comparison."""

SMALLEST_CROP = 0.68
"""Crops to a smaller share of the width are not searched."""

_COARSE = 24
_PROMISING = 0.45
_HEIGHTS = (0.25, 4.0)
_FAINT = 4.0  # grey levels: fainter detail is mostly noise and has less weight
_FLAT = 0.05  # contrasts: areas with less variation are not compared

Grey = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """The best registration of two pictures.

    likeness: correlation of their details where they overlap, -1 to 1.
    scale: width of the inner picture as a share of the outer one's width; 1 if neither is cropped.
    mirrored: whether one of them is mirrored.
    """

    likeness: float
    scale: float
    mirrored: bool


def shrunk(picture: npt.ArrayLike, width: int = WIDTH) -> Grey:
    """Convert RGB (height, width, 3) in [0, 255] to float32 grey of `width` pixels, keeping proportions."""
    rgb = np.asarray(picture, dtype=np.float32)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"A picture must have the shape (height, width, 3), not {rgb.shape}.")
    grey = rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    height = round(width * min(max(grey.shape[0] / grey.shape[1], _HEIGHTS[0]), _HEIGHTS[1]))
    return _resized(grey, width, height)


def overlap(one: Grey, other: Grey) -> Overlap:
    """Find the best registration of two pictures, of equal size or with one inside the other.

    Template matching by zero-mean normalised cross-correlation (J. P. Lewis, "Fast Normalized
    Cross-Correlation", 1995) over all places and several sizes, first on pictures of 24 pixels width, then
    near the best on the full ones. The result is symmetric.

    Args:
        one, other: from `shrunk`, (any height, WIDTH) float32 grey levels.
    """
    best = Overlap(-1.0, 1.0, False)
    for outer, inner in ((one, other), (other, one)):
        small = _resized(outer, _COARSE, _height(outer, _COARSE))
        widths = range(int(_COARSE * SMALLEST_CROP), _COARSE + 1)
        for rough in _search(small, inner, widths, (False, True)):
            if rough.likeness < max(_PROMISING, best.likeness - 0.2):
                continue
            full = outer.shape[1]
            middle, spread = round(rough.scale * full), round(full / _COARSE)
            around = range(middle - spread, min(full, middle + spread) + 1)
            best = max(
                best, *_search(outer, inner, around, (rough.mirrored,)), key=lambda found: found.likeness
            )
    return best


def _search(outer: Grey, inner: Grey, widths: range, mirrors: tuple[bool, ...]) -> list[Overlap]:
    """The best place of `inner`, shrunk to one of `widths`, on `outer`; one result for each of `mirrors`."""
    from scipy.fft import irfft2, rfft2  # here, because few processes compare pictures

    field = _detail(outer).astype(np.float64)
    rows, columns = field.shape
    sizes = [(min(_height(inner, width), rows), width) for width in widths]
    # What surrounds the edges differs between the two: a frame, or what was cropped.
    margin = min(columns, *map(min, sizes)) // 10
    templates = np.zeros((len(mirrors), len(sizes), rows, columns))
    for number, (height, width) in enumerate(sizes):
        template = _detail(_resized(inner, width, height))[margin : height - margin, margin : width - margin]
        template -= template.mean()
        for side, mirrored in enumerate(mirrors):
            templates[side, number][: template.shape[0], : template.shape[1]] = (
                template[:, ::-1] if mirrored else template
            )
    # Correlation by Fourier transform; the places that wrap around are not used.
    products = irfft2(rfft2(field) * np.conj(rfft2(templates)), s=field.shape)
    energies = np.einsum("nij,nij->n", templates[0], templates[0])
    sums, squares = _integral(field), _integral(field**2)
    best = [Overlap(-1.0, 1.0, mirrored) for mirrored in mirrors]
    for number, (height, width) in enumerate(sizes):
        places = slice(margin, rows - height + margin + 1), slice(margin, columns - width + margin + 1)
        size = height - 2 * margin, width - 2 * margin
        count = size[0] * size[1]
        total, square = (_window_sums(table, *size)[places] for table in (sums, squares))
        spread, flat = square - total**2 / count, _FLAT**2 * count
        if energies[number] < flat:
            continue
        lengths = np.where(spread < flat, np.inf, np.sqrt(np.maximum(spread, flat) * energies[number]))
        valid = products[:, number, *places] / lengths
        for side, likeness in enumerate(valid.max(axis=(1, 2)).tolist()):
            if likeness > best[side].likeness:
                best[side] = Overlap(likeness, width / columns, mirrors[side])
    return best


def _integral(values: Doubles) -> Doubles:
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    return table


def _window_sums(table: Doubles, height: int, width: int) -> Doubles:
    """Sums over every window of a size, from the summed-area table."""
    return (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )


def _detail(picture: Grey) -> Grey:
    """The detail of a picture, divided by the local contrast.

    Slow changes of brightness are common to many posters. Without the division, one bold strip on a plain
    background would dominate: two different posters with such strips had a correlation of .81.
    """
    from scipy.ndimage import uniform_filter  # here, because few processes compare pictures

    size = max(3, picture.shape[1] // 4 | 1)
    detail = picture - uniform_filter(picture, size, mode="nearest")
    contrast = np.sqrt(np.maximum(uniform_filter(detail**2, size, mode="nearest"), 0))
    return np.asarray(detail / (contrast + _FAINT), dtype=np.float32)


def _height(picture: Grey, width: int) -> int:
    return max(1, round(picture.shape[0] * width / picture.shape[1]))


def _resized(picture: Grey, width: int, height: int) -> Grey:
    if picture.shape == (height, width):
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture), mode="F")
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
