"""Scenes under a wide sky: western and adventure."""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, mix, see_through
from catalog.sample.drawing.figures import bird, person, rider
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import balloon, cactus, ship, star


def _mesa(
    c: Canvas, r: Random, x: float, y: float, wide: float, tall: float, paint: tuple[int, int, int]
) -> None:
    edge = wide * 0.5
    top = [
        (x - edge, y),
        (x - edge * 0.78, y - tall * 0.45),
        (x - edge * 0.6, y - tall * 0.5),
        (x - edge * 0.56, y - tall),
    ]
    top += [
        (x - edge * 0.1, y - tall * r.uniform(0.96, 1.03)),
        (x + edge * 0.55, y - tall),
        (x + edge * 0.62, y - tall * 0.52),
    ]
    c.shape([*top, (x + edge * 0.8, y - tall * 0.42), (x + edge, y)], paint)


def mesas(c: Canvas, p: Palette, r: Random) -> str:
    """A great sun, tables of rock, a rider."""
    c.sky(p.top, p.low)
    x, y = r.uniform(180, 420), r.uniform(380, 450)
    c.glow(x, y, 330, p.glow, 0.8)
    c.disc(x, y, r.uniform(110, 150), mix(p.glow, p.accent, r.choice([0.15, 0.85])))
    for _ in range(3):
        _mesa(c, r, r.uniform(0, 600), 640, r.uniform(140, 260), r.uniform(110, 200), p.far)
    c.box(0, 636, 600, 910, p.far)
    for _ in range(2):
        _mesa(c, r, r.choice([40, 90, 510, 570]), 715, r.uniform(200, 320), r.uniform(190, 290), p.mid)
    c.ridge(r, 715, 10, p.mid)
    c.ridge(r, 800, 22, p.near)
    rider(c, r.uniform(230, 370), 802, 175, p.near, r.random() < 0.5)
    for _ in range(3):
        bird(c, x + r.uniform(-90, 90), y + r.uniform(-90, 20), r.uniform(14, 26), p.near)
    return "top"


def cactus_road(c: Canvas, p: Palette, r: Random) -> str:
    """A banded setting sun behind cacti and a road."""
    c.sky(p.top, p.low)
    c.disc(300, 470, 205, p.accent)
    for i in range(7):
        half = math.sqrt(205**2 - (28 * i) ** 2)
        c.box(300 - half, 470 + 28 * i, 300 + half, 473 + 30.5 * i, mix(p.top, p.low, 0.75))
    c.ridge(r, 640, 26, p.far)
    c.box(0, 660, 600, 910, p.mid)
    c.shape([(292, 660), (308, 660), (470, 910), (130, 910)], mix(p.mid, p.glow, 0.45))
    cactus(c, r.uniform(70, 130), 800, 360, p.near)
    cactus(c, r.uniform(470, 540), 740, 220, p.near)
    cactus(c, r.uniform(180, 230), 690, 80, p.near)
    person(c, 300, 780, 130, p.near, "hat")
    c.shape([(292, 778), (308, 778), (360, 905), (300, 905)], see_through(p.near, 0.4))
    return "top"


def tin_star(c: Canvas, p: Palette, r: Random) -> str:
    """A sheriff's star with bullet holes, on boards."""
    c.sky(p.mid, p.near)
    for i in range(7):
        c.box(i * 88 - 4, 0, i * 88 + 82, 900, mix(p.mid, p.far, r.uniform(0.05, 0.6)))
        for _ in range(5):
            x = i * 88 + r.uniform(4, 76)
            c.line(
                [(x, r.uniform(0, 400)), (x + r.uniform(-5, 5), r.uniform(450, 900))],
                see_through(p.near, 0.3),
                r.uniform(0.6, 2),
            )
    turn = r.uniform(-0.15, 0.15)
    star(c, 308, 408, 225, see_through(p.near, 0.6), 5, 0.48, turn)
    star(c, 300, 398, 225, p.low, 5, 0.48, turn)
    star(c, 300, 398, 196, p.accent, 5, 0.48, turn)
    for i in range(5):
        a = math.tau * i / 5 - math.pi / 2 + turn
        c.disc(300 + 222 * math.cos(a), 398 + 222 * math.sin(a), 22, p.low)
    c.ring(300, 398, 70, p.low, 8)
    for _ in range(3):
        x, y = 300 + r.uniform(-90, 90), 398 + r.uniform(-90, 90)
        c.disc(x, y, 17, p.glow)
        c.disc(x, y, 13, p.near)
    return "bottom"


