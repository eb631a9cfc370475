"""The sheet a poster is drawn on: shapes and light at twice the poster's size, in the poster's own units."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 600, 900
SCALE = 2

Colour = tuple[int, int, int]
Paint = tuple[int, int, int] | tuple[int, int, int, int]
Point = tuple[float, float]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` (0 to 1) of ``second`` in it."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return r, g, b


def see_through(colour: Colour, opacity: float) -> Paint:
    """``colour`` at ``opacity`` from 0 to 1."""
    return (*colour, round(255 * opacity))


def brightness(colour: Colour) -> float:
    """Perceived lightness from 0 to 255 (ITU-R BT.601 luma)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def rounded(points: Sequence[Point], rounds: int = 3) -> list[Point]:
    """The closed polygon with its corners cut ``rounds`` times (Chaikin, 1974)."""
    shape = list(points)
    for _ in range(rounds):
        shape = [
            point
            for (ax, ay), (bx, by) in zip(shape, shape[1:] + shape[:1], strict=True)
            for point in (
                (0.75 * ax + 0.25 * bx, 0.75 * ay + 0.25 * by),
                (0.25 * ax + 0.75 * bx, 0.25 * ay + 0.75 * by),
            )
        ]
    return shape


@cache
def _falloff() -> Image.Image:
    axis = np.linspace(-1, 1, 256)
    distance = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    return Image.fromarray((255 * np.clip(1 - distance, 0, 1) ** 2).astype(np.uint8))


