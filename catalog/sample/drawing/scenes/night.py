"""Scenes of dread: horror and film noir."""

import math
from random import Random

from catalog.sample.drawing.canvas import WIDTH, Canvas, mix, see_through
from catalog.sample.drawing.figures import hand, person
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import bare_tree, house, skyline


def house_on_the_hill(c: Canvas, p: Palette, r: Random) -> str:
    """A leaning house before an outsized moon."""
    c.sky(p.top, p.top, p.low)
    x, moon = r.uniform(230, 370), r.uniform(120, 165)
    c.glow(x, 330, 420, p.accent, 0.55)
    c.disc(x, 330, moon, p.accent)
    for _ in range(5):
        c.disc(
            x + r.uniform(-0.6, 0.6) * moon,
            330 + r.uniform(-0.6, 0.6) * moon,
            r.uniform(6, 20),
            see_through(p.far, 0.18),
        )
    c.fog(r, 560, 120, p.accent, 0.35)
    c.ridge(r, 600, 30, p.far)
    hill = [
        (-10, 700),
        (160, 620),
        (x - 60, 545),
        (x + 70, 545),
        (460, 640),
        (610, 690),
        (610, 910),
        (-10, 910),
    ]
    c.blob(hill, p.near)
    house(c, x, 565, 250, p.near, p.glow, lean=r.uniform(-0.12, 0.12))
    bare_tree(c, r, r.choice([70, 530]), 700, 330, p.near, r.uniform(-0.15, 0.15))
    c.fog(r, 700, 70, p.low, 0.5)
    return "bottom"


def hands_from_below(c: Canvas, p: Palette, r: Random) -> str:
    """Hands reaching up towards a light."""
    c.sky(p.near, p.low, p.near)
    c.glow(300, 480, 430, p.accent, 0.75)
    c.disc(300, 470, 92, p.glow)
    c.glow(300, 470, 190, p.glow, 0.6)
    for x, y, size in ((95, 900, 430), (505, 890, 450), (300, 960, 560)):
        hand(
            c, x + r.uniform(-25, 25), y, size * r.uniform(0.9, 1.1), mix(p.near, p.far, r.uniform(0, 0.3)), r
        )
    c.veil(760, 900, p.near, 0, 0.95)
    return "top"


def eyes_in_the_wood(c: Canvas, p: Palette, r: Random) -> str:
    """Bare trunks, many eyes, one small lantern."""
    c.sky(p.top, p.low, p.near)
    c.glow(300, 520, 360, p.accent, 0.6)
    for depth in range(3):
        shade = mix(p.low, p.near, (depth + 1) / 3)
        for _ in range(4):
            bare_tree(
                c, r, r.uniform(-20, 620), 760 + 50 * depth, 560 + 130 * depth, shade, r.uniform(-0.1, 0.1)
            )
        c.fog(r, 620 + 60 * depth, 90, p.accent, 0.22)
    for _ in range(14):
        x, y, size = r.uniform(30, 570), r.uniform(250, 700), r.uniform(3, 7)
        for side in (-1, 1):
            c.oval(x + side * size * 1.7, y, size, size * 0.55, p.glow)
            c.oval(x + side * size * 1.7, y, size * 0.25, size * 0.5, p.near)
    c.ridge(r, 790, 12, p.near)
    c.glow(318, 742, 110, p.glow, 0.8)
    person(c, 300, 800, 100, p.near)
    return "top"


def jaws(c: Canvas, p: Palette, r: Random) -> str:
    """A frame of teeth closing on a lone door."""
    c.sky(p.accent, mix(p.accent, p.low, 0.6))
    c.glow(300, 470, 330, p.glow, 0.65)
    house(c, 300, 610, 150, p.near, p.glow, r.uniform(-0.1, 0.1))
    c.blob([(40, 660), (150, 622), (300, 600), (450, 622), (560, 660), (300, 700)], p.near)
    for edge, reach, sign in ((-10.0, r.uniform(300, 350), 1), (910.0, r.uniform(300, 340), -1)):
        teeth, x = [(-10.0, edge)], -10.0
        while x < WIDTH + 20:
            wide = r.uniform(50, 95)
            fall = reach * (0.55 + 0.45 * abs(x + wide / 2 - 300) / 300) * r.uniform(0.8, 1.15)
            teeth += [
                (x, edge + sign * 150),
                (x + wide / 2, edge + sign * fall),
                (x + wide, edge + sign * 150),
            ]
            x += wide
        c.shape([*teeth, (WIDTH + 20, edge)], p.near)
    return "top"


