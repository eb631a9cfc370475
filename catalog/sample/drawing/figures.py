"""Persons and beasts in one flat colour, for the scenes to be peopled with.

Each is placed by its foot: ``x`` is its middle, ``y`` the ground it stands on, ``size`` its height in pixels.
"""

from random import Random

from catalog.sample.drawing.canvas import Canvas, Paint, Point


def placed(points: list[Point], x: float, y: float, size: float, flip: bool = False) -> list[Point]:
    side = -1 if flip else 1
    return [(x + side * size * px, y + size * py) for px, py in points]


def _mirrored(half: list[Point]) -> list[Point]:
    return half + [(-px, py) for px, py in reversed(half)]


_COAT = _mirrored(
    [
        (0.03, -0.87), (0.05, -0.84), (0.12, -0.81), (0.15, -0.68), (0.16, -0.47), (0.12, -0.45),
        (0.115, -0.62), (0.11, -0.5), (0.14, -0.26), (0.08, -0.25), (0.075, -0.02), (0.09, 0.0),
        (0.02, 0.0), (0.01, -0.24),
    ]
)  # fmt: skip
_GOWN = _mirrored(
    [
        (0.025, -0.86), (0.04, -0.83), (0.09, -0.81), (0.11, -0.7), (0.12, -0.5), (0.09, -0.5),
        (0.075, -0.66), (0.055, -0.6), (0.12, -0.4), (0.18, -0.2), (0.05, -0.19), (0.04, -0.02), (0.06, 0.0),
        (0.015, 0.0), (0.01, -0.19),
    ]
)  # fmt: skip


def person(c: Canvas, x: float, y: float, size: float, paint: Paint, wear: str = "coat") -> None:
    """Somebody standing; ``wear`` names clothes and hat: coat, hat, gown, helmet."""
    c.shape(placed(_GOWN if wear == "gown" else _COAT, x, y, size), paint)
    c.oval(x, y - 0.92 * size, 0.055 * size, 0.07 * size, paint)
    if wear == "gown":
        c.disc(x - 0.03 * size, y - 0.985 * size, 0.035 * size, paint)
    if wear == "hat":
        c.oval(x, y - 0.965 * size, 0.115 * size, 0.022 * size, paint)
        c.shape(
            placed([(-0.06, -0.965), (-0.05, -1.04), (0, -1.03), (0.05, -1.04), (0.06, -0.965)], x, y, size),
            paint,
        )
    if wear == "helmet":
        c.wedge(x, y - 0.945 * size, 0.085 * size, (180, 360), paint)
        c.limb(
            (x + 0.1 * size, y - 0.5 * size),
            (x + 0.17 * size, y - 1.02 * size),
            0.03 * size,
            0.015 * size,
            paint,
        )


def runner(c: Canvas, x: float, y: float, size: float, paint: Paint, flip: bool = False) -> None:
    """Somebody running, leaning forward."""
    joints = {
        "head": (0.13, -0.92), "neck": (0.09, -0.8), "hip": (-0.02, -0.47), "knee": (0.2, -0.38),
        "foot": (0.13, -0.13), "toe": (0.21, -0.12), "back": (-0.12, -0.24), "heel": (-0.36, -0.2),
        "tip": (-0.4, -0.12), "elbow": (0.24, -0.62), "hand": (0.33, -0.76), "rear": (-0.12, -0.68),
        "fist": (-0.17, -0.5),
    }  # fmt: skip
    p = dict(zip(joints, placed(list(joints.values()), x, y, size, flip), strict=True))
    c.oval(*p["head"], 0.06 * size, 0.07 * size, paint)
    for start, end, thick, thin in (
        ("neck", "hip", 0.19, 0.14), ("hip", "knee", 0.13, 0.09), ("knee", "foot", 0.09, 0.05),
        ("foot", "toe", 0.05, 0.03), ("hip", "back", 0.13, 0.09), ("back", "heel", 0.09, 0.05),
        ("heel", "tip", 0.05, 0.03), ("neck", "elbow", 0.09, 0.06), ("elbow", "hand", 0.06, 0.04),
        ("neck", "rear", 0.09, 0.06), ("rear", "fist", 0.06, 0.04),
    ):  # fmt: skip
        c.limb(p[start], p[end], thick * size, thin * size, paint)


