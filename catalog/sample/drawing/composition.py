"""Puts a poster together: what it shows, in whose colours, how it is lettered, printed and aged."""

import colorsys
import re
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from catalog.sample.drawing.canvas import HEIGHT, WIDTH, Canvas, Colour, mix
from catalog.sample.drawing.lettering import Area, set_title, small_print
from catalog.sample.drawing.palettes import PALETTES, Palette
from catalog.sample.drawing.scenes import SCENES, Scene
from catalog.sample.drawing.things import star
from catalog.sample.drawing.type import STYLES
from catalog.sample.films import SampleFilm

PAPER = (240, 231, 210)
_FIRST = (
    "Ada Bruno Cleo Dorian Edda Felix Greta Hugo Ines Jonah Kasia Lionel Mabel Nils Odile Piers Rosa Soren "
    "Tilda Umar Vera Wim Yusra Zeno"
)
_LAST = (
    "Ambrose Bellweather Castellan Dray Eastlake Fenn Garrow Hallam Ilves Jessop Kestrel Lorne Marchetti "
    "Nightingale Okafor Pell Quist Rourke Sandoval Thorne Umber Valk Winterbourne Yarrow"
)
_HOUSES = "Tall Heron Pictures,Ninth Street Films,Osprey & Daughters,Northlight,Paper Lantern,Kingfisher Gate"
_ROMAN = ("", "I", "II", "III", "IV", "V")


def compose(film: SampleFilm, original: SampleFilm | None = None) -> Image.Image:
    """The poster of ``film``, RGB, 600 by 900; a re-release is made from the ``original`` film's poster."""
    if original is not None:
        return _reissue(compose(original), film)
    random = Random(f"poster/{film.title}")  # noqa: S311 - seeded, so that it can be drawn again
    kin = Random(f"series/{film.franchise}") if film.franchise else random  # noqa: S311 - seeded, so that it can be drawn again
    genres = film.true_genres
    palette = _palette(genres, kin)
    scene = kin.choice(SCENES[genres[0]]) if not film.franchise else _of_series(film, kin)
    canvas = Canvas()
    zone = scene(canvas, palette, random)
    poster = canvas.finished()
    if zone in ("top", "bottom") and random.random() < 0.5:
        poster = ImageOps.mirror(poster)
    if film.franchise:
        _emblem(poster, film, palette, 64 if zone != "top" else 782)
    _letter(poster, film, zone, palette, kin, random)
    return _printed(poster, film, random)


def _palette(genres: tuple[str, ...], random: Random) -> Palette:
    """The second genre's colours if there is one, the accent from the third; film noir is always grey."""
    if "Film-Noir" in genres:
        return random.choice(PALETTES["Film-Noir"])
    palette = random.choice(PALETTES[genres[1 if len(genres) > 1 else 0]])
    if len(genres) > 2:
        palette = replace(palette, accent=random.choice(PALETTES[genres[2]]).accent)
    turn, depth = random.uniform(-0.022, 0.022), random.uniform(0.92, 1.08)
    return Palette(**{part: _turned(colour, turn, depth) for part, colour in vars(palette).items()})


def _turned(colour: Colour, turn: float, depth: float) -> Colour:
    hue, light, strength = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    r, g, b = colorsys.hls_to_rgb((hue + turn) % 1, light, min(1.0, strength * depth))
    return round(r * 255), round(g * 255), round(b * 255)


