"""Decode untrusted images safely, resize them, and compare them by perceptual hashes.

All images from outside pass through here: an allow-list of formats by signature (never by file name or
Content-Type), limits on bytes, parts, pixels and JPEG scans before decoding, a verification pass, and then
the decoding. Nothing here changes Pillow's global settings, so threads cannot relax each other's limits.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from .container_parts import too_many_parts

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000
MIN_SIDE = 16
MAX_ASPECT = 8.0
DECODER = "pillow-draft-1"
"""Version of the decoding, a part of every extractor's fingerprint: change it when pixel values change."""

# The 8 lowest basis vectors of the orthonormal DCT-II of 32 values. `scipy.fft` takes longer to import than
# Django, and every process of a site imports this module.
_LOW_DCT = np.cos(np.pi / 64 * np.outer(np.arange(8), np.arange(1, 64, 2))) * np.sqrt(2 / 32)
_LOW_DCT[0] *= np.sqrt(1 / 2)

DUPLICATE_BITS = 6
"""Perceptual hashes with at most this distance are the same picture re-encoded; false pairs start at 8."""

# Each scan of a progressive JPEG may need a pass over the whole image; real encoders write about ten.
_MAX_JPEG_SCANS = 128
_MAX_PROFILE_BYTES = 1024 * 1024
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OTHER_SIGNATURES = {
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x00\x00\x01\x00": "ICO",
    b"8BPS": "PSD",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
}

_EIGHT_BITS = (np.arange(65536) / 257).round().astype(np.uint8)

Resize = Literal["bilinear", "nearest"]


