"""The extractor `histograms`: colours and edges, without a ConvNet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.vectors import unit_vectors

COLOUR_GRID = (3, 2)
COLOUR_BINS = (4, 4, 4)
EDGE_GRID = (6, 4)
ORIENTATIONS = 9
COLOURS = COLOUR_BINS[0] * COLOUR_BINS[1] * COLOUR_BINS[2]
DIMS = COLOUR_GRID[0] * COLOUR_GRID[1] * COLOURS + EDGE_GRID[0] * EDGE_GRID[1] * ORIENTATIONS

Floats = npt.NDArray[np.float32]


def describe(image: npt.NDArray[np.uint8] | Floats) -> Floats:
    """Compute colour and edge histograms of one image over a grid, each part of length one.

    The colour part counts the opponent axes (red-green, blue-yellow, white-black) of M. Swain and D. Ballard,
    "Color Indexing", IJCV 7(1), 1991, in 4 × 4 × 4 bins for each of 3 × 2 cells, shared linearly between
    neighbouring bins, and takes the square root, so that Euclidean distance is Hellinger's. The edge part is
    N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: nine unsigned
    orientations weighted by gradient magnitude for each of 6 × 4 cells, clipped at 0.2 and normalised again.

    Args:
        image: float32 or uint8 (height, width, 3), RGB in [0, 255].

    Returns:
        float32 (600,): 384 colour numbers, then 216 edge numbers.
    """
    scaled = image.astype(np.float64) / 255
    return np.concatenate([_colours(scaled), _edges(scaled)]).astype(np.float32)


def _cells(height: int, width: int, grid: tuple[int, int]) -> npt.NDArray[np.int64]:
    rows = np.arange(height) * grid[0] // height
    columns = np.arange(width) * grid[1] // width
    return rows[:, None] * grid[1] + columns[None, :]


def _colours(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    axes = ((red - green + 1) / 2, (2 * blue - red - green + 2) / 4, (red + green + blue) / 3)
    cell = _cells(image.shape[0], image.shape[1], COLOUR_GRID)
    counts = np.zeros(COLOUR_GRID[0] * COLOUR_GRID[1] * COLOURS)
    low, share = [], []
    for values, bins in zip(axes, COLOUR_BINS, strict=True):
        place = values * (bins - 1)
        floor = np.minimum(place.astype(np.int64), bins - 2)
        low.append(floor)
        share.append(place - floor)
    for corner in range(8):
        index, weight = np.zeros_like(cell), np.ones(cell.shape)
        for axis in range(3):
            step = corner >> axis & 1
            index = index * COLOUR_BINS[axis] + low[axis] + step
            weight = weight * (share[axis] if step else 1 - share[axis])
        counts += np.bincount((cell * COLOURS + index).ravel(), weight.ravel(), minlength=counts.size)
    return np.sqrt(counts / counts.sum())


def _edges(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    down, right = np.gradient(image, axis=(0, 1))
    strength = np.hypot(down, right)
    strongest = strength.argmax(axis=2)[..., None]
    magnitude = np.take_along_axis(strength, strongest, 2)[..., 0]
    angle = np.arctan2(
        np.take_along_axis(down, strongest, 2)[..., 0], np.take_along_axis(right, strongest, 2)[..., 0]
    )
    place = (angle / np.pi % 1) * ORIENTATIONS
    low = np.floor(place).astype(np.int64)
    share = place - low
    cell = _cells(image.shape[0], image.shape[1], EDGE_GRID) * ORIENTATIONS
    counts = np.zeros(EDGE_GRID[0] * EDGE_GRID[1] * ORIENTATIONS)
    for step, weight in ((0, 1 - share), (1, share)):
        index = cell + (low + step) % ORIENTATIONS
        counts += np.bincount(index.ravel(), (magnitude * weight).ravel(), minlength=counts.size)
    return unit_vectors(np.minimum(unit_vectors(counts), 0.2))
