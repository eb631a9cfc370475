"""Scenes of noise and smoke: action and war."""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, mix, see_through
from catalog.sample.drawing.figures import person, runner
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import plane, skyline


def bomber_formation(c: Canvas, p: Palette, r: Random) -> str:
    """Aircraft in echelon over a burning horizon."""
    c.sky(p.top, p.low, p.accent)
    c.glow(r.uniform(150, 450), 690, 330, p.glow, 0.8)
    c.fog(r, 560, 150, p.far, 0.6)
    turn = r.uniform(-0.5, 0.5) - math.pi / 2
    for i, (dx, dy) in enumerate(((0, 0), (-1, 1), (1, 1), (-2, 2), (2, 2))):
        plane(c, 300 + dx * 120, 300 + dy * 85, 190 - 22 * (i > 0), mix(p.near, p.far, 0.12 * dy), turn)
    c.ridge(r, 730, 20, p.mid)
    for _ in range(6):
        x = r.uniform(20, 580)
        for i in range(12):
            puff = r.uniform(7, 12) + 3.2 * i
            c.disc(
                x + 5.5 * i + r.uniform(-5, 5) * i / 4,
                760 - 19 * i,
                puff,
                see_through(p.near, 0.32 - 0.02 * i),
            )
    c.ridge(r, 790, 26, p.near, 0.62)
    return "bottom"


def wire_and_helmets(c: Canvas, p: Palette, r: Random) -> str:
    """A file of soldiers behind barbed wire."""
    c.sky(p.top, p.low)
    c.glow(300, 500, 330, p.glow, 0.8)
    c.fog(r, 470, 190, p.far, 0.55)
    c.ridge(r, 640, 24, p.far)
    for i in range(7):
        person(
            c,
            60 + 80 * i + r.uniform(-12, 12),
            690 + 8 * math.sin(i),
            190 + r.uniform(-10, 14),
            p.mid,
            "helmet",
        )
    c.ridge(r, 690, 16, p.near)
    for x in (60, 290, 520):
        c.limb((x - 40, 860), (x + 30, 600), 13, 9, p.near)
        c.limb((x + 40, 860), (x - 30, 610), 13, 9, p.near)
    for base in (640, 700, 770):
        wire = [(x, base + 14 * math.sin(x / 47 + base) + r.uniform(-3, 3)) for x in range(-10, 620, 15)]
        c.line(wire, p.near, 3)
        for x, y in wire[::3]:
            c.line([(x - 8, y - 9), (x + 8, y + 9)], p.near, 2.4)
            c.line([(x + 8, y - 9), (x - 8, y + 9)], p.near, 2.4)
    return "top"


def parachutes(c: Canvas, p: Palette, r: Random) -> str:
    """Parachutes coming down through searchlights."""
    c.sky(p.near, p.top, p.low)
    for _ in range(4):
        x, a = r.uniform(40, 560), r.uniform(-0.5, 0.5)
        end = x + 900 * math.sin(a)
        c.shape([(x - 8, 800), (x + 8, 800), (end + 85, -60), (end - 85, -60)], see_through(p.glow, 0.2))
    for i in range(9):
        size = r.uniform(36, 62) + 22 * (i > 5)
        x, y = r.uniform(50, 550), r.uniform(130, 560)
        c.wedge(x, y, size, (180, 360), mix(p.accent if i % 3 == 0 else p.low, p.near, 0.1))
        for j in range(4):
            left = x + (j - 1.5) * size / 2
            c.oval(left, y, size / 4, size / 10, p.top)
            c.line([(left, y), (x, y + size * 1.2)], p.near, 1.2)
        person(c, x, y + size * 1.75, size * 0.7, p.near, "helmet")
    skyline(c, r, 780, 130, p.near)
    c.ridge(r, 760, 26, p.near, 0.6)
    return "bottom"