class ImageRejected(ValueError):
    """An image was refused. `reason` is a stable code, `str()` a message for users."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def image_format(data: bytes) -> str:
    """The format of `data` by its signature: "JPEG", "PNG", "WEBP" or "GIF".

    Raises ImageRejected: `not_an_image`, or `format_not_allowed` for an image of another kind.
    """
    head = data[:512]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    for signature, name in _OTHER_SIGNATURES.items():
        if head.startswith(signature):
            raise ImageRejected("format_not_allowed", _only(name))
    if head[4:8] == b"ftyp":
        raise ImageRejected("format_not_allowed", _only("AVIF or HEIC"))
    text = head.lstrip().lower()
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        raise ImageRejected("format_not_allowed", _only("SVG"))
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise ImageRejected("not_an_image", "This is a web page, not an image.")
    what = "This file is not an image." if data else "This file is empty."
    raise ImageRejected("not_an_image", what)


def _only(name: str) -> str:
    return f"{name} files are not accepted; use JPEG, PNG, WebP or GIF."


def open_safely(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    min_side: int = MIN_SIDE,
    max_aspect: float = MAX_ASPECT,
) -> Image.Image:
    """Decode an untrusted image to an upright 8-bit sRGB image without metadata.

    EXIF orientation is applied, an embedded colour profile is converted to sRGB, transparent pixels become
    white, and CMYK, palette, grey and 16-bit images become RGB. Of a multi-picture JPEG, the first is used.

    Args:
        data: the whole file.
        max_bytes: largest file, in bytes.
        max_pixels: largest width × height, checked before decoding; Pillow's own limit applies too.
        min_side: smallest width and height, in pixels.
        max_aspect: largest ratio of the longer to the shorter side.

    Raises:
        ImageRejected: with `reason` one of `too_many_bytes`, `not_an_image`, `format_not_allowed`,
            `too_many_parts`, `too_many_pixels`, `too_many_scans`, `too_small`, `aspect_ratio`, `animated`,
            `too_much_text`, `truncated`.
    """
    image, orientation = _open_checked(data, max_bytes, max_pixels, min_side, max_aspect)
    return _decode(image, orientation)


def load_image(
    source: bytes | str | os.PathLike[str], size: tuple[int, int], *, resize: Resize = "bilinear"
) -> Image.Image:
    """Decode an image and resize it to the input size of a network: RGB, `size` = (height, width) in pixels.

    A large JPEG is decoded at the smallest of libjpeg's scales that covers `size` (Pillow's `draft`), then
    resized with an antialiased triangle filter. `resize="nearest"` is the default of Keras' `load_img` (full
    decoding, no filter), for the baseline of the published recipe.

    Args:
        source: the bytes of a file, or its path.
        size: (height, width) in pixels.
        resize: "bilinear" (antialiased) or "nearest".

    Raises:
        ImageRejected: as `open_safely`; OSError if a path cannot be read.
    """
    if resize not in ("bilinear", "nearest"):
        raise ValueError(f"Unknown resize filter {resize!r}: use 'bilinear' or 'nearest'.")
    height, width = size
    data = source if isinstance(source, bytes) else read_file(Path(source))
    image, orientation = _open_checked(data, MAX_BYTES, MAX_PIXELS, MIN_SIDE, MAX_ASPECT)
    if resize == "bilinear" and image.format in ("JPEG", "MPO"):
        turned = orientation in (5, 6, 7, 8)
        image.draft("RGB", (height, width) if turned else (width, height))
    upright = _decode(image, orientation)
    resample = Image.Resampling.BILINEAR if resize == "bilinear" else Image.Resampling.NEAREST
    return upright.resize((width, height), resample)


def load_pixels(
    source: bytes | str | os.PathLike[str], size: tuple[int, int], *, resize: Resize = "bilinear"
) -> npt.NDArray[np.float32]:
    """`load_image` as a float32 array (height, width, 3), RGB in [0, 255]."""
    return np.asarray(load_image(source, size, resize=resize), dtype=np.float32)


def read_file(path: Path) -> bytes:
    """Read an image file; at most MAX_BYTES + 1 bytes, which `open_safely` refuses."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _open_checked(
    data: bytes, max_bytes: int, max_pixels: int, min_side: int, max_aspect: float
) -> tuple[Image.Image, int]:
    """Open without decoding, after all checks that need no pixels; also returns the EXIF orientation."""
    if len(data) > max_bytes:
        raise ImageRejected("too_many_bytes", f"This file is larger than {max_bytes / 2**20:.0f} MiB.")
    name = image_format(data)
    if name == "JPEG" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageRejected("too_many_scans", f"This JPEG has more than {_MAX_JPEG_SCANS} scans.")
    if too_many_parts(data, name):
        raise ImageRejected(
            "too_many_parts",
            f"This {name} file consists of too many small parts; save it again with another program.",
        )
    if Image.MAX_IMAGE_PIXELS is not None:
        max_pixels = min(max_pixels, Image.MAX_IMAGE_PIXELS)
    if name == "WEBP":
        # Opening a WebP allocates its canvas, so the size is read from the header first.
        _check_size(_webp_size(data), max_pixels, min_side, max_aspect)
    try:
        _open(data, name).verify()
        image = _open(data, name)
        # A multi-picture JPEG (two views from one camera) is not an animation.
        animated = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        size = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRejected("too_many_pixels", "This image has too many pixels.") from error
    except UnidentifiedImageError as error:
        raise ImageRejected("not_an_image", f"This file begins like a {name} but is not one.") from error
    except Exception as error:
        raise _damaged(name, error) from error
    _check_size(size, max_pixels, min_side, max_aspect)
    if animated:
        raise ImageRejected("animated", "This image is animated; a poster is a single picture.")
    return image, _orientation(image)


def _damaged(name: str, error: Exception) -> ImageRejected:
    # Pillow raises ValueError if texts or the profile of a PNG decompress to over 1 MB each or 64 MB in all.
    if isinstance(error, ValueError) and ("MAX_TEXT" in str(error) or "text chunks" in str(error)):
        what = "holds a text or colour profile that unpacks to too much; save it without them"
        return ImageRejected("too_much_text", f"This {name} {what}.")
    return ImageRejected("truncated", f"This {name} file is damaged or cut short.")


def _open(data: bytes, name: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=(name,))


