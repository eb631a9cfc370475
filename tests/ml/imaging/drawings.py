"""Pictures drawn for the tests of `ml`: seeded, with structure at several scales."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw


def drawing(seed: int = 0, size: tuple[int, int] = (200, 300)) -> Image.Image:
    """A poster-like RGB picture of (width, height) `size`: a gradient, blocks, discs and a band."""
    rng = np.random.default_rng(seed)
    width, height = size
    top, bottom = rng.uniform(0, 255, (2, 3))
    ramp = np.linspace(0, 1, height)[:, None, None]
    ground = np.broadcast_to(top * (1 - ramp) + bottom * ramp, (height, width, 3)).astype(np.uint8)
    image = Image.fromarray(ground.copy())
    pen = ImageDraw.Draw(image)
    for number in range(10):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        r = rng.uniform(0.06, 0.28) * width
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        (pen.ellipse if number % 2 else pen.rectangle)((x - r, y - r, x + r, y + r), fill=colour)
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """`image` as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
