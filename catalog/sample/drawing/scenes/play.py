"""Scenes to grow up with: animation and children's films."""

import math
from random import Random

from catalog.sample.drawing.canvas import Canvas, Colour, mix, see_through
from catalog.sample.drawing.figures import dog, person
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import balloon, house, rocket, round_tree, star

WHITE = (255, 255, 255)


def _eyes(c: Canvas, x: float, y: float, size: float, look: float, lid: Colour) -> None:
    for side in (-1, 1):
        c.oval(x + side * size * 1.12, y, size, size * 1.12, lid)
        c.oval(x + side * size * 1.12, y, size * 0.9, size * 1.02, WHITE)
        c.disc(x + side * size * 1.12 + look * size * 0.35, y + size * 0.1, size * 0.5, (24, 20, 40))
        c.disc(x + side * size * 1.12 + look * size * 0.35 - size * 0.16, y - size * 0.12, size * 0.16, WHITE)


def round_monster(c: Canvas, p: Palette, r: Random) -> str:
    """A round, pleased creature among smaller ones."""
    c.sky(p.top, p.low)
    for _ in range(5):
        x, y = r.uniform(0, 600), r.uniform(200, 430)
        for dx, size in ((-38, 24), (0, 36), (38, 26)):
            c.disc(x + dx, y, size, see_through(WHITE, 0.75))
    c.blob([(-60, 910), (-60, 690), (200, 610), (420, 690), (660, 610), (660, 910)], p.far)
    edge = p.near
    for x, y, size, skin in ((300, 600, 185, p.accent), (100, 735, 78, p.mid), (500, 745, 90, p.glow)):
        look = r.uniform(-1, 1)
        for side in (-1, 1):
            c.limb(
                (x + side * size * 0.5, y - size * 0.7),
                (x + side * size * 0.75, y - size * 1.28),
                size * 0.16,
                size * 0.1,
                edge,
            )
            c.disc(x + side * size * 0.75, y - size * 1.28, size * 0.15, edge)
            c.disc(x + side * size * 0.75, y - size * 1.28, size * 0.1, p.glow)
        body = [
            (x - size, y + size),
            (x - size * 1.08, y - size * 0.6),
            (x, y - size * 1.3),
            (x + size * 1.08, y - size * 0.6),
            (x + size, y + size),
        ]
        c.blob([(x + (px - x) * 1.05, y + (py - y) * 1.05) for px, py in body], edge)
        c.blob(body, skin)
        c.oval(x, y + size * 0.42, size * 0.5, size * 0.38, mix(skin, WHITE, 0.4))
        _eyes(c, x, y - size * 0.35, size * 0.26, look, edge)
        c.wedge(x, y + size * 0.05, size * 0.3, (0, 180), edge)
        c.wedge(x, y + size * 0.24, size * 0.13, (0, 180), (255, 120, 140))
    c.blob([(-60, 910), (-60, 800), (180, 770), (430, 830), (660, 780), (660, 910)], p.mid)
    return "top"


def robot_friend(c: Canvas, p: Palette, r: Random) -> str:
    """A friendly robot holding up a star."""
    c.sky(p.top, p.low)
    c.rays(300, 420, 14, see_through(WHITE, 0.22), r.uniform(0, 1))
    metal, edge = mix(p.mid, WHITE, 0.35), p.near
    for side in (-1, 1):
        c.limb((300 + side * 110, 560), (300 + side * 190, 500 if side > 0 else 660), 42, 36, edge)
        c.limb((300 + side * 110, 560), (300 + side * 190, 500 if side > 0 else 660), 30, 26, metal)
        c.box(300 + side * 55 - 34, 700, 300 + side * 55 + 34, 820, edge, 16)
        c.box(300 + side * 55 - 26, 700, 300 + side * 55 + 26, 812, metal, 12)
    c.limb((490, 500), (505, 400), 36, 26, edge)
    c.limb((490, 500), (505, 400), 26, 18, metal)
    c.box(172, 500, 428, 730, edge, 44)
    c.box(182, 510, 418, 720, p.accent, 38)
    c.disc(300, 610, 54, edge)
    c.disc(300, 610, 45, p.glow)
    star(c, 300, 612, 32, p.accent)
    c.box(160, 300, 440, 490, edge, 60)
    c.box(171, 311, 429, 479, metal, 52)
    c.box(196, 340, 404, 450, p.near, 38)
    for side in (-1, 1):
        c.disc(300 + side * 52, 388, 26, p.glow)
        c.disc(300 + side * 52, 388, 12, p.near)
    c.arc(300, 408, 26, 20, (20, 160), p.glow, 6)
    c.limb((300, 305), (300, 260), 12, 8, edge)
    c.disc(300, 250, 18, p.accent)
    star(c, 505, 350, 62, edge)
    star(c, 505, 350, 50, p.glow)
    c.blob([(-60, 910), (-60, 810), (200, 800), (420, 830), (660, 790), (660, 910)], p.far)
    return "top"


