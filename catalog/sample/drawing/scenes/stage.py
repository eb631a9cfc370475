"""Scenes between people: comedy, romance and musical."""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, mix, see_through
from catalog.sample.drawing.figures import cat, dog, person
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import bare_tree, heart, star, umbrella

WHITE = (255, 255, 255)


def big_face(c: Canvas, p: Palette, r: Random) -> str:
    """Spectacles, nose and moustache on flat colour."""
    c.sky(p.top, p.top)
    c.rays(300, 470, 16, see_through(p.low, 0.9), r.uniform(0, 1))
    tilt = r.uniform(-0.12, 0.12)

    def at(x: float, y: float) -> tuple[float, float]:
        return 300 + x - y * tilt, 470 + y + x * tilt

    for side in (-1, 1):
        c.disc(*at(side * 105, -40), 98, p.near)
        c.disc(*at(side * 105, -40), 80, WHITE)
        c.disc(*at(side * 105 + r.uniform(-30, 30), -40 + r.uniform(-20, 30)), 32, p.near)
        c.limb(at(side * 40, -175), at(side * 160, -205 + r.uniform(-25, 25)), 26, 16, p.near)
    c.limb(at(-20, -45), at(20, -45), 16, 16, p.near)
    c.blob([at(-30, -20), at(30, -20), at(78, 95), at(0, 130), at(-78, 95)], p.accent)
    if r.random() < 0.6:
        for side in (-1, 1):
            c.blob(
                [
                    at(0, 115),
                    at(side * 80, 105),
                    at(side * 190, 175),
                    at(side * 165, 90),
                    at(side * 150, 200),
                    at(side * 60, 190),
                ],
                p.near,
            )
    else:
        c.wedge(*at(0, 150), 88, (0, 180), p.near)
        c.wedge(*at(0, 205), 34, (0, 180), p.accent)
    return "top"


def umbrella_rain(c: Canvas, p: Palette, r: Random) -> str:
    """One bright umbrella, wrong weather."""
    c.sky(p.top, p.low)
    for i in range(8):
        for j in range(9):
            x, y = 40.0 + 76 * i + 38 * (j % 2), 210 + 76 * j
            c.limb((x, y), (x - 7, y + 24), 3, 8, see_through(WHITE, 0.75))
    x = 300 + r.uniform(-40, 40)
    umbrella(c, x, 660, 430, p.accent, p.near)
    person(c, x - 40, 800, 290, p.near, r.choice(["coat", "gown"]))
    dog(c, x + 130, 800, 80, p.near, r.random() < 0.5)
    c.box(0, 798, 600, 910, p.mid)
    return "top"


def still_life_of_errors(c: Canvas, p: Palette, r: Random) -> str:
    """A tower of things that should not be stacked."""
    c.sky(p.top, p.low)
    c.disc(300, 480, 275, p.far)
    x, y = 300.0, 790.0
    c.box(90, 790, 510, 812, p.near, 6)
    for kind in r.sample(["hat", "cup", "fish", "case", "cake", "ball"], 4):
        x += r.uniform(-26, 26)
        if kind == "hat":
            c.oval(x, y - 10, 115, 17, p.near)
            c.box(x - 66, y - 98, x + 66, y - 10, p.near, 8)
            c.box(x - 66, y - 42, x + 66, y - 20, p.accent)
            y -= 98
        elif kind == "cup":
            c.blob([(x - 72, y - 96), (x + 72, y - 96), (x + 48, y), (x - 48, y)], WHITE)
            c.ring(x + 78, y - 58, 27, WHITE, 10)
            c.box(x - 60, y - 70, x + 60, y - 50, p.mid)
            y -= 90
        elif kind == "fish":
            c.oval(x, y - 42, 115, 42, p.mid)
            c.shape([(x + 95, y - 42), (x + 165, y - 84), (x + 165, y)], p.mid)
            c.disc(x - 70, y - 52, 13, WHITE)
            c.disc(x - 72, y - 52, 6, p.near)
            c.shape(
                [
                    (x - 38, y - 12),
                    (x - 5, y - 30),
                    (x + 28, y - 12),
                    (x + 28, y - 44),
                    (x - 5, y - 30),
                    (x - 38, y - 44),
                ],
                p.accent,
            )
            y -= 80
        elif kind == "case":
            c.box(x - 110, y - 86, x + 110, y, p.accent, 12)
            c.ring(x, y - 88, 27, p.near, 8)
            for dx in (-66, 66):
                c.box(x + dx - 9, y - 86, x + dx + 9, y, p.near)
            y -= 90
        elif kind == "cake":
            c.box(x - 92, y - 66, x + 92, y, WHITE, 8)
            c.box(x - 92, y - 74, x + 92, y - 40, p.mid, 12)
            for dx in (-60, -20, 20, 60):
                c.disc(x + dx, y - 80, 12, p.accent)
            y -= 84
        else:
            c.disc(x, y - 60, 60, p.accent)
            c.wedge(x, y - 60, 60, (0, 60), WHITE)
            c.wedge(x, y - 60, 60, (120, 180), WHITE)
            c.wedge(x, y - 60, 60, (240, 300), WHITE)
            y -= 118
    cat(c, x, y + 4, 104, p.near)
    return "top"