def rider(c: Canvas, x: float, y: float, size: float, paint: Paint, flip: bool = False) -> None:
    """A rider in a broad hat on a walking horse."""
    body = [
        (-0.36, -0.55),
        (-0.2, -0.6),
        (0.12, -0.58),
        (0.3, -0.62),
        (0.42, -0.84),
        (0.48, -0.9),
        (0.52, -0.84),
    ]
    body += [
        (0.66, -0.68),
        (0.64, -0.62),
        (0.54, -0.66),
        (0.46, -0.62),
        (0.36, -0.42),
        (0.24, -0.33),
        (-0.22, -0.34),
    ]
    c.blob(placed([*body, (-0.38, -0.42)], x, y, size, flip), paint)
    legs = ((0.28, 0.34, 0.3), (0.2, 0.12, 0.16), (-0.24, -0.2, -0.26), (-0.32, -0.4, -0.36))
    for hip, knee, hoof in legs:
        a, b, d = placed([(hip, -0.4), (knee, -0.2), (hoof, 0)], x, y, size, flip)
        c.limb(a, b, 0.1 * size, 0.045 * size, paint)
        c.limb(b, d, 0.045 * size, 0.035 * size, paint)
    tail = placed([(-0.37, -0.53), (-0.46, -0.22)], x, y, size, flip)
    c.limb(tail[0], tail[1], 0.04 * size, 0.07 * size, paint)
    spine = placed([(0.02, -0.6), (0.04, -0.9), (0.06, -1.0), (0.06, -1.04)], x, y, size, flip)
    c.limb(spine[0], spine[1], 0.15 * size, 0.17 * size, paint)
    c.disc(*spine[2], 0.055 * size, paint)
    c.oval(spine[3][0], spine[3][1], 0.14 * size, 0.02 * size, paint)
    c.box(
        spine[3][0] - 0.06 * size, spine[3][1] - 0.08 * size, spine[3][0] + 0.06 * size, spine[3][1], paint, 3
    )
    leg = placed([(0.04, -0.56), (0.1, -0.4), (0.06, -0.26)], x, y, size, flip)
    c.limb(leg[0], leg[1], 0.1 * size, 0.07 * size, paint)
    c.limb(leg[1], leg[2], 0.07 * size, 0.04 * size, paint)


def bird(c: Canvas, x: float, y: float, size: float, paint: Paint) -> None:
    """A distant bird, as two wing strokes; ``size`` is its span."""
    wings = [
        (-0.5, -0.16),
        (-0.26, -0.26),
        (0, 0),
        (0.26, -0.26),
        (0.5, -0.16),
        (0.25, -0.17),
        (0, 0.12),
        (-0.25, -0.17),
    ]
    c.shape(placed(wings, x, y, size), paint)


def hand(c: Canvas, x: float, y: float, size: float, paint: Paint, random: Random) -> None:
    """A hand with long spread fingers reaching up from below ``y``."""
    c.limb((x, y + size * 0.6), (x, y - 0.2 * size), 0.2 * size, 0.15 * size, paint)
    palm = [(-0.07, -0.1), (-0.17, -0.3), (-0.15, -0.52), (0.15, -0.52), (0.17, -0.3), (0.07, -0.1)]
    c.blob(placed(palm, x, y, size), paint)
    for base, tip, length in (
        (-0.11, -0.31, 0.86),
        (-0.04, -0.1, 1.0),
        (0.04, 0.12, 0.97),
        (0.11, 0.32, 0.82),
    ):
        bend = random.uniform(-0.03, 0.03)
        middle, end = placed([((base + tip) / 2 + bend, -(0.48 + length) / 2), (tip, -length)], x, y, size)
        c.limb((x + base * size, y - 0.46 * size), middle, 0.075 * size, 0.06 * size, paint)
        c.disc(*middle, 0.034 * size, paint)
        c.limb(middle, end, 0.058 * size, 0.022 * size, paint)
    root, knuckle, end = placed([(-0.11, -0.24), (-0.31, -0.42), (-0.36, -0.6)], x, y, size)
    c.limb(root, knuckle, 0.1 * size, 0.062 * size, paint)
    c.limb(knuckle, end, 0.06 * size, 0.024 * size, paint)


def cat(c: Canvas, x: float, y: float, size: float, paint: Paint) -> None:
    """A cat sitting with its back to us, its tail curled aside."""
    c.blob(
        placed([(-0.3, 0), (-0.3, -0.3), (-0.14, -0.62), (0.14, -0.62), (0.3, -0.3), (0.3, 0)], x, y, size),
        paint,
    )
    c.oval(x, y - 0.7 * size, 0.19 * size, 0.16 * size, paint)
    for side in (-1, 1):
        c.shape(placed([(side * 0.18, -0.72), (side * 0.17, -0.97), (side * 0.03, -0.82)], x, y, size), paint)
    c.arc(x + 0.4 * size, y - 0.16 * size, 0.22 * size, 0.18 * size, (-30, 180), paint, 0.07 * size)


def dog(c: Canvas, x: float, y: float, size: float, paint: Paint, flip: bool = False) -> None:
    """A terrier standing, tail up."""
    body = [
        (-0.45, -0.58),
        (0.25, -0.6),
        (0.42, -0.95),
        (0.62, -0.95),
        (0.85, -0.78),
        (0.84, -0.68),
        (0.58, -0.64),
    ]
    c.blob(placed([*body, (0.45, -0.3), (-0.42, -0.3)], x, y, size, flip), paint)
    for leg in (-0.38, -0.24, 0.26, 0.4):
        a, b = placed([(leg, -0.4), (leg, -0.03)], x, y, size, flip)
        c.limb(a, b, 0.13 * size, 0.09 * size, paint)
    tail = placed([(-0.42, -0.52), (-0.58, -0.9)], x, y, size, flip)
    c.limb(tail[0], tail[1], 0.1 * size, 0.04 * size, paint)
    c.shape(placed([(0.42, -0.9), (0.4, -0.62), (0.54, -0.72)], x, y, size, flip), paint)