def floating_islands(c: Canvas, p: Palette, r: Random) -> str:
    """Islands in the air joined by a rainbow."""
    c.sky(p.top, p.low, WHITE)
    for i, paint in enumerate((p.accent, p.glow, p.far, p.mid)):
        c.arc(300, 640, 330 - 20 * i, 300 - 20 * i, (180, 360), paint, 20)
    for x, y, wide in ((150.0, 640.0, 150), (455.0, 560.0, 125), (320.0, 760.0, 185)):
        y += r.uniform(-18, 18)
        c.blob(
            [
                (x - wide, y),
                (x - wide * 0.5, y + wide * 0.75),
                (x, y + wide * 1.1),
                (x + wide * 0.5, y + wide * 0.7),
                (x + wide, y),
            ],
            p.near,
        )
        c.blob(
            [(x - wide, y + 16), (x - wide * 0.9, y - 22), (x + wide * 0.9, y - 22), (x + wide, y + 16)],
            p.far,
        )
        round_tree(c, x - wide * 0.4, y - 10, wide * 0.75, p.mid, p.near)
        if wide > 140:
            house(c, x + wide * 0.25, y - 8, wide * 0.75, p.accent, p.glow)
    for _ in range(8):
        x, y = r.uniform(0, 600), r.uniform(260, 860)
        for dx, size in ((-24, 15), (0, 23), (24, 16)):
            c.disc(x + dx, y, size, see_through(WHITE, 0.8))
    return "top"


def kite_hill(c: Canvas, p: Palette, r: Random) -> str:
    """A child and a dog on a hill, a kite above."""
    c.sky(p.top, p.low)
    c.disc(r.choice([90, 510]), 240, 62, p.glow)
    for _ in range(4):
        x, y = r.uniform(0, 600), r.uniform(230, 460)
        for dx, size in ((-34, 20), (0, 30), (34, 22)):
            c.disc(x + dx, y, size, see_through(WHITE, 0.85))
    c.blob([(-90, 920), (-90, 640), (160, 560), (430, 700), (690, 600), (690, 920)], p.far)
    c.blob([(-90, 920), (-90, 760), (230, 650), (460, 720), (690, 780), (690, 920)], p.mid)
    side = r.choice([-1, 1])
    kx, ky = 300 + side * 130, 400
    c.line([(300 - side * 50, 655), (300 + side * 50, 560), (kx, ky + 60)], p.near, 1.8)
    c.shape([(kx, ky - 92), (kx + 62, ky - 10), (kx, ky + 72), (kx - 62, ky - 10)], p.accent)
    c.shape([(kx, ky - 92), (kx + 62, ky - 10), (kx, ky - 10)], p.glow)
    c.shape([(kx - 62, ky - 10), (kx, ky - 10), (kx, ky + 72)], p.glow)
    for i in range(5):
        tx, ty = kx + 16 * math.sin(i * 1.4) + side * 12 * i, ky + 90 + 24 * i
        c.shape([(tx - 12, ty - 7), (tx, ty), (tx - 12, ty + 7)], p.accent)
        c.shape([(tx + 12, ty - 7), (tx, ty), (tx + 12, ty + 7)], p.accent)
    person(c, 300 - side * 60, 725, 105, p.near, r.choice(["coat", "gown"]))
    dog(c, 300 + side * 40, 728, 56, p.near, side < 0)
    return "top"


def toy_rocket(c: Canvas, p: Palette, r: Random) -> str:
    """A cardboard rocket leaving a garden."""
    c.sky(p.top, p.low)
    for _ in range(16):
        star(c, r.uniform(20, 580), r.uniform(190, 560), r.uniform(7, 17), p.glow, 5, 0.45, r.uniform(0, 1))
    x = 300 + r.uniform(-40, 40)
    for i in range(12):
        c.disc(x + r.uniform(-1, 1) * (20 + 13 * i), 640 + 17 * i, 26 + 5 * i, see_through(WHITE, 0.8))
    rocket(c, x, 640, 330, p.accent, p.accent if p.glow == WHITE else p.mid, p.glow)
    c.disc(x, 442, 30, p.near)
    c.disc(x, 442, 24, p.glow)
    c.blob([(-60, 920), (-60, 800), (180, 760), (430, 815), (660, 770), (660, 920)], p.mid)
    house(c, 85, 800, 130, p.near, p.glow)
    round_tree(c, 520, 815, 150, p.far, p.near)
    return "top"


def balloon_parade(c: Canvas, p: Palette, r: Random) -> str:
    """Hot-air balloons over patchwork hills."""
    c.sky(p.top, p.low)
    c.disc(300, 560, 95, p.glow)
    for x, y, size in ((130, 480, 190), (475, 440, 160), (315, 610, 290)):
        skin, stripe = r.sample([p.accent, p.glow, p.mid, p.far, WHITE], 2)
        balloon(c, x + r.uniform(-20, 20), y + r.uniform(-25, 25), size, skin, stripe, p.near)
    for i, paint in enumerate((p.far, p.mid, p.near)):
        y = 660 + 70 * i
        c.blob(
            [
                (-90, 930),
                (-90, y + r.uniform(-40, 40)),
                (150, y - 40),
                (420, y + 50),
                (690, y + r.uniform(-50, 20)),
                (690, 930),
            ],
            paint,
        )
        for _ in range(5 - i):
            round_tree(c, r.uniform(10, 590), y + 55, 46 + 14 * i, mix(paint, p.near, 0.45), p.near)
    return "top"