def venetian_blinds(c: Canvas, p: Palette, r: Random) -> str:
    """Slatted light across a wall and somebody in a hat."""
    c.sky(p.near, p.mid, p.near)
    slope, start = r.uniform(-0.35, 0.35), r.uniform(-40, 0)
    for i in range(17):
        y = start + 62 * i
        lit = mix(p.mid, p.accent, 0.75 * math.exp(-(((y - 420) / 330) ** 2)))
        c.shape([(-10, y), (610, y + 610 * slope), (610, y + 610 * slope + 30), (-10, y + 30)], lit)
    x = r.choice([200, 300, 400])
    person(c, x, 1180, 860, p.near, "hat")
    ember = (x + r.choice([-1, 1]) * 62, 435)
    c.glow(*ember, 36, p.glow, 0.9)
    c.veil(0, 200, p.near, 0.8, 0)
    c.veil(600, 900, p.near, 0, 0.9)
    return "bottom"


def street_lamp(c: Canvas, p: Palette, r: Random) -> str:
    """A cone of lamplight on a wet street and a long shadow."""
    c.sky(p.near, p.mid, p.far)
    skyline(c, r, 640, 330, p.mid, see_through(p.glow, 0.25))
    c.box(0, 640, 600, 910, p.near)
    side = r.choice([-1, 1])
    x = 300 - side * 130
    c.shape([(x, 250), (x - 190, 790), (x + 250, 790)], see_through(p.glow, 0.22))
    c.shape([(x, 250), (x - 110, 790), (x + 160, 790)], see_through(p.glow, 0.2))
    c.oval(x + 25, 790, 220, 46, see_through(p.glow, 0.5))
    c.glow(x, 250, 120, p.glow, 0.95)
    c.line([(x - 90 * side, 900), (x - 90 * side, 225), (x, 225)], p.near, 9)
    c.shape([(x - 30, 225), (x + 30, 225), (x + 18, 245), (x - 18, 245)], p.near)
    foot = x + side * 40
    c.shape(
        [(foot - 18, 790), (foot + 18, 790), (foot + side * 250, 905), (foot + side * 150, 905)],
        see_through(p.near, 0.8),
    )
    person(c, foot, 800, 300, p.near, "hat")
    for _ in range(90):
        rx, ry = r.uniform(0, 620), r.uniform(0, 900)
        c.line([(rx, ry), (rx - 7, ry + 26)], see_through(p.glow, 0.13), 1)
    return "top"


def staircase(c: Canvas, p: Palette, r: Random) -> str:
    """A spiral stair seen from its foot."""
    c.sky(p.near, p.mid)
    turn, spin = r.uniform(0, 6), r.choice([-1, 1])
    cx, cy = 300 + r.uniform(-40, 40), 430
    for i in range(64, 0, -1):
        a, radius = turn + spin * i * 0.27, 26 + i * 9.5
        b = a + spin * 0.27
        light = mix(p.near, p.accent, 0.12 + 0.75 * (0.5 + 0.5 * math.cos(a - 1)) * (1 - i / 90))
        outer = radius * 1.35
        corners = [(cx + radius * math.cos(t) * 0.75, cy + radius * math.sin(t)) for t in (a, b)]
        corners += [(cx + outer * math.cos(t) * 0.75, cy + outer * math.sin(t)) for t in (b, a)]
        c.shape(corners, light)
    c.disc(cx, cy, 30, p.glow)
    c.glow(cx, cy, 130, p.glow, 0.8)
    person(c, cx, cy + 28, 46, p.near, "hat")
    c.veil(620, 900, p.near, 0, 0.95)
    return "bottom"