class Canvas:
    """A 600 by 900 drawing surface, drawn at 1200 by 1800 so that edges come out clean.

    Coordinates are poster pixels from the top left. Paints may carry an alpha.
    """

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def finished(self) -> Image.Image:
        """The drawing at 600 by 900."""
        return self.image.reduce(SCALE)

    def sky(self, *colours: Colour) -> None:
        """Fills the sheet with an even vertical blend of ``colours``, from the top."""
        places = np.linspace(0, len(colours) - 1, HEIGHT * SCALE)
        column = np.stack(
            [np.interp(places, range(len(colours)), band) for band in zip(*colours, strict=True)], axis=1
        )
        strip = Image.fromarray(column.round().astype(np.uint8)[:, None, :])
        self.image.paste(strip.resize(self.image.size, Image.Resampling.NEAREST))

    def veil(self, top: float, bottom: float, colour: Colour, start: float, end: float) -> None:
        """Lays ``colour`` over rows ``top`` to ``bottom``, its opacity going from ``start`` to ``end``."""
        rows = max(1, round((bottom - top) * SCALE))
        alpha = np.linspace(255 * start, 255 * end, rows).clip(0, 255).astype(np.uint8)[:, None]
        mask = Image.fromarray(alpha).resize((WIDTH * SCALE, rows), Image.Resampling.NEAREST)
        self._paste(colour, 0, top, mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 0.8) -> None:
        """Soft round light."""
        side = max(2, round(2 * radius * SCALE))
        mask = (
            _falloff()
            .point(lambda value: round(value * strength))
            .resize((side, side), Image.Resampling.BILINEAR)
        )
        self._paste(colour, x - radius, y - radius, mask)

    def fog(self, random: Random, y: float, depth: float, colour: Colour, strength: float = 0.6) -> None:
        """A drifting band of mist centred on row ``y``."""
        noise = np.random.default_rng(random.getrandbits(32)).random((9, 7))
        rows = np.exp(-(np.linspace(-1.6, 1.6, 9) ** 2))[:, None]
        small = Image.fromarray((255 * strength * noise * rows).clip(0, 255).astype(np.uint8))
        mask = small.resize((WIDTH * SCALE, round(2 * depth * SCALE)), Image.Resampling.BICUBIC)
        self._paste(colour, 0, y - depth, mask)

    def _paste(self, colour: Colour, x: float, y: float, mask: Image.Image) -> None:
        left, top = round(x * SCALE), round(y * SCALE)
        self.image.paste(colour, (left, top, left + mask.width, top + mask.height), mask)

    def disc(self, x: float, y: float, radius: float, paint: Paint) -> None:
        """A filled circle."""
        self.oval(x, y, radius, radius, paint)

    def oval(self, x: float, y: float, rx: float, ry: float, paint: Paint) -> None:
        """A filled ellipse."""
        self._draw.ellipse(_scaled([(x - rx, y - ry), (x + rx, y + ry)]), fill=paint)

    def ring(self, x: float, y: float, radius: float, paint: Paint, width: float) -> None:
        """A circle's outline."""
        box = _scaled([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse(box, outline=paint, width=max(1, round(width * SCALE)))

    def arc(
        self, x: float, y: float, rx: float, ry: float, span: tuple[float, float], paint: Paint, width: float
    ) -> None:
        """Part of an ellipse's outline, between two angles in degrees, clockwise from the right."""
        box = _scaled([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.arc(box, *span, fill=paint, width=max(1, round(width * SCALE)))

    def wedge(self, x: float, y: float, radius: float, span: tuple[float, float], paint: Paint) -> None:
        """A slice of a disc between two angles in degrees."""
        self._draw.pieslice(_scaled([(x - radius, y - radius), (x + radius, y + radius)]), *span, fill=paint)

    def box(
        self, left: float, top: float, right: float, bottom: float, paint: Paint, radius: float = 0
    ) -> None:
        """A filled rectangle, its corners rounded by ``radius``."""
        corners = _scaled([(left, top), (right, bottom)])
        self._draw.rounded_rectangle(corners, round(radius * SCALE), fill=paint)

    def shape(self, points: Iterable[Point], paint: Paint) -> None:
        """A filled polygon."""
        self._draw.polygon(_scaled(points), fill=paint)

    def blob(self, points: Sequence[Point], paint: Paint) -> None:
        """A filled polygon with its corners rounded off."""
        self.shape(rounded(points), paint)

    def line(self, points: Iterable[Point], paint: Paint, width: float) -> None:
        """A line through ``points`` with rounded joints."""
        self._draw.line(_scaled(points), fill=paint, width=max(1, round(width * SCALE)), joint="curve")

    def limb(self, start: Point, end: Point, thick: float, thin: float, paint: Paint) -> None:
        """A round-ended stroke that tapers from ``thick`` to ``thin``."""
        (ax, ay), (bx, by) = start, end
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = (ay - by) / length / 2, (bx - ax) / length / 2
        corners = [(ax + nx * thick, ay + ny * thick), (bx + nx * thin, by + ny * thin)]
        corners += [(bx - nx * thin, by - ny * thin), (ax - nx * thick, ay - ny * thick)]
        self.shape(corners, paint)
        self.disc(ax, ay, thick / 2, paint)
        self.disc(bx, by, thin / 2, paint)

    def ridge(self, random: Random, y: float, height: float, paint: Paint, rough: float = 0.5) -> list[Point]:
        """A fractal skyline around row ``y``, filled down to the bottom; gives its points."""
        # Midpoint displacement (Fournier, Fussell and Carpenter, 1982).
        levels = [random.uniform(-1, 1), random.uniform(-1, 1)]
        reach = 1.0
        for _ in range(7):
            reach *= rough
            between = [(a + b) / 2 + random.uniform(-reach, reach) for a, b in pairwise(levels)]
            levels = [level for pair in zip(levels, between, strict=False) for level in pair] + levels[-1:]
        step = (WIDTH + 20) / (len(levels) - 1)
        top = [(-10 + i * step, y - height * level) for i, level in enumerate(levels)]
        self.shape([*top, (WIDTH + 10, HEIGHT + 10), (-10, HEIGHT + 10)], paint)
        return top

    def rays(
        self, x: float, y: float, count: int, paint: Paint, turn: float = 0.0, reach: float = 1300
    ) -> None:
        """``count`` beams fanning out from a point."""
        for i in range(count):
            a = math.tau * i / count + turn
            b = a + math.pi / count
            corners = [(x, y)] + [(x + reach * math.cos(t), y + reach * math.sin(t)) for t in (a, b)]
            self.shape(corners, paint)

    def stars(self, random: Random, count: int, colour: Colour, bottom: float = HEIGHT) -> None:
        """Scattered points of light of uneven size and strength, above row ``bottom``."""
        for _ in range(count):
            size = 0.5 + 1.6 * random.random() ** 4
            place = random.uniform(0, WIDTH), random.uniform(0, bottom)
            self.disc(*place, size, see_through(colour, random.uniform(0.35, 1)))


def _scaled(points: Iterable[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]
