"""Scenes of other worlds: science fiction and fantasy."""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, mix, see_through
from catalog.sample.drawing.figures import bird, person
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import castle, pine

WHITE = (255, 255, 255)


def ringed_planet(c: Canvas, p: Palette, r: Random) -> str:
    """A ringed planet and one very small ship."""
    c.sky(p.top, p.near, p.low)
    c.stars(r, 190, p.glow)
    x, y, size = r.uniform(210, 400), r.uniform(380, 470), r.uniform(140, 185)
    c.glow(x, y, size * 2.1, p.accent, 0.55)
    tilt = r.uniform(0.22, 0.34)
    for i in range(7):
        c.arc(
            x,
            y,
            size * (1.35 + 0.09 * i),
            size * (1.35 + 0.09 * i) * tilt,
            (180, 360),
            see_through(mix(p.accent, p.glow, i / 7), 0.75),
            5,
        )
    c.disc(x, y, size, p.low)
    for i in range(9):
        yy = y + size * (-0.85 + 0.2 * i)
        half = math.sqrt(max(0.0, size**2 - (yy - y) ** 2))
        c.shape(
            [(x - half, yy), (x + half, yy), (x + half * 0.99, yy + 9), (x - half * 0.99, yy + 7)],
            see_through(r.choice([p.accent, p.far, p.glow]), 0.35),
        )
    c.glow(x + size * 0.7, y + size * 0.6, size * 1.1, p.near, 0.6)
    for i in range(7):
        c.arc(
            x,
            y,
            size * (1.35 + 0.09 * i),
            size * (1.35 + 0.09 * i) * tilt,
            (0, 180),
            mix(p.accent, p.glow, i / 7),
            5,
        )
    sx, sy = x + r.choice([-1, 1]) * 120, 690
    c.limb((sx, sy), (sx - 60, sy + 90), 5, 0.6, see_through(p.glow, 0.7))
    c.shape([(sx + 12, sy - 24), (sx + 12, sy + 6), (sx - 12, sy + 4)], p.glow)
    return "top" if y > 430 else "bottom"


def grid_horizon(c: Canvas, p: Palette, r: Random) -> str:
    """A glowing grid running to a banded sun."""
    c.sky(p.top, p.low, p.accent)
    c.stars(r, 110, p.glow, 430)
    c.glow(300, 470, 380, p.accent, 0.85)
    c.disc(300, 450, 170, p.glow)
    for i in range(6):
        half = math.sqrt(170**2 - (5 + 25 * i) ** 2)
        c.box(300 - half, 448 + 25 * i, 300 + half, 453 + 27 * i, mix(p.low, p.accent, 0.6))
    c.ridge(r, 590, 60, p.mid, 0.62)
    c.box(0, 600, 600, 910, p.near)
    c.glow(300, 600, 260, p.accent, 0.5)
    for i in range(-14, 15):
        c.line([(300 + 16 * i, 600), (300 + 130 * i, 910)], p.accent, 1.6)
    for i in range(12):
        y = 600 + 3 * 1.5**i
        c.line([(0, y), (600, y)], p.accent, 1 + 0.14 * i)
    person(c, 300, 790, 130, p.near)
    return "top"


def helmet(c: Canvas, p: Palette, r: Random) -> str:
    """An astronaut's visor with a world in it."""
    c.sky(p.near, p.low)
    c.stars(r, 120, p.glow)
    c.glow(300, 480, 400, p.accent, 0.4)
    suit = mix(p.glow, p.far, 0.25)
    c.blob([(40, 910), (70, 730), (180, 660), (420, 660), (530, 730), (560, 910)], mix(suit, p.near, 0.35))
    c.disc(300, 460, 210, suit)
    c.disc(300, 460, 210, see_through(p.far, 0.25))
    c.oval(300, 475, 165, 140, p.near)
    c.oval(300, 475, 155, 130, p.low)
    c.glow(340, 440, 120, p.accent, 0.95)
    x, y = r.uniform(255, 345), r.uniform(440, 500)
    c.disc(x, y, 58, p.accent)
    c.disc(x + 15, y - 10, 50, mix(p.accent, p.glow, 0.5))
    for _ in range(24):
        a, d = r.uniform(0, math.tau), r.random()
        c.disc(300 + 145 * d * math.cos(a), 475 + 120 * d * math.sin(a), r.uniform(0.7, 2), WHITE)
    c.arc(300, 475, 138, 112, (195, 265), see_through(WHITE, 0.65), 8)
    c.box(88, 430, 120, 520, mix(suit, p.near, 0.4), 12)
    c.box(480, 430, 512, 520, mix(suit, p.near, 0.4), 12)
    c.box(250, 745, 350, 800, p.near, 8)
    for i in range(3):
        c.disc(272 + 28 * i, 772, 7, (p.accent, p.glow, p.low)[i])
    return "top"


def beacon_tower(c: Canvas, p: Palette, r: Random) -> str:
    """A tower whose beam meets a craft in the clouds."""
    c.sky(p.top, p.low, p.far)
    c.stars(r, 90, p.glow, 400)
    x = r.uniform(230, 370)
    c.shape([(x - 110, 260), (x + 110, 260), (x + 16, 640), (x - 16, 640)], see_through(p.accent, 0.4))
    c.shape([(x - 45, 260), (x + 45, 260), (x + 6, 640), (x - 6, 640)], see_through(p.glow, 0.6))
    c.glow(x, 262, 250, p.accent, 0.8)
    c.oval(x, 250, 190, 34, p.near)
    c.wedge(x, 245, 78, (180, 360), mix(p.near, p.far, 0.6))
    for i in range(-4, 5):
        c.disc(x + 38 * i, 256 - abs(i) * 1.5, 5, p.glow)
    c.fog(r, 470, 140, p.glow, 0.3)
    c.ridge(r, 660, 70, p.mid)
    c.shape([(x - 14, 640), (x + 14, 640), (x + 46, 910), (x - 46, 910)], p.near)
    c.ridge(r, 770, 40, p.near)
    for i in range(3):
        person(c, x - 150 + 34 * i, 788, 58, p.near)
    return "bottom"


