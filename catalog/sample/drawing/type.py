"""Fonts that come with Pillow and matplotlib, and how each genre sets its titles in them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

_FALLBACK = "DejaVuSans-Bold"  # has every letter of every title


@dataclass(frozen=True)
class Style:
    """How a title is set.

    ``stretch`` scales letters sideways, ``slant`` leans them, ``tracking`` adds space (in ems), ``bounce``
    throws single letters off the line (degrees), ``tilt`` turns the whole title (degrees). In a ``block``
    every line fills the width. ``edge`` is plain, rough, round, stencil or sliced; ``fill`` is ink, fade,
    letters or outlined; ``size`` shrinks a title that should not shout.
    """

    font: str
    upper: bool = True
    stretch: float = 1.0
    slant: float = 0.0
    tracking: float = 0.0
    bounce: float = 0.0
    tilt: float = 0.0
    block: bool = False
    edge: str = "plain"
    fill: str = "ink"
    size: float = 1.0


STYLES: dict[str, tuple[Style, ...]] = {
    "Action": (
        Style("DejaVuSans-BoldOblique", stretch=0.72, slant=0.12, block=True, fill="fade"),
        Style("DejaVuSans-Bold", stretch=0.8, slant=0.28, block=True, tilt=4, fill="outlined"),
    ),
    "Adventure": (
        Style("STIXGeneralBol", stretch=0.9, block=True, fill="outlined"),
        Style("DejaVuSerif-Bold", stretch=0.8, slant=0.1, tilt=3, fill="outlined"),
    ),
    "Animation": (
        Style("DejaVuSans-Bold", stretch=0.9, bounce=7, edge="round", fill="outlined"),
        Style("DejaVuSans-Bold", upper=False, bounce=5, edge="round", fill="outlined", tilt=3),
    ),
    "Children": (
        Style("DejaVuSans-Bold", upper=False, stretch=0.92, bounce=9, edge="round", fill="letters"),
        Style("DejaVuSerif-Bold", upper=False, bounce=6, edge="round", fill="letters"),
    ),
    "Comedy": (
        Style("DejaVuSans-Bold", stretch=0.78, tilt=5, bounce=3, fill="ink", block=True),
        Style("cmb10", upper=False, tilt=-4, stretch=1.05, fill="ink"),
        Style("DejaVuSans-Bold", upper=False, stretch=0.85, tilt=-5, slant=0.1),
    ),
    "Crime": (
        Style("DejaVuSans-Bold", stretch=0.48, block=True),
        Style("DejaVuSans-Bold", stretch=0.55, tracking=0.06, block=True, edge="rough"),
    ),
    "Documentary": (
        Style("Aileron", upper=False, size=0.62),
        Style("cmss10", upper=False, size=0.66, tracking=0.01),
        Style("cmtt10", upper=False, size=0.55),
    ),
    "Drama": (
        Style("cmr10", tracking=0.2, size=0.7),
        Style("STIXGeneral", tracking=0.26, size=0.7),
        Style("STIXGeneralItalic", upper=False, size=0.95),
        Style("cmss10", tracking=0.3, size=0.62),
    ),
    "Fantasy": (
        Style("STIXGeneralBol", tracking=0.06, stretch=0.85, fill="fade"),
        Style("cmb10", tracking=0.05, stretch=0.9, fill="fade"),
    ),
    "Film-Noir": (
        Style("STIXGeneralBolIta", upper=False, stretch=0.95, slant=0.1, tilt=4),
        Style("DejaVuSerif-BoldItalic", stretch=0.62, slant=0.08),
        Style("cmtt10", stretch=0.95, size=0.9),
    ),
    "Horror": (
        Style("STIXGeneralBol", stretch=0.68, edge="rough", block=True),
        Style("DejaVuSerif-Bold", stretch=0.55, edge="rough", bounce=2.5),
    ),
    "Musical": (
        Style("cmb10", stretch=0.95, block=True, fill="fade"),
        Style("cmti10", upper=False, stretch=1.1, tilt=5),
    ),
    "Mystery": (
        Style("cmr10", tracking=0.1, stretch=0.8),
        Style("DejaVuSerif", stretch=0.7, tracking=0.12),
        Style("STIXGeneral", stretch=0.8, tracking=0.08, block=True),
    ),
    "Romance": (
        Style("cmti10", upper=False, stretch=1.05),
        Style("STIXGeneralItalic", upper=False, stretch=1.0),
        Style("STIXGeneralBolIta", upper=False, tilt=4),
    ),
    "Sci-Fi": (
        Style("cmss10", tracking=0.34, stretch=1.2, size=0.85),
        Style("Aileron", tracking=0.22, stretch=1.3, size=0.85),
        Style("DejaVuSansMono-Bold", tracking=0.1, stretch=1.1, fill="fade"),
    ),
    "Thriller": (
        Style("DejaVuSans-Bold", stretch=0.62, edge="sliced", block=True),
        Style("DejaVuSans-Bold", stretch=0.7, tracking=0.04, edge="sliced"),
    ),
    "War": (
        Style("DejaVuSans-Bold", stretch=0.6, tracking=0.05, edge="stencil", block=True),
        Style("DejaVuSansMono-Bold", stretch=0.72, edge="stencil"),
    ),
    "Western": (
        Style("DejaVuSerif-Bold", stretch=0.56, block=True),
        Style("DejaVuSerif-Bold", stretch=0.7, edge="rough", block=True, fill="outlined"),
    ),
}


def font(name: str, size: float, text: str) -> ImageFont.FreeTypeFont:
    """The named font at ``size`` pixels, or the fallback if it lacks a letter of ``text``."""
    if name == "Aileron":
        name = name if text.isascii() else _FALLBACK
    elif not _letters(name) >= {ord(letter) for letter in text if letter != " "}:
        name = (
            name.replace("cmr10", "STIXGeneral")
            .replace("cmb10", "STIXGeneralBol")
            .replace("cmti10", "STIXGeneralItalic")
        )
        name = _FALLBACK if name.startswith("cm") else name
    return _loaded(name, round(size))


@cache
def _loaded(name: str, size: int) -> ImageFont.FreeTypeFont:
    if name == "Aileron":
        loaded = ImageFont.load_default(size)
        if not isinstance(loaded, ImageFont.FreeTypeFont):
            raise RuntimeError(
                "This Pillow was built without FreeType; install Pillow's own wheel to draw posters."
            )
        return loaded
    # The basic layout engine, so that the same letters fall in the same places with and without Raqm.
    return ImageFont.truetype(str(_file(name)), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _letters(name: str) -> set[int]:
    return set(FT2Font(str(_file(name))).get_charmap())


def _file(name: str) -> Path:
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
