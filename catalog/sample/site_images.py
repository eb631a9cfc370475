"""The replica's images, resized as their address requests."""

import io
import re

from PIL import Image, ImageOps

MAX_SIDE = 4000
Size = tuple[int | None, int | None]
"""A width, a height, both (cropped to fill), or neither (ORIGINAL)."""
ORIGINAL: Size = (None, None)

_TMDB_SIZE = re.compile(r"(?:w(\d{1,4}))?(?:_and_)?(?:h(\d{1,4}))?(?:_[a-z0-9]+)*")
_IMDB_SIZE = re.compile(r"(?:^|_)[US]([XY])(\d{1,4})(?=_|$)")
_IMDB_CROP = re.compile(r"(?:^|_)CR\d+,\d+,(\d{1,4}),(\d{1,4})(?=_|$)")
_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif"}


def tmdb_size(text: str) -> Size | None:
    """The size in ``/t/p/<text>/``: ``original``, ``w500``, ``h632``, ``w300_and_h450_bestv2``; else None."""
    if text == "original":
        return ORIGINAL
    match = _TMDB_SIZE.fullmatch(text)
    if not match or not (match[1] or match[2]):
        return None
    return _checked(match[1], match[2])


def imdb_size(text: str) -> Size | None:
    """The size in ``._V1_<text>.jpg``: empty, ``UX182_CR0,0,182,268_AL_``; None if out of range."""
    if crop := _IMDB_CROP.search(text):
        return _checked(crop[1], crop[2])
    if scale := _IMDB_SIZE.search(text):
        return _checked(scale[2], None) if scale[1] == "X" else _checked(None, scale[2])
    return ORIGINAL


def _checked(width: str | None, height: str | None) -> Size | None:
    size = int(width) if width else None, int(height) if height else None
    return size if all(0 < side <= MAX_SIDE for side in size if side is not None) else None


def resized(data: bytes, size: Size) -> bytes:
    """The image ``data`` as JPEG at ``size``, never enlarged.

    Bytes that are not an image, and images that already have the size, are returned unchanged.
    """
    if size == ORIGINAL:
        return data
    try:
        with Image.open(io.BytesIO(data)) as image:
            target = _target(image.size, size)
            if target == image.size:
                return data
            image.draft("RGB", target)
            smaller = ImageOps.fit(image.convert("RGB"), target, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return data
    out = io.BytesIO()
    smaller.save(out, "JPEG", quality=88)
    return out.getvalue()


def _target(original: tuple[int, int], size: Size) -> tuple[int, int]:
    width, height = original
    new_width, new_height = size
    if new_width and new_height:
        scale = min(1.0, width / new_width, height / new_height)
        return max(1, round(new_width * scale)), max(1, round(new_height * scale))
    scale = min(1.0, new_width / width if new_width else (new_height or height) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def content_type(data: bytes) -> str:
    """The media type of image bytes, from their signature."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    found = (name for signature, name in _SIGNATURES.items() if data.startswith(signature))
    return next(found, "application/octet-stream")