def castle_crag(c: Canvas, p: Palette, r: Random) -> str:
    """A castle on a crag before a vast moon."""
    c.sky(p.top, p.low)
    c.stars(r, 120, p.glow, 420)
    x = r.uniform(250, 350)
    c.glow(x, 400, 380, p.glow, 0.6)
    c.disc(x + r.uniform(-60, 60), 390, 178, mix(p.glow, p.accent, 0.35))
    c.fog(r, 560, 110, p.glow, 0.45)
    c.ridge(r, 620, 80, p.far)
    c.shape(
        [(x - 190, 910), (x - 150, 700), (x - 105, 590), (x + 110, 590), (x + 140, 690), (x + 220, 910)],
        p.mid,
    )
    castle(c, r, x, 600, 260, p.mid, p.accent)
    c.fog(r, 690, 90, p.low, 0.7)
    c.ridge(r, 770, 50, p.near, 0.6)
    for _ in range(4):
        bird(c, x + r.uniform(-200, 200), r.uniform(290, 480), r.uniform(22, 54), p.near)
    for _ in range(9):
        pine(c, r.uniform(-10, 610), 850, r.uniform(80, 170), p.near)
    return "top"


def sword_of_light(c: Canvas, p: Palette, r: Random) -> str:
    """A sword standing in a shaft of light."""
    c.sky(p.near, p.low, p.near)
    c.rays(300, 330, 22, see_through(p.accent, 0.18), r.uniform(0, 1))
    c.glow(300, 420, 400, p.accent, 0.75)
    c.shape([(230, -10), (370, -10), (440, 760), (160, 760)], see_through(p.glow, 0.28))
    c.ridge(r, 720, 30, p.mid, 0.6)
    c.shape([(281, 300), (319, 300), (313, 735), (287, 735)], mix(p.glow, WHITE, 0.5))
    c.shape([(300, 300), (319, 300), (313, 735), (300, 735)], mix(p.glow, p.far, 0.5))
    c.blob([(190, 274), (410, 274), (420, 306), (310, 300), (290, 300), (180, 306)], p.accent)
    c.box(289, 190, 311, 285, p.near, 5)
    for i in range(5):
        c.line([(289, 200 + 17 * i), (311, 208 + 17 * i)], p.accent, 3)
    c.disc(300, 178, 23, p.accent)
    c.disc(300, 178, 11, p.glow)
    c.ridge(r, 770, 34, p.near, 0.62)
    for _ in range(60):
        c.disc(
            300 + r.gauss(0, 120),
            r.uniform(150, 760),
            r.uniform(0.8, 3.2),
            see_through(p.glow, r.uniform(0.4, 1)),
        )
    return "bottom"


def dragon_spire(c: Canvas, p: Palette, r: Random) -> str:
    """A dragon coiled along the sky above pines."""
    c.sky(p.top, p.low, p.far)
    c.stars(r, 80, p.glow, 380)
    c.glow(300, 420, 330, p.accent, 0.7)
    c.disc(300, 430, 130, mix(p.accent, p.glow, 0.5))
    side = r.choice([-1, 1])
    spine = []
    for i in range(70):
        t = i / 69
        spine.append((300 + side * (250 - 470 * t), 560 - 230 * t + 78 * math.sin(t * 7.2)))
    for i, (x, y) in enumerate(spine):
        t = i / 69
        c.disc(x, y, 4 + 26 * math.sin(math.pi * min(1, t * 1.05)) ** 0.8 * (0.35 + 0.65 * t), p.near)
        if i % 4 == 0 and 4 < i < 64:
            c.shape([(x - 9, y - 14 * t - 4), (x, y - 24 - 22 * t), (x + 9, y - 14 * t - 4)], p.near)
    hx, hy = spine[-1]
    c.blob(
        [
            (hx + side * 10, hy - 22),
            (hx - side * 30, hy - 24),
            (hx - side * 82, hy - 2),
            (hx - side * 80, hy + 10),
            (hx - side * 30, hy + 16),
            (hx + side * 10, hy + 20),
        ],
        p.near,
    )
    c.shape([(hx - side * 4, hy - 16), (hx + side * 44, hy - 54), (hx + side * 18, hy - 6)], p.near)
    c.disc(hx - side * 30, hy - 8, 4, p.accent)
    wx, wy = spine[40]
    for reach in (1.0, 0.72):
        wing = [
            (wx, wy),
            (wx + side * 60 * reach, wy - 210 * reach),
            (wx + side * 120 * reach, wy - 130 * reach),
        ]
        wing += [
            (wx + side * 165 * reach, wy - 150 * reach),
            (wx + side * 160 * reach, wy - 80 * reach),
            (wx + side * 210 * reach, wy - 70 * reach),
            (wx + side * 70, wy + 10),
        ]
        c.shape(wing, mix(p.near, p.far, 0.35 if reach == 1.0 else 0.0))
    c.ridge(r, 700, 50, p.mid)
    for _ in range(16):
        pine(
            c,
            r.uniform(-10, 610),
            r.uniform(800, 870),
            r.uniform(110, 230),
            mix(p.near, p.mid, r.uniform(0, 0.4)),
        )
    c.box(0, 860, 600, 910, p.near)
    return "top"
