"""Scenes of things unexplained: crime, mystery and thriller."""

import math
from random import Random

from catalog.sample.drawing.canvas import HEIGHT, Canvas, mix, see_through
from catalog.sample.drawing.figures import person, runner
from catalog.sample.drawing.palettes import Palette
from catalog.sample.drawing.things import skyline


def fingerprint(c: Canvas, p: Palette, r: Random) -> str:
    """One enormous fingerprint, crossed out."""
    c.sky(p.top, p.mid)
    cx, cy, tilt = 300, 400, r.uniform(-0.2, 0.2)
    for i in range(1, 17):
        rx, ry = 12 * i, 17 * i
        gap = r.uniform(0, 360)
        c.arc(
            cx + tilt * i * 9,
            cy + 3 * i,
            rx,
            ry,
            (gap, gap + r.uniform(250, 330)),
            mix(p.accent, p.glow, r.random() * 0.3),
            6,
        )
    c.line([(50, 215 + r.uniform(-30, 30)), (550, 600)], p.near, 26)
    c.line([(50, 225), (550, 600)], see_through(p.glow, 0.9), 3)
    return "bottom"


def night_city(c: Canvas, p: Palette, r: Random) -> str:
    """Lit towers, a red diagonal, a man running for it."""
    c.sky(p.top, p.low, p.accent)
    c.glow(r.uniform(120, 480), 520, 330, p.accent, 0.5)
    skyline(c, r, 700, 430, p.far, see_through(p.glow, 0.35))
    skyline(c, r, 740, 280, p.mid, p.glow)
    flip = r.random() < 0.5
    c.shape(
        [(-10, 720), (610, 640), (610, 910), (-10, 910)]
        if flip
        else [(-10, 640), (610, 720), (610, 910), (-10, 910)],
        p.accent,
    )
    runner(c, 300, 850, 230, p.near, flip)
    c.shape([(320, 850), (560 if not flip else 60, 905), (250, 905)], see_through(p.near, 0.45))
    return "top"


def playing_cards(c: Canvas, p: Palette, r: Random) -> str:
    """A fanned hand of cards with a hole shot through."""
    c.sky(p.mid, p.top)
    c.glow(300, 420, 400, p.accent, 0.5)
    for i in range(5):
        a = math.radians(-32 + 16 * i)
        cos, sin = math.cos(a), math.sin(a)

        def at(px: float, py: float, cos: float = cos, sin: float = sin) -> tuple[float, float]:
            return 300 + px * cos - py * sin, 760 + px * sin + py * cos

        c.shape([at(-92, -520), at(92, -520), at(92, -250), at(-92, -250)], p.near)
        c.shape([at(-88, -516), at(88, -516), at(88, -254), at(-88, -254)], p.glow)
        paint = p.accent if i % 2 else p.near
        c.shape([at(0, -440), at(38, -385), at(0, -330), at(-38, -385)], paint)
        c.shape([at(-70, -504), at(-58, -488), at(-70, -472), at(-82, -488)], paint)
    x, y = r.uniform(260, 340), r.uniform(340, 400)
    for i in range(11):
        a = math.tau * i / 11 + r.uniform(-0.2, 0.2)
        reach = r.uniform(40, 110)
        c.limb((x, y), (x + reach * math.cos(a), y + reach * math.sin(a)), 5, 0.6, p.near)
    c.disc(x, y, 19, p.near)
    return "bottom"


def keyhole(c: Canvas, p: Palette, r: Random) -> str:
    """A lit keyhole with somebody on the other side."""
    c.sky(p.mid, p.near)
    for _ in range(26):
        x = r.uniform(0, 600)
        c.line([(x, -5), (x + r.uniform(-14, 14), 450), (x, 905)], see_through(p.far, 0.35), r.uniform(1, 6))
    c.glow(300, 420, 430, p.accent, 0.7)
    c.disc(300, 330, 168, p.near)
    c.shape([(240, 380), (360, 380), (425, 690), (175, 690)], p.near)
    c.disc(300, 330, 150, p.accent)
    c.shape([(250, 400), (350, 400), (406, 676), (194, 676)], p.accent)
    c.glow(300, 350, 150, p.glow, 0.95)
    person(c, 300, 640, 300, p.near, r.choice(["hat", "gown", "coat"]))
    return "bottom"


def magnifying_glass(c: Canvas, p: Palette, r: Random) -> str:
    """A lens over footprints, larger and brighter within it."""
    c.sky(p.low, p.mid, p.near)
    steps = [(120 + 52 * i + 26 * (i % 2), 790 - 70 * i) for i in range(10)]

    def prints(scale: float, paint: tuple[int, int, int]) -> None:
        for x, y in steps:
            c.oval(x, y, 15 * scale, 25 * scale, paint)
            c.oval(x - 4, y + 36 * scale, 10 * scale, 10 * scale, paint)

    prints(1.0, p.near)
    x, y = r.uniform(280, 330), r.uniform(390, 440)
    c.limb((x + 120, y + 125), (x + 235, y + 265), 40, 46, p.near)
    c.disc(x, y, 182, p.near)
    c.disc(x, y, 160, p.accent)
    c.glow(x - 40, y - 50, 190, p.glow, 0.95)
    for px, py in ((x - 40, y + 35), (x + 42, y - 62)):
        c.oval(px, py, 29, 50, p.near)
        c.oval(px - 8, py + 72, 20, 20, p.near)
    c.arc(x, y, 138, 138, (200, 260), see_through((255, 255, 255), 0.7), 7)
    return "bottom" if r.random() < 0.3 else "top"


