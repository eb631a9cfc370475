"""Sets titles and small print on a finished drawing."""

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from catalog.sample.drawing.canvas import Colour, brightness, mix
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.type import Style, font

_CUT = 110  # pixels an em is drawn at before it is scaled to its place
_STENCILLED = set("ABCDGOPQRSU0689ÅÄÖÜÉÈÇŞ")


@dataclass(frozen=True)
class Area:
    """A rectangle on the poster in which text is set, aligned ``left``, ``centre`` or ``right``."""

    left: int
    top: int
    width: int
    height: int
    align: str = "centre"


def set_title(
    poster: Image.Image, text: str, style: Style, area: Area, palette: Palette, random: Random
) -> Area:
    """Sets ``text`` as large as ``area`` allows and gives back the part of it that was used.

    The ink is the palette's unless it would not stand out; then the palette's colour that does.
    """
    text = text.replace("'", "’") if not style.font.startswith("cm") else text  # Computer Modern's is curly
    lines = _broken(text.upper() if style.upper else text, style, area)
    cuts = [_line(line, style, random) for line in lines]
    mask, letters = _stacked(cuts, style, area)
    mask = _edged(mask, style.edge, random)
    if style.tilt:
        mask = mask.rotate(style.tilt, Image.Resampling.BICUBIC, expand=True)
        letters = letters.rotate(style.tilt, Image.Resampling.NEAREST, expand=True)
    limit = (min(mask.width, area.width * 2), min(mask.height, area.height * 2))
    scale = min(limit[0] / mask.width, limit[1] / mask.height) / 2
    size = (max(1, round(mask.width * scale)), max(1, round(mask.height * scale)))
    pad = 14
    sheet = Image.new("L", (size[0] + 2 * pad, size[1] + 2 * pad))
    sheet.paste(mask.resize(size, Image.Resampling.LANCZOS), (pad, pad))
    order = Image.new("L", sheet.size)
    order.paste(letters.resize(size, Image.Resampling.NEAREST), (pad, pad))
    x = (
        area.left
        + {"left": 0, "centre": (area.width - size[0]) // 2, "right": area.width - size[0]}[area.align]
        - pad
    )
    y = area.top + (area.height - size[1]) // 2 - pad
    _inked(poster, sheet, order, (x, y), style, palette)
    return Area(x + pad, y + pad, *size, area.align)


def small_print(
    poster: Image.Image,
    text: str,
    centre: tuple[float, float],
    size: float,
    face: str = "Aileron",
    stretch: float = 1.0,
    tracking: float = 0.0,
    widest: int = 540,
    strength: float = 0.9,
) -> None:
    """Sets one line of ``text`` about ``centre``, dark or light as the ground asks, at most ``widest``."""
    style = Style(face, upper=False, stretch=stretch, tracking=tracking)
    cut, _ = _line(text, style, Random(0), 40)  # noqa: S311 - nothing random in it is used
    scale = size / 40
    width = min(widest, round(cut.width * scale))
    mask = cut.resize((max(1, width), max(1, round(cut.height * scale))), Image.Resampling.LANCZOS)
    left, top = round(centre[0] - mask.width / 2), round(centre[1] - mask.height / 2)
    ground = _ground(poster, (left, top, left + mask.width, top + mask.height))[0]
    ink = (250, 246, 236) if ground < 128 else (28, 24, 26)
    poster.paste(ink, (left, top), mask.point(lambda value: round(value * strength)))


def _broken(text: str, style: Style, area: Area) -> list[str]:
    words = text.split()
    face = font(style.font, _CUT, text)

    def width(line: str) -> float:
        return (face.getlength(line) + style.tracking * _CUT * len(line)) * style.stretch

    best, best_score = [text], 0.0
    for count in range(1, min(5, len(words)) + 1):
        lines = _balanced(words, count)
        widths = [width(line) for line in lines]
        if style.block:
            heights = [min(0.8 * _CUT * area.width / w, 150.0) for w in widths]
            shrink = min(1.0, area.height / (sum(heights) + 10 * len(lines)))
            score = sum(w * h for w, h in zip(widths, heights, strict=True)) / sum(widths) * shrink
        else:
            score = min(area.width / max(widths), area.height / (1.05 * _CUT * count), 130 / _CUT)
        if score > best_score * 1.04:
            best, best_score = lines, score
    return best


def _balanced(words: list[str], count: int) -> list[str]:
    """The words in ``count`` lines, the longest line as short as can be (dynamic programming)."""
    lengths = [len(word) for word in words]
    best: dict[tuple[int, int], tuple[float, list[str]]] = {(0, 0): (0, [])}
    for line in range(1, count + 1):
        for end in range(line, len(words) + 1):
            options = []
            for start in range(line - 1, end):
                if (line - 1, start) in best:
                    long = sum(lengths[start:end]) + end - start - 1
                    cost, lines = best[line - 1, start]
                    options.append((cost + long**2, [*lines, " ".join(words[start:end])]))
            best[line, end] = min(options)
    return best[count, len(words)][1]


def _line(text: str, style: Style, random: Random, em: int = _CUT) -> tuple[Image.Image, Image.Image]:
    face = font(style.font, em, text)
    gap = style.tracking * em
    width = math.ceil(face.getlength(text) + gap * len(text)) + em
    mask, order = Image.new("L", (width, 2 * em)), Image.new("L", (width, 2 * em))
    draw, draw_order = ImageDraw.Draw(mask), ImageDraw.Draw(order)
    x = em / 4
    plain = not (style.bounce or gap or style.edge == "stencil" or style.fill == "letters")
    if plain:
        draw.text((x, 1.35 * em), text, 255, face, anchor="ls")
    for i, letter in enumerate("" if plain else text):
        step = face.getlength(letter) + gap
        if style.bounce and letter != " ":
            tile = Image.new("L", (2 * em, 2 * em))
            ImageDraw.Draw(tile).text((em, em), letter, 255, face, anchor="mm")
            tile = tile.rotate(random.uniform(-1, 1) * style.bounce, Image.Resampling.BICUBIC)
            box = face.getbbox(letter, anchor="ls")
            cx, cy = x + (box[0] + box[2]) / 2, 1.35 * em + random.uniform(-1, 1) * style.bounce * em / 120
            middle = face.getbbox(letter, anchor="mm")
            dy = (box[1] + box[3]) / 2 - (middle[1] + middle[3]) / 2
            mask.paste(255, (round(cx - em), round(cy + dy - em)), tile)
        else:
            draw.text((x, 1.35 * em), letter, 255, face, anchor="ls")
        if style.edge == "stencil" and letter in _STENCILLED:
            middle_x = x + face.getlength(letter) / 2
            draw.rectangle((middle_x - em * 0.035, 0, middle_x + em * 0.035, 2 * em), fill=0)
        draw_order.rectangle((x, 0, x + step, 2 * em), fill=1 + i % 250)
        x += step
    if style.slant:
        lean = (1, style.slant, -style.slant * 1.35 * em, 0, 1, 0)
        mask = mask.transform(mask.size, Image.Transform.AFFINE, lean, Image.Resampling.BICUBIC)
    box = mask.getbbox() or (0, 0, 1, 1)
    if not style.block:  # lines of one title share their baseline rhythm
        drop = box[3] if box[3] > 1.45 * em else round(1.36 * em)
        box = (box[0], min(box[1], round(0.62 * em)), box[2], drop)
    size = (max(1, round((box[2] - box[0]) * style.stretch)), box[3] - box[1])
    return mask.crop(box).resize(size, Image.Resampling.LANCZOS), order.crop(box).resize(
        size, Image.Resampling.NEAREST
    )


def _stacked(
    cuts: list[tuple[Image.Image, Image.Image]], style: Style, area: Area
) -> tuple[Image.Image, Image.Image]:
    """The lines one below the other at twice their final size."""
    room = (area.width * 2, area.height * 2)
    if style.block:
        # A short word would fill the height of the poster: its line grows no taller, only a little wider.
        sizes = [(room[0], round(cut.height * room[0] / cut.width)) for cut, _ in cuts]
        tallest = 300
        sizes = [
            size
            if size[1] <= tallest
            else (min(room[0], round(cut.width * tallest / cut.height * 1.25)), tallest)
            for size, (cut, _) in zip(sizes, cuts, strict=True)
        ]
        gap = 18
    else:
        widest = max(cut.width for cut, _ in cuts)
        together = sum(cut.height for cut, _ in cuts) + (len(cuts) - 1) * _CUT * 0.18
        scale = min(room[0] / widest, room[1] / together, 2.4) * style.size
        sizes = [(round(cut.width * scale), round(cut.height * scale)) for cut, _ in cuts]
        gap = round(_CUT * 0.18 * scale)
    width = max(size[0] for size in sizes)
    height = sum(size[1] for size in sizes) + gap * (len(sizes) - 1)
    mask, order = Image.new("L", (width, height)), Image.new("L", (width, height))
    y = 0
    for (cut, letters), size in zip(cuts, sizes, strict=True):
        x = {"left": 0, "centre": (width - size[0]) // 2, "right": width - size[0]}[area.align]
        mask.paste(cut.resize(size, Image.Resampling.BICUBIC), (x, y))
        if style.fill == "letters":
            order.paste(letters.resize(size, Image.Resampling.NEAREST), (x, y))
        y += size[1] + gap
    return mask, order


def _edged(mask: Image.Image, edge: str, random: Random) -> Image.Image:
    if edge == "round":
        soft = mask.filter(ImageFilter.GaussianBlur(5))
        return soft.point(lambda value: max(0, min(255, (value - 100) * 5)))
    if edge == "rough":
        noise = np.random.default_rng(random.getrandbits(32))
        grit = Image.fromarray(
            (255 * noise.random((mask.height // 3 + 1, mask.width // 3 + 1))).astype(np.uint8)
        )
        field = np.asarray(grit.resize(mask.size, Image.Resampling.BICUBIC), dtype=np.float32)
        shape = np.asarray(mask.filter(ImageFilter.GaussianBlur(2.4)), dtype=np.float32)
        return Image.fromarray(np.clip((shape + 0.55 * (field - 128) - 120) * 5, 0, 255).astype(np.uint8))
    if edge == "sliced":
        pixels = np.pad(np.asarray(mask), ((0, 0), (14, 14)))
        for _ in range(2):
            top = random.randrange(max(1, mask.height - 12))
            shift, deep = random.choice([-1, 1]) * random.randrange(7, 12), random.randrange(10, 26)
            pixels[top : top + deep] = np.roll(pixels[top : top + deep], shift, axis=1)
        return Image.fromarray(pixels)
    return mask


def _inked(
    poster: Image.Image, mask: Image.Image, order: Image.Image, at: tuple[int, int], style: Style, p: Palette
) -> None:
    ground, busy = _ground(poster, (*at, at[0] + mask.width, at[1] + mask.height))
    ink = _standing_out(ground, p)
    far_side = p.near if brightness(ink) > ground else (252, 248, 238)
    if style.fill == "outlined" or (busy > 62 and style.fill != "letters"):
        rim = mask.filter(ImageFilter.MaxFilter(9 if style.fill == "outlined" else 7))
        poster.paste(far_side, (at[0] + 2, at[1] + 3), rim)
        poster.paste(far_side, at, rim)
    elif busy > 14 or abs(brightness(ink) - ground) < 125:
        halo = mask.filter(ImageFilter.GaussianBlur(7)).point(lambda value: min(255, round(value * 1.3)))
        poster.paste(
            mix(far_side, (0, 0, 0), 0.2) if brightness(far_side) < 128 else far_side,
            at,
            halo.point(lambda v: round(v * 0.6)),
        )
    if style.fill == "fade":
        column = np.linspace(0, 1, mask.height)[:, None, None]
        foot = mix(ink, p.accent, 0.6)
        if abs(brightness(foot) - ground) < 80:
            foot = ink
        shade = np.array(ink) * (1 - column) + np.array(foot) * column
        paint = Image.fromarray(np.broadcast_to(shade, (mask.height, mask.width, 3)).astype(np.uint8))
    elif style.fill == "letters":
        on_light = ground > 110
        bright = [p.accent, p.near, p.mid] if on_light else [p.accent, p.glow, (250, 246, 236)]
        # Letters are rimmed in cream or in near: each colour has to be seen against its rim.
        bright = [colour for colour in bright if (brightness(colour) < 165) == on_light] or [
            p.near if on_light else (250, 246, 236)
        ]
        table = np.array([bright[(i * 2 + i // 5) % len(bright)] for i in range(256)], dtype=np.uint8)
        paint = Image.fromarray(table[np.asarray(order)])
        poster.paste((255, 253, 244) if on_light else p.near, at, mask.filter(ImageFilter.MaxFilter(7)))
    else:
        paint = Image.new("RGB", mask.size, ink)
    poster.paste(paint, at, mask)


def _standing_out(ground: float, p: Palette) -> Colour:
    if abs(brightness(p.ink) - ground) > 85:
        return p.ink
    return max(
        (p.glow, p.near, p.accent, (250, 246, 236)), key=lambda colour: abs(brightness(colour) - ground)
    )


def _ground(poster: Image.Image, box: tuple[int, int, int, int]) -> tuple[float, float]:
    """Mean and spread of the brightness under ``box``."""
    left, top, right, bottom = (
        max(0, box[0]),
        max(0, box[1]),
        min(poster.width, box[2]),
        min(poster.height, box[3]),
    )
    if right <= left or bottom <= top:
        return 0.0, 0.0
    pixels = np.asarray(poster.crop((left, top, right, bottom)).convert("L").reduce(4), dtype=np.float32)
    return float(pixels.mean()), float(pixels.std())
