"""Scenes for looking: drama, and the documentary's view of the world."""

import math
from random import Random

import numpy as np
from PIL import Image

from catalog.sample.drawing.canvas import HEIGHT, SCALE, WIDTH, Canvas, mix, see_through
from catalog.sample.drawing.figures import bird, person
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import bare_tree, house, round_tree

WHITE = (255, 255, 255)


def lone_figure(c: Canvas, p: Palette, r: Random) -> str:
    """Somebody small in a wide field."""
    c.sky(p.top, p.low)
    c.fog(r, 420, 200, p.glow, 0.4)
    x = r.choice([150, 220, 390, 460])
    c.glow(600 - x, 560, 260, p.glow, 0.8)
    c.ridge(r, 660, 22, p.far)
    c.ridge(r, 700, 16, p.mid)
    for _ in range(330):
        gx, gy = r.uniform(0, 600), r.uniform(715, 900)
        c.line(
            [(gx, gy), (gx + r.uniform(-4, 8), gy - r.uniform(8, 26))],
            see_through(r.choice([p.accent, p.near, p.far]), 0.5),
            1.4,
        )
    person(c, x, 770, 165, p.near, r.choice(["coat", "gown", "hat"]))
    if r.random() < 0.6:
        bare_tree(c, r, 600 - x + r.uniform(-30, 30), 720, 260, p.near)
    return "top"


def empty_chair(c: Canvas, p: Palette, r: Random) -> str:
    """An empty chair in window light."""
    c.sky(p.mid, p.far)
    c.box(0, 690, 600, 910, mix(p.mid, p.near, 0.45))
    side = r.choice([-1, 1])
    wx = 300 - side * 120
    c.box(wx - 98, 225, wx + 98, 520, mix(p.glow, p.low, 0.3))
    c.glow(wx, 370, 280, p.glow, 0.65)
    for dx in (-98, 0, 98):
        c.line([(wx + dx, 225), (wx + dx, 520)], p.near, 8)
    for yy in (225, 372, 520):
        c.line([(wx - 102, yy), (wx + 102, yy)], p.near, 8)
    c.shape(
        [
            (wx - 90 + side * 110, 700),
            (wx + 90 + side * 110, 700),
            (wx + 130 + side * 240, 905),
            (wx - 70 + side * 240, 905),
        ],
        see_through(p.glow, 0.5),
    )
    x = 300 + side * 110
    for dx, top in ((-58, 470), (58, 470), (-70, 655), (70, 655)):
        c.limb((x + dx, top), (x + dx * 1.06, 830 if abs(dx) > 60 else 790), 11, 8, p.near)
    c.shape([(x - 62, 640), (x + 62, 640), (x + 78, 672), (x - 78, 672)], p.near)
    for i in range(4):
        c.line([(x - 58, 482 + 38 * i), (x + 58, 482 + 38 * i)], p.near, 10)
    if r.random() < 0.5:
        c.box(x - 26, 622, x + 26, 640, p.accent, 4)
    return "top" if r.random() < 0.2 else "bottom"


def two_horizons(c: Canvas, p: Palette, r: Random) -> str:
    """Bands of land and water with one lit house."""
    c.sky(p.top, p.low)
    y = 470.0
    c.disc(r.uniform(150, 450), r.uniform(340, 420), r.uniform(36, 60), mix(p.glow, p.accent, 0.4))
    for i in range(6):
        c.ridge(r, y, 9 + 5 * i, mix(p.far, p.near, i / 5))
        y += 50 + 10 * i
        if i == 2:
            x = r.uniform(130, 470)
            house(c, x, y - 48, 92, p.near, p.glow)
            c.glow(x, y - 85, 92, p.glow, 0.5)
        c.fog(r, y - 24, 40, p.low, 0.35)
    for _ in range(4):
        bird(c, r.uniform(120, 480), r.uniform(260, 420), r.uniform(16, 28), p.near)
    return "top"


def rainy_window(c: Canvas, p: Palette, r: Random) -> str:
    """A blurred street through a wet pane, somebody looking out."""
    c.sky(p.mid, p.far, p.near)
    for _ in range(26):
        c.glow(
            r.uniform(0, 600),
            r.uniform(240, 760),
            r.uniform(30, 85),
            r.choice([p.glow, p.accent, p.low]),
            r.uniform(0.35, 0.8),
        )
    for _ in range(70):
        x, y = r.uniform(0, 600), r.uniform(0, 860)
        length = r.uniform(14, 110)
        c.limb((x, y), (x + r.uniform(-4, 4), y + length), 1, 4.5, see_through(WHITE, 0.22))
    side = r.choice([-1, 1])
    person(c, 300 + side * 120, 1240, 820, p.near, r.choice(["coat", "gown"]))
    c.line([(300, 0), (300, 910)], see_through(p.near, 0.85), 13)
    c.veil(640, 900, p.near, 0, 0.75)
    return "bottom"