def main_street(c: Canvas, p: Palette, r: Random) -> str:
    """Two figures facing each other down a street of false fronts."""
    c.sky(p.top, p.low)
    c.glow(300, 560, 260, p.glow, 0.95)
    c.disc(300, 560, 78, p.glow)
    c.box(0, 640, 600, 910, p.far)
    for side in (-1, 1):
        for i in range(4):
            x0, x1 = 300 + side * (65 + 75 * i), 300 + side * (65 + 75 * (i + 1))
            tall = 110 + 62 * i + r.uniform(-15, 25)
            c.shape(
                [(x0, 645 - tall), (x1, 645 - tall * 1.15), (x1, 652 + 34 * i + 34), (x0, 652 + 34 * i)],
                mix(p.mid, p.near, 0.25 * i),
            )
            c.shape(
                [
                    (x0, 645 - tall * 0.5),
                    (x1, 645 - tall * 0.5),
                    (x1, 645 - tall * 0.42),
                    (x0, 645 - tall * 0.42),
                ],
                p.near,
            )
    person(c, 300, 680, 105, p.near, "hat")
    person(c, r.choice([205, 395]), 1010, 430, p.near, "hat")
    return "top"


def summit(c: Canvas, p: Palette, r: Random) -> str:
    """Snow peaks and a roped party on the crest."""
    c.sky(p.top, p.low)
    x = r.uniform(150, 450)
    c.glow(x, 260, 300, p.glow, 0.9)
    c.disc(x, 260, 60, p.glow)
    c.ridge(r, 520, 130, p.far)
    peak, high = r.uniform(220, 380), r.uniform(270, 320)
    c.shape([(peak, high), (peak + 420, 910), (peak - 420, 910)], p.mid)
    c.shape(
        [(peak, high), (peak + 420, 910), (peak + 40, 910), (peak - 26, high + 210), (peak + 22, high + 110)],
        p.near,
    )
    snow = [
        (peak, high),
        (peak + 92, high + 138),
        (peak + 46, high + 118),
        (peak + 14, high + 172),
        (peak - 22, high + 120),
    ]
    c.shape([*snow, (peak - 60, high + 160), (peak - 88, high + 128)], mix(p.glow, (255, 255, 255), 0.5))
    c.ridge(r, 690, 60, mix(p.mid, p.near, 0.5))
    c.shape([(-10, 830), (610, 640), (610, 910), (-10, 910)], p.near)
    rope = []
    for i in range(4):
        cx, cy = 90 + 130 * i, 802 - 40 * i
        person(c, cx, cy + 4, 74, p.near, "coat")
        c.limb((cx + 14, cy - 34), (cx + 26, cy + 6), 3, 2, p.near)
        rope.append((cx, cy - 38))
    c.line(rope, p.accent, 3)
    return "top"


def tall_ship(c: Canvas, p: Palette, r: Random) -> str:
    """A sailing ship on stylised seas."""
    c.sky(p.top, p.low)
    c.glow(300, 430, 360, p.glow, 0.9)
    c.disc(300, 400, 185, mix(p.glow, p.accent, 0.35))
    for _ in range(5):
        bird(c, r.uniform(60, 540), r.uniform(200, 420), r.uniform(18, 36), p.near)
    ship(c, 300 + r.uniform(-25, 25), 655, 330, p.near, mix(p.glow, p.accent, r.choice([0.1, 0.9])))
    for layer in range(5):
        y, shade = 650 + 46 * layer, mix(p.far, p.near, layer / 4)
        phase, step = r.uniform(0, 60), 60 + 10 * layer
        for i in range(-1, 12):
            c.disc(i * step - phase, y + 34, 36 + 6 * layer, shade)
        c.box(0, y + 34, 600, 910, shade)
        for i in range(-1, 12):
            c.arc(
                i * step - phase,
                y + 34,
                27 + 5 * layer,
                27 + 5 * layer,
                (200, 320),
                mix(shade, p.glow, 0.4),
                2.4,
            )
    return "top"


