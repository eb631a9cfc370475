"""The replica's pictures: read lazily, resized as the address asks, kept in memory within a bound."""

import io
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from catalog.sample.site_pages import ReplicaMovie

MAX_SIDE = 4000
_TMDB_SIZE = re.compile(r"(?:w(\d{1,4}))?(?:_and_)?(?:h(\d{1,4}))?(?:_[a-z0-9]+)*")
_IMDB_SIZE = re.compile(r"(?:^|_)[US]([XY])(\d{1,4})(?=_|$)")
_IMDB_CROP = re.compile(r"(?:^|_)CR\d+,\d+,(\d{1,4}),(\d{1,4})(?=_|$)")


@dataclass(frozen=True)
class PictureSize:
    """What an address asks for: a width, a height, both (cropped to fill), or neither (the original)."""

    width: int | None = None
    height: int | None = None


def tmdb_size(text: str) -> PictureSize | None:
    """The size in ``/t/p/<text>/``: ``original``, ``w500``, ``h632``, ``w300_and_h450_bestv2``; else None."""
    if text == "original":
        return PictureSize()
    match = _TMDB_SIZE.fullmatch(text)
    if not match or not (match[1] or match[2]):
        return None
    return _checked(match[1], match[2])


def imdb_size(text: str) -> PictureSize | None:
    """The size in ``._V1_<text>.jpg``: empty, ``UX182_CR0,0,182,268_AL_``; None if out of range."""
    if crop := _IMDB_CROP.search(text):
        return _checked(crop[1], crop[2])
    if scale := _IMDB_SIZE.search(text):
        return _checked(scale[2], None) if scale[1] == "X" else _checked(None, scale[2])
    return PictureSize()


def _checked(width: str | None, height: str | None) -> PictureSize | None:
    sides = [int(side) for side in (width, height) if side]
    if not all(0 < side <= MAX_SIDE for side in sides):
        return None
    return PictureSize(int(width) if width else None, int(height) if height else None)


def resized(data: bytes, size: PictureSize) -> bytes:
    """The JPEG bytes of the image ``data`` at ``size``; never enlarged.

    Bytes that are no image, or that need no change, come back as they are: it serves what it was given.
    """
    if size == PictureSize():
        return data
    try:
        with Image.open(io.BytesIO(data)) as image:
            wanted = _target(image.size, size)
            if wanted == image.size:
                return data
            image.draft("RGB", wanted)
            picture = ImageOps.fit(image.convert("RGB"), wanted, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return data
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def _target(have: tuple[int, int], size: PictureSize) -> tuple[int, int]:
    width, height = have
    if size.width and size.height:
        shrink = min(1.0, width / size.width, height / size.height)
        return max(1, round(size.width * shrink)), max(1, round(size.height * shrink))
    scale = min(1.0, size.width / width if size.width else (size.height or height) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def content_type(data: bytes) -> str:
    """The media type of image bytes, from their first bytes."""
    for magic, name in ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif")):
        if data.startswith(magic):
            return f"image/{name}"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "application/octet-stream"


class PictureCache:
    """Pictures by film and size, the least recently used dropped once they hold more than ``limit`` bytes."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self.limit = limit
        self.held = 0
        self._kept: OrderedDict[tuple[str, PictureSize], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def picture(self, movie: ReplicaMovie, size: PictureSize) -> bytes | None:
        """The bytes of the film's poster at ``size``, or None if it has none (or its file has gone)."""
        key = (movie.image_name, size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = self._original(movie) if size == PictureSize() else self._smaller(movie, size)
        if data is not None and not (size == PictureSize() and isinstance(movie.poster, bytes)):
            self._keep(key, data)
        return data

    def _smaller(self, movie: ReplicaMovie, size: PictureSize) -> bytes | None:
        original = self.picture(movie, PictureSize())
        return None if original is None else resized(original, size)

    @staticmethod
    def _original(movie: ReplicaMovie) -> bytes | None:
        if isinstance(movie.poster, Path):
            try:
                return movie.poster.read_bytes()
            except OSError:
                return None
        return movie.poster() if callable(movie.poster) else movie.poster

    def _keep(self, key: tuple[str, PictureSize], data: bytes) -> None:
        with self._lock:
            self.held += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self.held > self.limit:
                self.held -= len(self._kept.popitem(last=False)[1])