def blast(c: Canvas, p: Palette, r: Random) -> str:
    """Somebody running out of an explosion."""
    c.sky(p.top, p.low)
    c.rays(300, 470, 20, see_through(p.glow, 0.25), r.uniform(0, 1))
    c.glow(300, 470, 430, p.accent, 0.95)
    for ring, paint in ((1.0, p.far), (0.8, p.accent), (0.55, p.glow), (0.3, (255, 255, 255))):
        for _ in range(11):
            a, d = r.uniform(0, math.tau), r.uniform(30, 150) * ring
            c.disc(
                300 + d * math.cos(a),
                480 + d * math.sin(a),
                r.uniform(50, 100) * ring,
                see_through(paint, 0.75),
            )
    for _ in range(30):
        a, d, size = r.uniform(0, math.tau), r.uniform(170, 430), r.uniform(4, 15)
        x, y = 300 + d * math.cos(a), 480 + d * math.sin(a)
        c.shape([(x + size * r.uniform(-1, 1), y + size * r.uniform(-1, 1)) for _ in range(4)], p.near)
    skyline(c, r, 760, 150, p.mid)
    c.box(0, 770, 600, 910, p.near)
    flip = r.random() < 0.5
    runner(c, 290, 800, 320, p.near, flip)
    return "top" if r.random() < 0.6 else "bottom"


def car_chase(c: Canvas, p: Palette, r: Random) -> str:
    """A car leaping towards us on speed lines."""
    c.sky(p.low, p.top)
    c.rays(300, 380, 34, see_through(p.accent, 0.55), r.uniform(0, 1))
    c.glow(300, 380, 260, p.glow, 0.95)
    skyline(c, r, 520, 200, p.mid, see_through(p.glow, 0.5))
    c.shape([(280, 500), (320, 500), (760, 910), (-160, 910)], p.near)
    for i in range(5):
        y = 520 + 16 * 1.75**i
        c.shape(
            [(298 - i, y), (302 + i, y), (306 + 2 * i, y + 10 * 1.6**i), (294 - 2 * i, y + 10 * 1.6**i)],
            p.glow,
        )
    t, x, y = r.uniform(-0.12, 0.12), 300 + r.uniform(-40, 40), 640

    def at(px: float, py: float) -> tuple[float, float]:
        return x + px * 1.55 - py * t, y + py * 1.55 + px * t

    for side in (-1, 1):
        c.blob([at(side * 70, 20), at(side * 104, 20), at(side * 104, 78), at(side * 70, 78)], p.near)
    c.blob(
        [
            at(-115, -10),
            at(-80, -22),
            at(-58, -72),
            at(58, -72),
            at(80, -22),
            at(115, -10),
            at(118, 42),
            at(-118, 42),
        ],
        p.accent,
    )
    c.shape([at(-68, -22), at(-50, -62), at(50, -62), at(68, -22)], p.near)
    c.shape([at(-60, -24), at(-30, -58), at(-10, -58), at(-38, -24)], see_through(p.glow, 0.6))
    c.shape([at(-60, 18), at(60, 18), at(54, 36), at(-54, 36)], p.near)
    for side in (-1, 1):
        c.disc(*at(side * 86, 10), 24, p.glow)
        c.glow(*at(side * 86, 10), 90, p.glow, 0.9)
    return "top"


def rooftop_leap(c: Canvas, p: Palette, r: Random) -> str:
    """A leap between towers seen from below, over diagonal light."""
    c.sky(p.accent, p.low)
    for i in range(9):
        y = -200.0 + 150 * i
        c.shape([(-10, y + 260), (610, y - 60), (610, y + 2), (-10, y + 322)], see_through(p.glow, 0.28))
    for side in (-1, 1):
        edge = 300 + side * r.uniform(115, 150)
        outer = 300 + side * 330
        c.shape([(edge, 560), (outer, 470), (outer, 910), (300 + side * 20, 910)], p.near)
        for i in range(7):
            yy = 610 + 44 * i
            c.shape(
                [
                    (edge - side * 8 * i, yy),
                    (outer, yy - 40),
                    (outer, yy - 22),
                    (edge - side * 8 * i, yy + 16),
                ],
                see_through(p.accent, 0.45),
            )
    runner(c, 300, 560, 290, p.near, r.random() < 0.5)
    for _ in range(22):
        x, y = r.uniform(200, 400), r.uniform(560, 800)
        c.shape([(x + r.uniform(-9, 9), y + r.uniform(-9, 9)) for _ in range(3)], see_through(p.glow, 0.8))
    return "top"
