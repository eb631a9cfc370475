"""Trees, houses, machines and emblems for the scenes to be furnished with.

Each is placed by its foot: ``x`` is its middle, ``y`` the ground it stands on, ``size`` its height in pixels.
"""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, Paint, Point
from catalog.sample.drawing.figures import placed


def bare_tree(
    c: Canvas, random: Random, x: float, y: float, size: float, paint: Paint, lean: float = 0.0
) -> None:
    """A leafless, forking tree."""

    def grow(start: Point, angle: float, length: float, width: float, depth: int) -> None:
        end = (start[0] + length * math.cos(angle), start[1] + length * math.sin(angle))
        c.limb(start, end, width, width * 0.65, paint)
        if depth:
            for turn in (random.uniform(-0.75, -0.2), random.uniform(0.2, 0.75)):
                grow(end, angle + turn, length * random.uniform(0.62, 0.85), width * 0.65, depth - 1)

    grow((x, y), -math.pi / 2 + lean, size * 0.3, size * 0.075, 6)


def pine(c: Canvas, x: float, y: float, size: float, paint: Paint) -> None:
    """A conifer of stacked skirts."""
    c.box(x - 0.03 * size, y - 0.2 * size, x + 0.03 * size, y, paint)
    for i in range(4):
        top, wide = 1.0 - 0.2 * i, 0.12 + 0.06 * i
        c.shape(
            placed([(0, -top), (wide, -top + 0.36), (0, -top + 0.3), (-wide, -top + 0.36)], x, y, size),
            paint,
        )


def round_tree(c: Canvas, x: float, y: float, size: float, leaves: Paint, trunk: Paint) -> None:
    """A leafy tree as a child draws it."""
    c.limb((x, y), (x, y - 0.5 * size), 0.1 * size, 0.06 * size, trunk)
    for dx, dy, r in ((-0.2, -0.55, 0.2), (0.2, -0.55, 0.2), (0, -0.75, 0.25), (0, -0.5, 0.2)):
        c.disc(x + dx * size, y + dy * size, r * size, leaves)


def cactus(c: Canvas, x: float, y: float, size: float, paint: Paint) -> None:
    """A saguaro with two arms."""
    c.limb((x, y), (x, y - 0.93 * size), 0.16 * size, 0.14 * size, paint)
    for side, low, high in ((-1, 0.4, 0.72), (1, 0.5, 0.85)):
        elbow = (x + side * 0.24 * size, y - low * size)
        c.limb((x, y - low * size), elbow, 0.1 * size, 0.1 * size, paint)
        c.limb(elbow, (elbow[0], y - high * size), 0.11 * size, 0.1 * size, paint)


def house(
    c: Canvas, x: float, y: float, size: float, wall: Paint, light: Paint | None = None, lean: float = 0.0
) -> None:
    """A tall narrow house with a pitched roof; its windows are lit with ``light``; ``lean`` tips it over."""
    outline = [
        (-0.3, 0),
        (-0.28, -0.55),
        (-0.36, -0.53),
        (0.0, -1.0),
        (0.08, -0.9),
        (0.08, -1.05),
        (0.17, -1.05),
    ]
    outline += [(0.17, -0.77), (0.36, -0.53), (0.28, -0.55), (0.3, 0)]
    c.shape(placed([(px - lean * py, py) for px, py in outline], x, y, size), wall)
    if light:
        for px, py in ((-0.13, -0.42), (0.13, -0.42), (-0.13, -0.17), (0.0, -0.7)):
            wx, wy = x + (px - lean * py) * size, y + py * size
            c.box(wx - 0.055 * size, wy - 0.075 * size, wx + 0.055 * size, wy + 0.075 * size, light)
            c.line([(wx, wy - 0.075 * size), (wx, wy + 0.075 * size)], wall, 0.014 * size)
            c.line([(wx - 0.055 * size, wy), (wx + 0.055 * size, wy)], wall, 0.014 * size)