def _check_size(size: tuple[int, int], max_pixels: int, min_side: int, max_aspect: float) -> None:
    width, height = size
    what = f"This image is {width} × {height}"
    if width * height > max_pixels:
        raise ImageRejected("too_many_pixels", f"{what}; at most {max_pixels / 1e6:g} million pixels.")
    if min(width, height) < min_side:
        raise ImageRejected("too_small", f"{what}; each side needs at least {min_side} pixels.")
    if max(width, height) > max_aspect * min(width, height):
        raise ImageRejected("aspect_ratio", f"{what}; one side is over {max_aspect:g} times the other.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas (width, height) of a WebP from its first chunk (RFC 9649, sections 2.5 to 2.7)."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if len(body) == 10 and chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if len(body) >= 5 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise ImageRejected("truncated", "This WEBP file is damaged or cut short.")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - damaged EXIF raises any error, and the image itself may be valid
        return 1
    return value if isinstance(value, int) else 1


def _decode(image: Image.Image, orientation: int) -> Image.Image:
    try:
        image.load()
        rgb = _to_srgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRejected("too_many_pixels", "This image has too many pixels.") from error
    except Exception as error:
        raise _damaged(image.format or "image", error) from error
    if orientation in _ORIENTATIONS:
        rgb = rgb.transpose(_ORIENTATIONS[orientation])
    rgb.info = {}
    return rgb


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):
        return _from_deep_grey(image).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        # Pasting needs half the memory of Image.alpha_composite, with the same rounding on an opaque ground.
        colour = image if image.mode == "RGBA" else image.convert("RGBA")
        flat = Image.new("RGB", colour.size, "white")
        flat.paste(colour, mask=colour.getchannel("A"))
    elif image.mode in ("RGB", "L", "CMYK"):
        flat = image
    else:
        flat = image.convert("RGB")
    if profile and len(profile) <= _MAX_PROFILE_BYTES:
        flat = _from_profile(flat, profile)
    return flat.convert("RGB") if flat.mode != "RGB" else flat.copy()


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Convert 16-bit grey to 8-bit by scaling; Pillow's conversion clips."""
    grey = np.asarray(image)
    if grey.dtype != np.uint16:
        grey = np.clip(grey, 0, 65535).astype(np.uint16)
    return Image.fromarray(_EIGHT_BITS[grey])


def _from_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB; with an unusable or sRGB profile the image is unchanged."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in (source.profile.profile_description or ""):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return converted if converted is not None else image


def fit_width(image: Image.Image, width: int) -> Image.Image:
    """Shrink `image` to `width` pixels, keeping its proportions; a narrower one is returned unchanged."""
    if width < 1:
        raise ValueError(f"width must be at least 1 pixel; got {width}.")
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def encode_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """Encode as a progressive JPEG without EXIF, profile or comment."""
    clean = image.convert("RGB") if image.mode != "RGB" else image.copy()
    clean.info = {}
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data`, 64 lower-case hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def perceptual_hash(image: Image.Image) -> str:
    """64-bit DCT hash of an image: 16 lower-case hexadecimal characters, row by row, high bit first.

    The image is shrunk to 32 × 32 grey; each bit says whether one of the 8 × 8 lowest frequencies of its
    two-dimensional DCT-II exceeds their median (C. Zauner, "Implementation and Benchmarking of Perceptual
    Image Hash Functions", 2010, section 3.2.1). Copies that were resized, compressed or turned grey differ in
    at most 6 bits; cropped and mirrored ones in more.
    """
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    low = (_LOW_DCT @ grey @ _LOW_DCT.T).round(6).ravel()
    bits = low > np.median(low)
    return np.packbits(bits).tobytes().hex()


def hash_distance(a: str, b: str) -> int:
    """Number of bits, 0 to 64, in which two perceptual hashes differ. ValueError if either is not one."""
    for text in (a, b):
        if len(text) != 16:
            raise ValueError(f"{text!r} is not a perceptual hash of 16 hexadecimal characters.")
    return (int(a, 16) ^ int(b, 16)).bit_count()