def door_ajar(c: Canvas, p: Palette, r: Random) -> str:
    """Light spilling from a half-open door."""
    c.sky(p.near, p.mid)
    x = r.uniform(250, 350)
    c.shape([(x - 65, 640), (x + 65, 640), (x + 260, 905), (x - 260, 905)], see_through(p.accent, 0.75))
    c.box(x - 95, 225, x + 95, 646, p.near)
    c.box(x - 80, 240, x + 80, 640, p.glow)
    c.glow(x, 430, 320, p.accent, 0.6)
    c.shape([(x + 80, 240), (x + 5, 285), (x + 5, 690), (x + 80, 640)], mix(p.near, p.far, 0.5))
    c.disc(x + 19, 480, 6, p.glow)
    person(c, x - 38, 642, 290, p.near, r.choice(["coat", "gown", "hat"]))
    c.shape([(x - 65, 645), (x - 15, 645), (x - 60, 905), (x - 200, 905)], see_through(p.near, 0.6))
    return "bottom"


def spiral(c: Canvas, p: Palette, r: Random) -> str:
    """A falling figure in the eye of a spiral."""
    c.sky(p.low, p.mid)
    turn, spin = r.uniform(0, 6), r.choice([-1, 1])
    cx, cy = 300, 440
    points = []
    for i in range(420):
        a = turn + spin * i * 0.105
        radius = 1.55 * i
        points.append((cx + radius * math.cos(a), cy + radius * math.sin(a)))
    for width, paint in ((30, p.near), (9, p.accent)):
        for i in range(0, 400, 10):
            c.line(points[i : i + 12], paint, 2 + width * i / 400)
    c.disc(cx, cy, 54, p.accent)
    runner(c, cx, cy + 44, 88, p.near, spin < 0)
    c.veil(640, 900, p.near, 0, 0.85)
    return "bottom"


def corridor(c: Canvas, p: Palette, r: Random) -> str:
    """A corridor in steep perspective with somebody waiting at its end."""
    c.sky(p.near, p.near)
    vx, vy = 300 + r.uniform(-50, 50), 400
    for i in range(10):
        s, t = 0.08 * 1.42**i, 0.08 * 1.42 ** (i + 1)
        shade = mix(p.low, p.near, i / 8) if i % 2 else mix(p.far, p.near, i / 8)
        for sx in (-1, 1):
            near, far = 420 * sx, 420 * sx
            c.shape(
                [
                    (vx + far * s, vy - 520 * s),
                    (vx + near * t, vy - 520 * t),
                    (vx + near * t, vy + 620 * t),
                    (vx + far * s, vy + 620 * s),
                ],
                shade,
            )
        floor = mix(p.accent, p.near, i / 9) if i % 2 else mix(p.mid, p.near, i / 8)
        c.shape(
            [
                (vx - 420 * s, vy + 620 * s),
                (vx + 420 * s, vy + 620 * s),
                (vx + 420 * t, vy + 620 * t),
                (vx - 420 * t, vy + 620 * t),
            ],
            floor,
        )
        c.shape(
            [
                (vx - 420 * s, vy - 520 * s),
                (vx + 420 * s, vy - 520 * s),
                (vx + 420 * t, vy - 520 * t),
                (vx - 420 * t, vy - 520 * t),
            ],
            mix(shade, p.glow, 0.15 * (i % 2)),
        )
    c.box(vx - 34, vy - 42, vx + 34, vy + 50, p.glow)
    c.glow(vx, vy, 210, p.glow, 0.85)
    person(c, vx, vy + 130, 175, p.near, r.choice(["coat", "hat"]))
    c.veil(640, 900, p.near, 0, 0.9)
    return "bottom"


def crosshair(c: Canvas, p: Palette, r: Random) -> str:
    """A crowded square seen through a sight."""
    c.sky(p.low, p.mid)
    people = [(r.uniform(-10, 610), 210 + 24 * i + r.uniform(-8, 8)) for i in range(30)]
    for x, y in sorted(people, key=lambda place: place[1]):
        person(
            c,
            x,
            y + 80,
            90 + y * 0.13,
            mix(p.near, p.far, r.uniform(0.1, 0.9)),
            r.choice(["coat", "gown", "hat"]),
        )
    x, y = r.uniform(230, 370), r.uniform(380, 460)
    person(c, x, y + 130, 190, p.accent, "coat")
    for radius, width in ((150, 5), (95, 2.5), (210, 14)):
        c.ring(x, y, radius, p.near if radius == 210 else p.ink, width)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        c.line([(x + dx * 30, y + dy * 30), (x + dx * 205, y + dy * 205)], p.ink, 2.5)
    c.veil(0, 230, p.near, 0.85, 0)
    c.veil(600, 900, p.near, 0, 0.95)
    return "bottom" if r.random() < 0.5 else "top"


def shards(c: Canvas, p: Palette, r: Random) -> str:
    """Splintered glass over half a face of light."""
    c.sky(p.mid, p.low, p.near)
    c.glow(300, 380, 300, p.accent, 0.8)
    person(c, 300, 900, 640, p.near, r.choice(["coat", "gown"]))
    x, y = r.uniform(240, 360), r.uniform(330, 430)
    angles = sorted(r.uniform(0, math.tau) for _ in range(15))
    for a, b in zip(angles, [*angles[1:], angles[0] + math.tau], strict=True):
        m, reach = (a + b) / 2, r.uniform(120, 700)
        inner = r.uniform(15, 70)
        corners = [(x + inner * math.cos(m), y + inner * math.sin(m))]
        corners += [(x + reach * math.cos(t), y + reach * math.sin(t)) for t in (a, b)]
        c.shape(corners, see_through(r.choice([p.glow, p.accent, p.far, p.near]), r.uniform(0.12, 0.4)))
        c.line(corners[:2], see_through(p.glow, 0.6), 1.4)
    c.veil(660, HEIGHT, p.near, 0, 0.9)
    return "bottom"