def castle(
    c: Canvas, random: Random, x: float, y: float, size: float, wall: Paint, light: Paint | None = None
) -> None:
    """Towers with pointed roofs around a keep."""
    for dx, wide, tall in (
        (-0.34, 0.13, 0.5),
        (0.36, 0.12, 0.55),
        (-0.18, 0.11, 0.72),
        (0.2, 0.1, 0.68),
        (0.02, 0.16, 0.85),
    ):
        cx, top = x + dx * size, y - tall * size * random.uniform(0.92, 1.0)
        half = wide * size / 2
        c.box(cx - half, top, cx + half, y + 2, wall)
        c.box(cx - half * 1.25, top, cx + half * 1.25, top + 0.04 * size, wall)
        c.shape([(cx - half * 1.35, top), (cx, top - wide * size * 1.9), (cx + half * 1.35, top)], wall)
        if light:
            c.box(cx - 0.012 * size, top + 0.09 * size, cx + 0.012 * size, top + 0.14 * size, light, 2)
    c.box(x - 0.42 * size, y - 0.28 * size, x + 0.44 * size, y + 2, wall)
    for i in range(9):
        left = x + (-0.42 + i * 0.1) * size
        c.box(left, y - 0.32 * size, left + 0.05 * size, y - 0.27 * size, wall)


def ship(c: Canvas, x: float, y: float, size: float, hull: Paint, sail: Paint) -> None:
    """A two-masted sailing ship, its waterline at ``y``."""
    c.shape(
        placed(
            [(-0.5, -0.2), (-0.38, 0.04), (0.36, 0.04), (0.58, -0.26), (0.3, -0.15), (-0.3, -0.14)],
            x,
            y,
            size,
        ),
        hull,
    )
    for mast, tall in ((-0.2, 0.85), (0.16, 1.0)):
        c.line(placed([(mast, -0.1), (mast, -tall)], x, y, size), hull, 0.02 * size)
        for low, high, wide in ((-0.2, -0.5, 0.2), (-0.53, -0.77 * tall, 0.15)):
            points = [
                (mast - wide * 0.8, high),
                (mast + wide * 0.7, high),
                (mast + wide * 1.15, (low + high) / 2),
            ]
            c.blob(
                placed(
                    [*points, (mast + wide, low), (mast - wide, low), (mast - wide * 0.55, (low + high) / 2)],
                    x,
                    y,
                    size,
                ),
                sail,
            )
    c.line(placed([(0.5, -0.22), (0.78, -0.38)], x, y, size), hull, 0.02 * size)
    c.shape(placed([(0.76, -0.36), (0.2, -0.86), (0.36, -0.3)], x, y, size), sail)


def plane(c: Canvas, x: float, y: float, size: float, paint: Paint, turn: float = 0.0) -> None:
    """A propeller aircraft from below, its nose along ``turn`` radians; ``size`` is its span."""
    half = [(0.42, 0.0), (0.36, 0.05), (0.16, 0.06), (0.1, 0.5), (-0.04, 0.5), (-0.06, 0.06), (-0.34, 0.03)]
    half += [(-0.36, 0.18), (-0.45, 0.18), (-0.44, 0.0)]
    outline = half + [(px, -py) for px, py in reversed(half)]
    cos, sin = math.cos(turn) * size, math.sin(turn) * size
    c.shape([(x + px * cos - py * sin, y + px * sin + py * cos) for px, py in outline], paint)


