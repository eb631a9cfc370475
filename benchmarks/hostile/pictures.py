"""Pictures that are bombs, broken, disguised, or merely odd."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from ml.imaging.images import MAX_BYTES, ImageRejected, encode_jpeg, load_pixels, open_safely

from .cases import TAKEN, Case

SIDE = 6_300  # its square is just below the cap on pixels
_ONE_PIXEL = b"\x00\x00\x00\x00"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def pictures() -> list[Case]:
    return [*_bombs(), *_disguises(), *_shapes(), *_modes(), *_damage()]


def _bombs() -> list[Case]:
    def case(
        what: str, expected: str, make: Callable[[], bytes], within_mb: int = 60, slow: bool = False
    ) -> Case:
        return Case(what, expected, lambda: _opened(make()), within_mb, slow)

    return [
        case("PNG that claims 60,000 × 60,000", "too_many_pixels", lambda: png(60_000, 60_000, b"")),
        case("PNG that claims 2³¹ − 1 squared", "too_many_pixels", lambda: png(2**31 - 1, 2**31 - 1, b"")),
        case("JPEG that claims 65,000 × 65,000", "too_many_pixels", lambda: _jpeg_claiming(65_000, 65_000)),
        case(
            "GIF that claims 65,535 × 65,535",
            "too_many_pixels",
            lambda: b"GIF89a\xff\xff\xff\xff" + encoded("GIF")[10:],
        ),
        case("GIF of 200 × 300 whose frame is 65,535 × 65,535", "too_many_pixels", _gif_with_giant_frame),
        case("WebP that claims 16,384 × 16,384", "too_many_pixels", lambda: _webp_claiming(16_384, 16_384)),
        case("PNG of 40 million pixels in 120 KB", TAKEN, lambda: _zeros(2, 8), 420, True),
        case("the same with transparency", TAKEN, lambda: _zeros(6, 8), 640, True),
        case("the same, 16-bit grey", TAKEN, lambda: _zeros(0, 16), 420, True),
        case(
            "PNG, a text chunk of 50 MB in 50 KB",
            "too_much_text",
            lambda: _with_chunk(b"zTXt", b"k\0\0" + _squeezed()),
        ),
        case(
            "PNG, international text of 50 MB",
            "too_much_text",
            lambda: _with_chunk(b"iTXt", b"k\0\1\0\0\0" + _squeezed()),
        ),
        case(
            "PNG, a colour profile of 50 MB",
            "too_much_text",
            lambda: _with_chunk(b"iCCP", b"p\0\0" + _squeezed()),
        ),
        case(
            "PNG, such a text after the pixels",
            TAKEN,
            lambda: _with_chunk(b"zTXt", b"k\0\0" + _squeezed(), True),
        ),
        case(
            "PNG of a million chunks",
            "too_many_parts",
            lambda: png(200, 300, _pixels(), chunk(b"prVt", b"") * 10**6),
        ),
        case("JPEG of a million segments", "too_many_parts", lambda: _after_start(b"\xff\xed\0\x02" * 10**6)),
        case("JPEG with a million fill bytes", "too_many_parts", lambda: _after_start(b"\xff" * 10**6)),
        case("GIF of a million comments", "too_many_parts", lambda: _gif_with(b"!\xfe\x01a\0" * 10**6)),
        case(
            "GIF with a comment in a million blocks",
            "too_many_parts",
            lambda: _gif_with(b"!\xfe" + b"\x01a" * 10**6 + b"\0"),
        ),
        case("JPEG of 500 scans", "too_many_scans", _jpeg_of_scans),
        case(
            "a file of 20 MB and a byte", "too_many_bytes", lambda: encoded("PNG").ljust(MAX_BYTES + 1, b"\0")
        ),
        *[
            case(f"{kind} of 300 frames", "animated", lambda kind=kind: _animation(kind, 300))  # type: ignore[misc]
            for kind in ("GIF", "PNG", "WEBP")
        ],
        case(
            "APNG that claims 2³¹ frames",
            "animated",
            lambda: _with_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        ),
        case("TIFF of 300 pages", "format_not_allowed", lambda: _animation("TIFF", 300)),
    ]


def _disguises() -> list[Case]:
    refused = {
        "nothing": (b"", "not_an_image"),
        "a text": (b"a text", "not_an_image"),
        "a ZIP": (_zip(), "not_an_image"),
        "a web page": (b"<!doctype html><p>Checking your browser", "not_an_image"),
        "SVG with a script": (b"<svg onload='alert(1)'/>", "format_not_allowed"),
        "SVG with an entity bomb": (
            b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'a'>]><svg>&a;</svg>",
            "format_not_allowed",
        ),
        "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file", "format_not_allowed"),
        "PDF": (b"%PDF-1.7\n", "format_not_allowed"),
        "PSD": (b"8BPS\0\1" + bytes(40), "format_not_allowed"),
        "ICO": (b"\0\0\1\0" + bytes(40), "format_not_allowed"),
        "BMP": (encoded("BMP"), "format_not_allowed"),
        "TIFF": (encoded("TIFF"), "format_not_allowed"),
        "PPM": (encoded("PPM"), "not_an_image"),
        "AVIF": (b"\0\0\0\x1cftypavif" + bytes(40), "format_not_allowed"),
        "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "format_not_allowed"),
        "JPEG XL": (b"\xff\x0a" + bytes(40), "format_not_allowed"),
        "a Windows program": (b"MZ" + bytes(100), "not_an_image"),
        "ELF": (b"\x7fELF" + bytes(100), "not_an_image"),
        "ImageMagick's MVG": (b"push graphic-context\nfill 'url(https://evil.example/)'", "not_an_image"),
        "a JPEG's first bytes and then a script": (b"\xff\xd8\xff<?php system($_GET[0]); ?>", "not_an_image"),
        "PNG after a space": (b" " + encoded("PNG"), "not_an_image"),
    }
    secret = b"<script>alert(1)</script>"
    hidden = {
        "GIF with a ZIP after it (GIFAR)": encoded("GIF") + _zip(),
        "PNG with a ZIP after it": encoded("PNG") + _zip(),
        "JPEG with a page in its comment": encoded("JPEG", comment=secret),
        "JPEG with a page after it": encoded("JPEG") + secret,
        "PNG with a page in a text": _with_chunk(b"tEXt", b"k\0" + secret),
        "WebP with a page in XMP": encoded("WEBP", xmp=secret),
        "JPEG named poster.png, said to be text/html": encoded("JPEG"),
    }
    cases = [
        Case(what, code, lambda data=data: _opened(data))  # type: ignore[misc]
        for what, (data, code) in refused.items()
    ]
    return cases + [
        Case(what, TAKEN, lambda data=data: _stored_without(data, secret))  # type: ignore[misc]
        for what, data in hidden.items()
    ]


def _shapes() -> list[Case]:
    sizes = {
        (1, 1): "too_small",
        (15, 400): "too_small",
        (1, 10_000): "too_small",
        (60_000, 1): "too_small",
        (16, 129): "aspect_ratio",
        (3_000, 300): "aspect_ratio",
        (16, 16): TAKEN,
        (16, 128): TAKEN,
    }
    return [
        Case(f"{width:,} × {height:,}", code, lambda size=size: _opened(encoded("PNG", size=size)))  # type: ignore[misc]
        for size, code in sizes.items()
        for width, height in [size]
    ]


def _modes() -> list[Case]:
    drawn = drawing()
    deep = Image.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 257)
    clear = drawn.convert("LA")
    clear.putalpha(Image.linear_gradient("L").resize(drawn.size))
    wrong_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    taken: dict[str, Callable[[], bytes]] = {
        "CMYK JPEG, inverted as Adobe writes it": lambda: encoded("JPEG", drawn.convert("CMYK"), quality=98),
        "grey JPEG": lambda: encoded("JPEG", drawn.convert("L"), quality=98),
        "16-bit grey PNG": lambda: encoded("PNG", deep),
        "1-bit PNG": lambda: encoded("PNG", drawn.convert("1")),
        "palette PNG": lambda: encoded("PNG", drawn.quantize(64)),
        "palette PNG with a transparent colour": lambda: encoded("PNG", drawn.quantize(64), transparency=0),
        "grey PNG with transparency": lambda: encoded("PNG", clear),
        "a colour profile of noise": lambda: encoded("PNG", icc_profile=b"noise" * 999),
        "a colour profile of 2 MB": lambda: encoded("JPEG", icc_profile=bytes(2 << 20)),
        "a LAB profile in an RGB picture": lambda: encoded("PNG", icc_profile=wrong_profile),
        "EXIF of noise": lambda: encoded("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff noise"),
        "a pair of camera pictures (MPO)": lambda: encoded("MPO", save_all=True, append_images=[drawn]),
        **{f"EXIF orientation {n:,}": lambda n=n: _turned(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65_535)},  # type: ignore[misc]
    }
    return [Case(what, TAKEN, lambda make=make: _opened(make())) for what, make in taken.items()]  # type: ignore[misc]


def _damage() -> list[Case]:
    kinds = ("JPEG", "PNG", "WEBP", "GIF")
    cuts = [Case(f"{kind} cut off at every 7th byte", TAKEN, lambda kind=kind: _cut(kind)) for kind in kinds]  # type: ignore[misc]
    noise = [
        Case(f"{kind} with a byte changed, 300 ways", TAKEN, lambda kind=kind: _changed(kind))  # type: ignore[misc]
        for kind in kinds
    ]
    return cuts + noise


def drawing(size: tuple[int, int] = (200, 300)) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    return Image.fromarray(np.stack([x, y, (x + y) / 2], -1).astype(np.uint8))


def encoded(
    kind: str, image: Image.Image | None = None, *, size: tuple[int, int] = (200, 300), **options: Any
) -> bytes:
    buffer = io.BytesIO()
    (image or drawing(size)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes, extra: bytes = b"", colour: int = 2, depth: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return _SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _opened(data: bytes) -> str:
    small = load_pixels(data, (32, 32))
    image = open_safely(data)
    assert image.mode == "RGB" and not image.info and small.shape == (32, 32, 3)
    return f"{image.width:,} × {image.height:,}, {image.mode}, nothing but pixels"


def _stored_without(data: bytes, secret: bytes) -> str:
    stored = encode_jpeg(open_safely(data))
    assert secret not in stored and b"PK\x03\x04" not in stored
    return "stored anew as JPEG, without what was hidden"


def _cut(kind: str) -> str:
    """Refused, or the very same picture: only what follows the last pixel may be missing."""
    whole = encoded(kind, size=(48, 64))
    pixels = np.asarray(open_safely(whole))
    for end in range(0, len(whole), 7):
        try:
            image = open_safely(whole[:end])
        except ImageRejected:
            continue
        assert np.array_equal(np.asarray(image), pixels), f"cut at {end} it is another picture"
    return "each is refused, or has every pixel"


def _changed(kind: str) -> str:
    whole = encoded(kind, size=(48, 64))
    rng = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(data))] = rng.integers(256)
        try:
            image = open_safely(bytes(data))
        except ImageRejected:
            continue
        assert image.mode == "RGB" and min(image.size) >= 16
    return "each is refused with a reason, or an RGB picture"


@cache
def _squeezed() -> bytes:
    return zlib.compress(b"a" * 50_000_000, 9)


def _pixels() -> bytes:
    return zlib.compress((b"\0" + bytes(600)) * 300)


def _with_chunk(name: bytes, data: bytes, after: bool = False) -> bytes:
    extra = chunk(name, data)
    plain = png(200, 300, _pixels(), b"" if after else extra)
    end = chunk(b"IEND", b"")
    return plain.removesuffix(end) + extra + end if after else plain


def _zeros(colour: int, depth: int) -> bytes:
    row = bytes(1 + SIDE * {0: 1, 2: 3, 6: 4}[colour] * depth // 8)
    pack = zlib.compressobj(9)
    pixels = b"".join(pack.compress(row) for _ in range(SIDE)) + pack.flush()
    return png(SIDE, SIDE, pixels, colour=colour, depth=depth)


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _jpeg_of_scans() -> bytes:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    return encoded("JPEG", progressive=True)[:-2] + scan * 500 + b"\xff\xd9"


def _after_start(segments: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + segments + data[2:]


def _webp_claiming(width: int, height: int) -> bytes:
    canvas = _ONE_PIXEL + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + (22).to_bytes(4, "little") + b"WEBPVP8X" + (10).to_bytes(4, "little") + canvas


def _frame_at(data: bytes) -> int:
    """Where a GIF's first frame begins: after the header and the palette of all frames."""
    return 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)


def _gif_with(blocks: bytes) -> bytes:
    data = encoded("GIF")
    return data[: _frame_at(data)] + blocks + data[_frame_at(data) :]


def _gif_with_giant_frame() -> bytes:
    data = bytearray(encoded("GIF"))
    at = data.index(b",", _frame_at(bytes(data)))
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    return bytes(data)


def _animation(kind: str, frames: int) -> bytes:
    pictures = [Image.new("RGB", (32, 48), (n % 256, n // 2, 9)) for n in range(frames)]
    return encoded(kind, pictures[0], save_all=True, append_images=pictures[1:])


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded("JPEG", exif=exif)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("evil.class", "x")
    return buffer.getvalue()