def jungle_temple(c: Canvas, p: Palette, r: Random) -> str:
    """A stepped temple glimpsed through leaves."""
    c.sky(p.top, p.low)
    c.glow(300, 380, 330, p.glow, 0.95)
    c.rays(300, 380, 18, see_through(p.glow, 0.22), r.uniform(0, 1))
    for i in range(6):
        wide, y = 70.0 + 42 * i, 400.0 + 48 * i
        c.box(300 - wide, y, 300 + wide, y + 50, mix(p.far, p.mid, i / 5))
        c.box(300 - wide, y, 300 + wide, y + 7, mix(p.far, p.glow, 0.35))
    c.box(278, 340, 322, 400, p.mid)
    c.box(288, 356, 312, 402, p.accent)
    c.shape([(276, 402), (324, 402), (348, 690), (252, 690)], mix(p.far, p.glow, 0.4))
    c.ridge(r, 690, 20, p.mid)
    person(c, 300, 800, 150, p.near, "hat")
    c.ridge(r, 800, 14, p.near)
    for _ in range(46):
        side = r.choice([-1, 1])
        x, y = 300 + side * (330 - 30 * r.random()), r.uniform(140, 900)
        a, length = math.pi / 2 - side * (math.pi / 2 + r.uniform(-0.9, 0.9)), r.uniform(70, 190)
        tip = (x + length * math.cos(a), y + length * math.sin(a))
        mid = ((x + tip[0]) / 2, (y + tip[1]) / 2)
        wide = length * 0.16
        nx, ny = -math.sin(a) * wide, math.cos(a) * wide
        c.blob(
            [(x, y), (mid[0] + nx, mid[1] + ny), tip, (mid[0] - nx, mid[1] - ny)],
            mix(p.mid, p.near, r.uniform(0.3, 1)),
        )
    return "top"


def balloon_over_map(c: Canvas, p: Palette, r: Random) -> str:
    """A balloon above a chart with a dotted route and a compass rose."""
    paper = mix(p.low, p.glow, 0.5)
    c.sky(paper, p.low)
    for i in range(1, 8):
        c.line([(0, 120 * i), (600, 120 * i + 20)], see_through(p.mid, 0.25), 1.2)
        c.line([(85 * i, 0), (85 * i + 15, 900)], see_through(p.mid, 0.25), 1.2)
    for _ in range(4):
        x, y, size = r.uniform(20, 580), r.uniform(280, 800), r.uniform(70, 150)
        land = [
            (x + size * r.uniform(0.6, 1.2) * math.cos(t), y + size * r.uniform(0.5, 1.0) * math.sin(t))
            for t in (k * math.tau / 11 for k in range(11))
        ]
        c.blob(land, see_through(p.far, 0.9))
    route = [(40 + 13 * i, 780 - 120 * math.sin(i / 13) - 4 * i) for i in range(40)]
    for x, y in route[::2]:
        c.disc(x, y, 4.2, p.accent)
    c.line([(route[-1][0] - 12, route[-1][1] - 12), (route[-1][0] + 12, route[-1][1] + 12)], p.accent, 6)
    c.line([(route[-1][0] + 12, route[-1][1] - 12), (route[-1][0] - 12, route[-1][1] + 12)], p.accent, 6)
    star(c, 105, 660, 70, p.mid, 4, 0.2)
    star(c, 105, 660, 46, p.accent, 4, 0.3, math.pi / 4)
    c.ring(105, 660, 52, p.mid, 3)
    balloon(c, 315 + r.uniform(-40, 60), 640, 400, p.accent, p.glow, p.near)
    return "top"