def overlapping_circles(c: Canvas, p: Palette, r: Random) -> str:
    """Two circles and what they share."""
    c.sky(p.top, p.low)
    c.disc(215, 430, 165, see_through(p.accent, 0.85))
    c.disc(385, 430, 165, see_through(p.mid, 0.8))
    c.glow(300, 430, 150, p.glow, 0.6)
    heart(c, 300, 500, 112, p.glow)
    for side in (-1, 1):
        person(c, 300 + side * 47, 780, 290, p.near, "gown" if side > 0 else "coat")
    c.blob([(-60, 920), (-60, 800), (300, 762), (660, 800), (660, 920)], p.near)
    for _ in range(16):
        heart(c, r.uniform(30, 570), r.uniform(220, 720), r.uniform(8, 20), see_through(p.accent, 0.5))
    return "top" if r.random() < 0.7 else "bottom"


def bench_under_tree(c: Canvas, p: Palette, r: Random) -> str:
    """A couple beneath a tree in blossom."""
    c.sky(p.top, p.low)
    x = r.choice([170, 430])
    c.glow(600 - x, 420, 320, p.glow, 0.9)
    c.disc(600 - x, 430, 82, p.glow)
    c.blob([(-90, 930), (-90, 740), (250, 700), (690, 760), (690, 930)], p.far)
    bare_tree(c, r, x, 800, 560, p.near, (300 - x) / 1300)
    for _ in range(190):
        a, d = r.uniform(0, math.tau), 190 * math.sqrt(r.random())
        c.disc(
            x + (300 - x) * 0.35 + d * 1.15 * math.cos(a),
            390 + d * math.sin(a),
            r.uniform(7, 19),
            see_through(r.choice([p.accent, p.mid, p.glow]), 0.72),
        )
    c.blob([(-90, 930), (-90, 800), (300, 775), (690, 800), (690, 930)], p.near)
    side = 1 if x < 300 else -1
    person(c, x + side * 130, 800, 165, p.near, "coat")
    person(c, x + side * 176, 800, 152, p.near, "gown")
    for _ in range(28):
        c.oval(r.uniform(0, 600), r.uniform(400, 860), 5, 3, see_through(p.accent, 0.8))
    return "top"


def bridge_by_moon(c: Canvas, p: Palette, r: Random) -> str:
    """Two people meeting on an arched bridge and in its reflection."""
    c.sky(p.top, p.low)
    c.glow(300, 380, 330, p.glow, 0.8)
    c.disc(300, 370, 140, mix(p.glow, WHITE, 0.3))
    c.stars(r, 40, WHITE, 300)
    c.ridge(r, 610, 30, p.far)
    c.box(0, 640, 600, 910, p.mid)
    c.shape([(238, 650), (362, 650), (330, 905), (270, 905)], see_through(p.glow, 0.4))
    c.arc(300, 760, 330, 200, (180, 360), p.near, 34)
    for i in range(-6, 7):
        x = 300.0 + 48 * i
        y = 760 - 200 * math.sqrt(max(0.0, 1 - (48 * i / 330) ** 2))
        c.line([(x, y + 8), (x, y - 34)], p.near, 4)
    c.arc(300, 726, 330, 200, (180, 360), p.near, 5)
    person(c, 268, 570, 125, p.near, "coat")
    person(c, 326, 570, 116, p.near, "gown")
    for _ in range(22):
        y = r.uniform(660, 890)
        x, wide = r.uniform(0, 600), r.uniform(20, 90)
        c.line([(x, y), (x + wide, y)], see_through(p.glow, 0.5), 2)
    return "top" if r.random() < 0.4 else "bottom"


def rose(c: Canvas, p: Palette, r: Random) -> str:
    """A single flower with falling petals."""
    c.sky(p.low, p.top)
    c.glow(300, 380, 340, p.glow, 0.85)
    c.line([(300 + 26 * math.sin(i / 5), 400 + 20 * i) for i in range(21)], p.near, 9)
    for y, side in ((560.0, 1), (650.0, -1)):
        x = 300 + 26 * math.sin((y - 400) / 100)
        c.blob(
            [(x, y), (x + side * 60, y - 60), (x + side * 135, y - 52), (x + side * 80, y + 12)],
            mix(p.near, p.far, 0.25),
        )
    turn = r.uniform(0, 6)
    for layer in range(6):
        reach = 150 - 22 * layer
        for i in range(6 if layer < 4 else 4):
            a = turn + math.tau * i / 6 + 0.5 * layer
            x, y = 300 + reach * 0.55 * math.cos(a), 370 + reach * 0.5 * math.sin(a)
            shade = (
                mix(p.accent, p.near, 0.42 - 0.13 * layer)
                if layer < 3
                else mix(p.accent, p.glow, 0.1 * (layer - 2))
            )
            c.oval(x, y, reach * 0.52, reach * 0.48, mix(shade, p.near, 0.16))
            c.oval(x, y - 4, reach * 0.48, reach * 0.43, shade)
    for _ in range(9):
        x, y, size = r.uniform(50, 550), r.uniform(470, 790), r.uniform(9, 19)
        c.blob(
            [(x - size, y), (x, y - size * 0.7), (x + size, y), (x, y + size * 0.5)],
            mix(p.accent, p.near, r.uniform(0, 0.3)),
        )
    return "bottom" if r.random() < 0.5 else "top"