def photograph(c: Canvas, p: Palette, r: Random) -> str:
    """What looks like a photograph of land and weather, in a broad white mount."""
    c.sky(mix(p.top, WHITE, 0.6), p.low)
    noise = np.random.default_rng(r.getrandbits(32))
    texture = np.zeros((150, 130))
    for cells in (3, 6, 12, 25, 50):
        layer = Image.fromarray(noise.random((cells, cells)).astype(np.float32))
        texture += np.asarray(layer.resize((130, 150), Image.Resampling.BICUBIC)) / cells**0.75
    texture = (texture - texture.min()) / np.ptp(texture)
    horizon = r.randrange(55, 95)
    land = np.linspace(0.25, 0.9, 150)[:, None] * np.ones((1, 130))
    land[:horizon] = np.linspace(0.1, 0.3, horizon)[:, None]
    tone = np.clip(land + (texture - 0.5) * np.where(np.arange(150) < horizon, 0.35, 0.75)[:, None], 0, 1)
    stops = np.array([p.glow, p.low, p.far, p.mid, p.near, p.near], dtype=float)
    picture = np.stack([np.interp(tone * 5, range(6), stops[:, band]) for band in range(3)], axis=-1)
    mount = Image.fromarray(picture.astype(np.uint8)).resize(
        (520 * SCALE, 560 * SCALE), Image.Resampling.BICUBIC
    )
    c.image.paste(mount, (40 * SCALE, 40 * SCALE))
    x = r.uniform(140, 460)
    foot = 40 + 560 * horizon / 150 + r.uniform(40, 160)
    person(c, x, foot, (foot - 200) * 0.22, p.near, r.choice(["coat", "hat"]))
    return "mount"


def contours(c: Canvas, p: Palette, r: Random) -> str:
    """Survey contours round a hill, one path marked."""
    c.sky(mix(p.top, WHITE, 0.4), mix(p.low, WHITE, 0.4))
    cx, cy = r.uniform(200, 400), r.uniform(300, 430)
    waves = [(r.uniform(0.05, 0.16), r.randrange(2, 6), r.uniform(0, 6)) for _ in range(3)]
    for i in range(22, 0, -1):
        radius = 19 * i
        curve = []
        for k in range(73):
            a = math.tau * k / 72
            reach = radius * (1 + sum(size * math.sin(n * a + shift + 0.05 * i) for size, n, shift in waves))
            curve.append((cx + reach * math.cos(a), cy + reach * math.sin(a)))
        c.shape(curve, mix(mix(p.low, WHITE, 0.5), p.far, max(0.0, 0.95 - i / 20)))
        c.line(curve, see_through(p.mid if i % 5 else p.near, 0.8), 2.6 if i % 5 == 0 else 1.2)
    path = [(cx + (40 + 7 * i) * math.cos(i / 6), cy + (20 + 8 * i) * math.sin(i / 9)) for i in range(46)]
    c.line(path, p.accent, 6)
    c.disc(*path[0], 12, p.accent)
    c.veil(590, 900, mix(p.low, WHITE, 0.6), 0, 1)
    return "foot"


def contact_sheet(c: Canvas, p: Palette, r: Random) -> str:
    """A grid of small frames, one of them circled."""
    c.sky(mix(p.top, WHITE, 0.7), mix(p.low, WHITE, 0.7))
    chosen = r.randrange(12)
    for i in range(12):
        x, y = 48 + 172 * (i % 3), 48 + 140 * (i // 3)
        c.box(x, y, x + 160, y + 126, p.near)
        shade = mix(p.far, p.mid, r.random())
        c.box(x + 5, y + 5, x + 155, y + 121, mix(shade, WHITE, 0.3))
        base = y + r.uniform(60, 90)
        c.shape(
            [
                (x + 5, base),
                (x + 50, base - r.uniform(0, 30)),
                (x + 110, base + 10),
                (x + 155, base - r.uniform(0, 25)),
                (x + 155, y + 121),
                (x + 5, y + 121),
            ],
            mix(shade, p.near, 0.4),
        )
        kind = r.randrange(4)
        if kind == 0:
            person(
                c,
                x + r.uniform(40, 120),
                y + 118,
                r.uniform(60, 90),
                p.near,
                r.choice(["coat", "gown", "hat"]),
            )
        elif kind == 1:
            round_tree(c, x + r.uniform(40, 120), y + 112, 70, mix(shade, p.near, 0.7), p.near)
        elif kind == 2:
            house(c, x + r.uniform(50, 110), y + 110, 70, p.near, p.glow)
        else:
            c.disc(x + r.uniform(40, 120), y + r.uniform(28, 50), 14, p.glow)
            bird(c, x + 80, y + 40, 30, p.near)
        if i == chosen:
            c.arc(x + 80, y + 63, 92, 74, (10, 352), p.accent, 6)
    return "foot"


def tree_rings(c: Canvas, p: Palette, r: Random) -> str:
    """A section of an old tree, dated."""
    paper = mix(p.low, WHITE, 0.6)
    c.sky(paper, paper)
    cx, cy = r.choice([0, 300, 600]), 330
    radius, waves = 470.0, [(r.uniform(0.01, 0.03), r.randrange(2, 7), r.uniform(0, 6)) for _ in range(3)]
    while radius > 8:
        curve = []
        for k in range(91):
            a = math.tau * k / 90
            reach = radius * (1 + sum(size * math.sin(n * a + shift) for size, n, shift in waves))
            curve.append((cx + reach * math.cos(a), cy + reach * math.sin(a) * 0.82))
        c.shape(curve, mix(mix(p.far, paper, 0.25), p.mid, r.uniform(0, 0.55)))
        c.line(curve, see_through(p.near, 0.55), r.uniform(0.8, 2.4))
        radius -= r.uniform(7, 21)
    c.line([(cx, cy), (300, HEIGHT * 0.42), (WIDTH * 0.75, 610)], p.accent, 3)
    c.disc(WIDTH * 0.75, 610, 7, p.accent)
    c.veil(610, 720, paper, 0, 1)
    c.box(0, 720, 600, 910, paper)
    return "foot"
