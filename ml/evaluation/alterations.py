"""Altered copies of a poster, as they turn up elsewhere: smaller, re-compressed, grey, cropped, mirrored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageEnhance, ImageOps

from ml.imaging.images import encode_jpeg, open_safely

REVISION = "alterations-1"
"""Changes when a copy does: part of the names under which its hash and vectors are kept."""

_QUALITY = 90


@dataclass(frozen=True)
class Alteration:
    """One way to alter a picture: in words, how, and the quality of the JPEG that is made of it."""

    what: str
    alter: Callable[[Image.Image], Image.Image]
    quality: int = _QUALITY


def _resized(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * 0.6), round(image.height * 0.6)), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def _turned(image: Image.Image) -> Image.Image:
    """Turned by 3°, and cut to what lies inside the picture."""
    return _cropped(image.rotate(3, Image.Resampling.BICUBIC), 0.06)


ALTERATIONS = {
    "resize": Alteration("60% of its width and height", _resized),
    "jpeg": Alteration("JPEG of quality 40", lambda image: image, quality=40),
    "grey": Alteration("greyscale", lambda image: image.convert("L").convert("RGB")),
    "crop_5": Alteration("5% cut off at every edge", lambda image: _cropped(image, 0.05)),
    "mirror": Alteration("mirrored", ImageOps.mirror),
    "crop_10": Alteration("10% cut off at every edge", lambda image: _cropped(image, 0.10)),
    "border": Alteration(
        "a white border of 5%", lambda image: ImageOps.expand(image, round(image.width * 0.05), "white")
    ),
    "rotate": Alteration("turned by 3° and cut to fit", _turned),
    "fade": Alteration(
        "half the contrast, a fifth lighter",
        lambda image: ImageEnhance.Brightness(ImageEnhance.Contrast(image).enhance(0.5)).enhance(1.2),
    ),
}
EVERYDAY = ("resize", "jpeg", "grey", "crop_5", "mirror")
"""Those whose mean recall is one figure; the rest are told one by one."""


def copies_of(picture: bytes) -> list[bytes]:
    """The altered copies, JPEGs in the order of ALTERATIONS.

    Raises ImageRejected if `picture` is no acceptable image.
    """
    image = open_safely(picture)
    return [encode_jpeg(each.alter(image), each.quality) for each in ALTERATIONS.values()]