def skyline(
    c: Canvas, random: Random, y: float, tall: float, wall: Paint, light: Paint | None = None
) -> None:
    """A row of city blocks standing on row ``y``, up to ``tall`` high, some windows lit."""
    x = -20.0
    while x < 620:
        wide, high = random.uniform(34, 80), tall * random.uniform(0.35, 1.0)
        c.box(x, y - high, x + wide, 910, wall)
        if random.random() < 0.3:
            c.limb((x + wide / 2, y - high), (x + wide / 2, y - high - 0.14 * tall), 5, 1.5, wall)
        elif random.random() < 0.4:
            c.box(x + wide * 0.25, y - high - 0.05 * tall, x + wide * 0.75, y - high + 1, wall)
        if light:
            for row in range(int(high // 15)):
                for column in range(int(wide // 12)):
                    if random.random() < 0.28:
                        left, top = x + 5 + column * 12, y - high + 8 + row * 15
                        c.box(left, top, left + 5, top + 8, light)
        x += wide + random.uniform(-4, 3)


def heart(c: Canvas, x: float, y: float, size: float, paint: Paint) -> None:
    """A heart with its tip at ``y``."""
    turns = [math.tau * i / 48 for i in range(48)]
    curve = [
        (
            16 * math.sin(t) ** 3,
            13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t),
        )
        for t in turns
    ]
    c.shape([(x + px * size / 32, y - (py + 17) * size / 32) for px, py in curve], paint)


def star(
    c: Canvas,
    x: float,
    y: float,
    radius: float,
    paint: Paint,
    points: int = 5,
    depth: float = 0.42,
    turn: float = 0,
) -> None:
    """A star centred on (x, y)."""
    corners = []
    for i in range(points * 2):
        reach = radius if i % 2 == 0 else radius * depth
        angle = math.pi * i / points - math.pi / 2 + turn
        corners.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    c.shape(corners, paint)


def umbrella(c: Canvas, x: float, y: float, size: float, paint: Paint, stick: Paint) -> None:
    """An open umbrella, the end of its crook at ``y``."""
    c.line([(x, y), (x, y - 0.9 * size)], stick, 0.03 * size)
    c.arc(x - 0.07 * size, y, 0.07 * size, 0.07 * size, (0, 180), stick, 0.03 * size)
    c.wedge(x, y - 0.5 * size, 0.5 * size, (180, 360), paint)
    for i in range(-1, 2):
        c.oval(x + i * 0.333 * size, y - 0.5 * size, 0.167 * size, 0.07 * size, stick)
    c.limb((x, y - 0.98 * size), (x, y - 1.06 * size), 0.03 * size, 0.01 * size, stick)


def rocket(c: Canvas, x: float, y: float, size: float, hull: Paint, trim: Paint, flame: Paint) -> None:
    """A rocket with fins, standing on its flame."""
    c.shape(placed([(-0.09, -0.16), (0, 0.12), (0.09, -0.16)], x, y, size), flame)
    c.shape(
        placed(
            [(-0.14, -0.4), (-0.28, -0.1), (-0.1, -0.18), (0.1, -0.18), (0.28, -0.1), (0.14, -0.4)],
            x,
            y,
            size,
        ),
        trim,
    )
    c.blob(
        placed(
            [
                (-0.12, -0.16),
                (-0.17, -0.5),
                (-0.1, -0.82),
                (0, -1.05),
                (0.1, -0.82),
                (0.17, -0.5),
                (0.12, -0.16),
            ],
            x,
            y,
            size,
        ),
        hull,
    )
    c.disc(x, y - 0.6 * size, 0.07 * size, trim)


def balloon(c: Canvas, x: float, y: float, size: float, skin: Paint, stripe: Paint, basket: Paint) -> None:
    """A hot-air balloon, the foot of its basket at ``y``."""
    c.blob(
        placed(
            [
                (-0.07, -0.26),
                (-0.36, -0.55),
                (-0.36, -0.95),
                (0, -1.08),
                (0.36, -0.95),
                (0.36, -0.55),
                (0.07, -0.26),
            ],
            x,
            y,
            size,
        ),
        skin,
    )
    c.blob(
        placed(
            [
                (-0.03, -0.28),
                (-0.14, -0.6),
                (-0.13, -0.95),
                (0, -1.05),
                (0.13, -0.95),
                (0.14, -0.6),
                (0.03, -0.28),
            ],
            x,
            y,
            size,
        ),
        stripe,
    )
    for side in (-1, 1):
        c.line(placed([(side * 0.1, -0.32), (side * 0.05, -0.12)], x, y, size), basket, 0.012 * size)
    c.box(x - 0.06 * size, y - 0.12 * size, x + 0.06 * size, y, basket, 3)