def _of_series(film: SampleFilm, kin: Random) -> Scene:
    scenes = SCENES[film.true_genres[0]]
    start = kin.randrange(len(scenes))
    return scenes[(start + (film.part - 1) // 2) % len(scenes)]  # two films of a series share a motif


def _letter(
    poster: Image.Image, film: SampleFilm, zone: str, palette: Palette, kin: Random, random: Random
) -> None:
    style = kin.choice(STYLES[film.true_genres[0]])
    lines = 1 + (len(film.title) > 18) + (len(film.title) > 40)
    tall = 84 + 46 * lines
    if zone == "top":
        area = Area(44, 66, 512, tall)
    elif zone == "bottom":
        area = Area(44, 792 - tall, 512, tall)
    else:
        area = Area(44, 618 if zone == "mount" else 650, 500, 120, kin.choice(["left", "left", "centre"]))
    used = set_title(poster, film.title, style, area, palette, random)
    cast = random.sample(_people(), 5)
    if zone == "top":
        small_print(poster, "     ".join(name.upper() for name in cast[:2]), (300, 40), 14, tracking=0.2)
    elif zone == "bottom" and not film.franchise:
        small_print(poster, "     ".join(name.upper() for name in cast[:3]), (300, 40), 13, tracking=0.16)
    tagline = re.split(r"(?<=[.?!]) ", film.overview)[-1]
    if len(tagline) <= 64:
        y = used.top + used.height + 22 if zone == "top" else used.top - 20
        if zone in ("foot", "mount"):
            y = used.top + used.height + 20
        small_print(
            poster,
            tagline,
            (300 if area.align == "centre" else 44 + 4 * len(tagline), y),
            17,
            "STIXGeneralItalic",
            widest=500,
        )
    _billing(poster, film, cast, random)


@cache
def _people() -> tuple[str, ...]:
    random = Random("cast")  # noqa: S311 - seeded, so that it can be drawn again
    names = {f"{random.choice(_FIRST.split())} {random.choice(_LAST.split())}" for _ in range(200)}
    return tuple(sorted(names))


def _billing(poster: Image.Image, film: SampleFilm, cast: list[str], random: Random) -> None:
    house = random.choice(_HOUSES.split(","))
    director = random.choice(_people())
    first = f"{house}  presents  a  {director.split()[1]}  film   {'   '.join(cast[:4])}   “{film.title}”"
    music, editing, camera = random.sample(_people(), 3)
    second = f"music by {music}   edited by {editing}   photographed by {camera}"
    third = f"written by {cast[4]}   directed by {director}   {film.year}"
    for i, line in enumerate((first, second, third)):
        small_print(poster, line.upper(), (300, 836 + 16 * i), 16, "DejaVuSans", 0.5, 0.0, 500, 0.72)


def _emblem(poster: Image.Image, film: SampleFilm, palette: Palette, y: int) -> None:
    kin = Random(f"emblem/{film.franchise}")  # noqa: S311 - seeded, so that it can be drawn again
    sheet = Canvas()
    points, depth = kin.choice([3, 4, 5, 6, 8, 12]), kin.uniform(0.3, 0.7)
    sheet.disc(300, 450, 46, palette.near)
    sheet.ring(300, 450, 43, palette.accent, 3)
    star(sheet, 300, 450, 35, palette.accent, points, depth)
    sheet.disc(300, 450, 19, palette.near)
    badge = sheet.finished().crop((250, 400, 350, 500)).resize((72, 72), Image.Resampling.LANCZOS)
    shape = Canvas()
    shape.disc(300, 450, 46, (255, 255, 255))
    mask = shape.finished().convert("L").crop((250, 400, 350, 500)).resize((72, 72), Image.Resampling.LANCZOS)
    poster.paste(badge, (264, y - 36), mask)
    small_print(poster, _ROMAN[film.part], (300, y), 17, "DejaVuSerif-Bold")


def _printed(poster: Image.Image, film: SampleFilm, random: Random) -> Image.Image:
    """Ageing: early films lose their colour, older ones fade and get a paper margin; all have grain."""
    if film.year < 1936 or "Film-Noir" in film.true_genres:
        poster = ImageOps.grayscale(poster).convert("RGB")
    if film.year < 1936:
        poster = ImageOps.colorize(ImageOps.grayscale(poster), (26, 22, 18), (238, 229, 208))
    elif film.year < 1982:
        poster = ImageEnhance.Color(poster).enhance(0.86)
        poster = Image.blend(poster, Image.new("RGB", poster.size, PAPER), 0.07)
    if film.year < 1972 and random.random() < 0.6:
        edge = random.choice([14, 18, 22])
        sheet = Image.new("RGB", poster.size, mix(PAPER, (255, 255, 255), random.random() * 0.4))
        sheet.paste(
            poster.resize((WIDTH - 2 * edge, HEIGHT - 2 * edge), Image.Resampling.LANCZOS), (edge, edge)
        )
        poster = sheet
    strength = 7.5 if film.year < 1972 else 4.5 if film.year < 2000 else 3.0
    grain = ImageChops.offset(_grain(strength), random.randrange(WIDTH), random.randrange(HEIGHT))
    return ImageChops.add(poster, grain, 1, -128)


@cache
def _grain(strength: float) -> Image.Image:
    noise = 128 + strength * np.random.default_rng(1895).standard_normal((HEIGHT, WIDTH))
    layer = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    return Image.merge("RGB", (layer, layer, layer))


def _reissue(poster: Image.Image, film: SampleFilm) -> Image.Image:
    """A later edition: the old poster cropped closer, tinted, and banded with the edition's name."""
    random = Random(f"edition/{film.title}")  # noqa: S311 - seeded, so that it can be drawn again
    x, y = random.randrange(10, 40), random.randrange(10, 50)
    closer = poster.crop((x, y, WIDTH - (50 - x), HEIGHT - (70 - y))).resize(
        (WIDTH, HEIGHT), Image.Resampling.LANCZOS
    )
    dark, light = random.choice(
        [((20, 24, 60), (255, 214, 140)), ((40, 16, 10), (250, 226, 190)), ((6, 30, 40), (210, 240, 236))]
    )
    tinted = Image.blend(closer, ImageOps.colorize(ImageOps.grayscale(closer), dark, light), 0.75)
    tinted.paste(light, (0, 0, WIDTH, 34))
    edition = film.title.partition(": ")[2] or "New Edition"
    small_print(tinted, f"{edition.upper()}   ·   {film.year}", (300, 17), 16, tracking=0.22)
    return tinted