def spotlight(c: Canvas, p: Palette, r: Random) -> str:
    """Curtains, crossed spotlights and a dancer."""
    c.sky(p.near, p.mid)
    for angle in (-0.34, 0.0, 0.34):
        x = 300 + 900 * math.sin(angle)
        c.shape([(x - 16, -60), (x + 16, -60), (300 + 165, 800), (300 - 165, 800)], see_through(p.glow, 0.2))
    c.oval(300, 800, 225, 46, see_through(p.glow, 0.9))
    c.glow(300, 560, 260, p.accent, 0.5)
    person(c, 300 + r.uniform(-40, 20), 808, 330, p.near, "gown")
    if r.random() < 0.6:
        person(c, 368, 808, 340, p.near, "hat")
    for side in (-1, 1):
        for i in range(5):
            x = 300 + side * (330 - 34 * i)
            sway = 18 * math.sin(i)
            fold = [
                (x - 24, -10),
                (x + 24, -10),
                (x + 22 + side * (40 - 8 * i), 500 + sway),
                (x + 24, 910),
                (x - 24, 910),
                (x - 22 + side * (40 - 8 * i), 500),
            ]
            c.blob(
                fold,
                mix(p.accent if p.accent[0] > p.accent[1] * 1.6 else p.far, p.near, 0.12 + 0.3 * (i % 2)),
            )
    for i in range(13):
        x = 30 + 45 * i
        c.glow(x, 882, 32, p.glow, 0.9)
        c.disc(x, 882, 9, p.glow)
    return "top"


def piano_wave(c: Canvas, p: Palette, r: Random) -> str:
    """A keyboard curving away under notes."""
    c.sky(p.top, p.low)
    c.glow(300, 380, 330, p.accent, 0.6)
    lift, phase = r.uniform(50, 90), r.uniform(0, 6)

    def row(t: float, depth: float) -> tuple[float, float]:
        return -40 + 680 * t, 600 + lift * math.sin(phase + 5 * t) + depth * (0.55 + 0.45 * t)

    keys = 16
    for i in range(keys):
        a, b = i / keys, (i + 0.94) / keys
        c.shape([row(a, 0), row(b, 0), row(b, 210), row(a, 210)], WHITE)
    for i in range(keys):
        if i % 7 not in (2, 6):
            a, b = (i + 0.68) / keys, (i + 1.26) / keys
            c.shape([row(a, -2), row(b, -2), row(b, 126), row(a, 126)], p.near)
    for line in range(5):
        c.line(
            [(x, 330 + 26 * line + 42 * math.sin(x / 105 + phase)) for x in range(-10, 620, 12)],
            see_through(p.glow, 0.85),
            2.4,
        )
    for _ in range(8):
        x = r.uniform(50, 550)
        y = 330 + 13 * r.randrange(9) + 42 * math.sin(x / 105 + phase)
        c.oval(x, y, 18, 13, p.accent)
        c.line([(x + 16, y), (x + 16, y - 70)], p.accent, 4)
        c.blob(
            [(x + 15, y - 70), (x + 42, y - 50), (x + 30, y - 26), (x + 36, y - 48), (x + 15, y - 54)],
            p.accent,
        )
    return "top"


def record(c: Canvas, p: Palette, r: Random) -> str:
    """A record spinning behind a pair of dancers."""
    c.sky(p.top, p.low)
    c.rays(300, 450, 12, see_through(p.far, 0.6), r.uniform(0, 1))
    c.disc(300, 450, 240, p.near)
    for i in range(11):
        c.ring(300, 450, 232 - 13 * i, see_through(mix(p.near, p.glow, 0.35), 0.8), 1.4)
    for start in (20, 200):
        c.wedge(300, 450, 236, (start, start + 24), see_through(p.glow, 0.16))
    c.disc(300, 450, 88, p.accent)
    c.disc(300, 450, 12, p.glow)
    for _ in range(14):
        star(c, r.uniform(20, 580), r.uniform(190, 860), r.uniform(6, 20), p.glow, 4, 0.25)
    person(c, 252, 835, 330, p.ink, "coat")
    person(c, 350, 835, 310, p.ink, "gown")
    return "top"
