"""Objects of streets. Each function builds one object in a frame on the ground; x is its right, y its front."""

from __future__ import annotations

import math

from depthlib.scenes import materials as m
from depthlib.scenes.classes import class_id
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import CONE, ELLIPSOID, Frame, Material, taper


def label(name: str) -> int:
    return class_id("streets", name)


def car(f: Frame, dice: Dice) -> None:
    """Nose towards +y. A lower body, a rounded cabin, four wheels, lights and plates."""
    paint, rubber, steel = m.car_paint(dice), m.plain(dice, "1e1e20"), m.plain(dice, "9a9c9e")
    length, width = dice.uniform(3.7, 4.7), dice.uniform(1.68, 1.85)
    tall = dice.uniform(0.95, 1.25) if dice.chance(0.75) else dice.uniform(1.3, 1.6)
    base, belt = 0.27, 0.84
    f.box((0, 0, (base + belt) / 2), (width, length - 0.36, belt - base), paint)
    for end in (-1, 1):  # rounded nose and tail
        f.round(
            (0, end * (length / 2 - 0.24), (base + belt) / 2),
            (width - 0.02, 0.52, belt - base - 0.02),
            paint,
            along="x",
        )
    cabin_length = length * dice.uniform(0.56, 0.68)
    f.round(
        (0, -length * dice.uniform(0.04, 0.1), belt - 0.05),
        (width - 0.16, cabin_length, tall),
        m.cabin(paint),
        along="x",
    )
    for y in (length * 0.31, -length * 0.31):
        for x in (-1, 1):
            f.round((x * (width / 2 - 0.09), y, 0.31), (0.22, 0.62, 0.62), rubber, along="x")
            f.round((x * (width / 2 - 0.08), y, 0.31), (0.24, 0.36, 0.36), steel, along="x")
    lamp, rear = m.plain(dice, "e8e8e0"), m.plain(dice, "b01818")
    for x in (-1, 1):
        f.box((x * (width / 2 - 0.24), length / 2 - 0.03, 0.66), (0.32, 0.1, 0.13), lamp)
        f.box((x * (width / 2 - 0.2), -length / 2 + 0.03, 0.68), (0.26, 0.1, 0.15), rear)
    for end in (-1, 1):
        f.box((0, end * (length / 2 + 0.015), 0.5), (0.5, 0.02, 0.12), m.plain(dice, "e9e6da"))
        f.box((0, end * (length / 2 - 0.08), 0.36), (width - 0.06, 0.2, 0.12), rubber)


def van(f: Frame, dice: Dice) -> None:
    """A delivery van: a tall body, a short bonnet, dark windows."""
    paint, rubber, glass = m.car_paint(dice), m.plain(dice, "1e1e20"), m.plain(dice, "23282d")
    length, width, tall = dice.uniform(4.8, 5.8), dice.uniform(1.9, 2.05), dice.uniform(2.0, 2.5)
    f.box((0, -0.45, 0.3 + (tall - 0.3) / 2), (width, length - 0.9, tall - 0.3), paint)
    f.box((0, length / 2 - 0.5, 0.68), (width - 0.08, 1.0, 0.76), paint)
    f.box((0, length / 2 - 0.895, tall * 0.7), (width - 0.24, 0.02, tall * 0.34), glass)
    f.box((0, length / 2 - 1.5, tall * 0.72), (width + 0.02, 0.8, tall * 0.27), glass)
    f.box((0, -length / 2 - 0.005, tall * 0.72), (width - 0.4, 0.02, tall * 0.26), glass)
    f.box((0, -length / 2 - 0.008, 1.0), (0.03, 0.02, tall - 0.9), rubber)
    for x in (-1, 1):
        for y in (length * 0.33, -length * 0.33):
            f.round((x * (width / 2 - 0.1), y, 0.34), (0.24, 0.68, 0.68), rubber, along="x")
        f.box((x * (width / 2 - 0.1), -length / 2 - 0.01, 0.85), (0.14, 0.03, 0.4), m.plain(dice, "b01818"))
        f.box((x * (width / 2 - 0.25), length / 2, 0.75), (0.32, 0.03, 0.2), m.plain(dice, "e8e8e0"))


def person(f: Frame, dice: Dice) -> None:
    height = dice.uniform(1.58, 1.88)
    s = height / 1.75
    trousers, jacket, skin = m.cloth(dice), m.cloth(dice), m.skin(dice)
    hair = m.plain(dice, dice.choice(("2a1d14", "4a3523", "8a6a40", "1a1a1c", "8d8b88")))
    stride = dice.uniform(0.0, 0.3)
    for side in (-1, 1):
        lean = side * stride
        leg = f.at(side * 0.09 * s, side * stride * 0.42 * s, 0.44 * s)
        leg.tilted(-lean).round((0, 0, 0), (0.18 * s, 0.19 * s, 0.9 * s), trousers, (0.72, 0.28, 0.0))
        f.box(
            (side * 0.09 * s, side * stride * 0.85 * s + 0.05, 0.04), (0.1 * s, 0.26 * s, 0.08), m.plain(dice, "2a2624")
        )
        f.at(side * 0.235 * s, -lean * 0.25, 1.13 * s).tilted(lean * 0.8).round(
            (0, 0, 0), (0.12 * s, 0.14 * s, 0.68 * s), jacket, ELLIPSOID
        )
    f.round((0, 0, 0.9 * s), (0.36 * s, 0.24 * s, 0.26 * s), trousers, ELLIPSOID)
    f.round((0, 0, 1.15 * s), (0.42 * s, 0.27 * s, 0.74 * s), jacket, ELLIPSOID)
    f.round((0, 0, 1.36 * s), (0.4 * s, 0.22 * s, 0.2 * s), jacket, ELLIPSOID)
    f.round((0, 0, 1.47 * s), (0.11 * s, 0.11 * s, 0.14 * s), skin)
    f.round((0, 0.01, 1.6 * s), (0.17 * s, 0.21 * s, 0.25 * s), skin, ELLIPSOID)
    f.round((0, -0.025 * s, 1.635 * s), (0.185 * s, 0.2 * s, 0.22 * s), hair, ELLIPSOID)
    if dice.chance(0.35):
        f.round((0, -0.17 * s, 1.2 * s), (0.3 * s, 0.2 * s, 0.42 * s), m.cloth(dice), ELLIPSOID)


def tree(f: Frame, dice: Dice) -> None:
    """A trunk and a crown of many leafy balls."""
    height, crown = dice.uniform(4.5, 8.5), dice.uniform(2.4, 4.2)
    trunk = height * dice.uniform(0.32, 0.45)
    f.round((0, 0, (trunk + 0.8) / 2), (height * 0.045, height * 0.045, trunk + 0.8), m.bark(dice), taper(0.6))
    leaf = m.leaves(dice, dice.uniform(0.22, 0.34))
    middle, tall = (trunk + height) / 2, height - trunk
    f.round((0, 0, middle), (crown * 0.72, crown * 0.72, tall * 0.8), leaf, ELLIPSOID)
    blobs = dice.integer(11, 15)
    for i in range(blobs):
        up = 2 * (i + 0.5) / blobs - 1
        a, out = 2.4 * i + dice.uniform(-0.4, 0.4), math.sqrt(max(0.0, 1 - up * up)) * crown * 0.36
        size = crown * dice.uniform(0.26, 0.48)
        f.round(
            (out * math.cos(a), out * math.sin(a), middle + up * tall * 0.36),
            (size, size, size * dice.uniform(0.7, 0.95)),
            leaf,
            ELLIPSOID,
        )


def conifer(f: Frame, dice: Dice) -> None:
    height, wide = dice.uniform(4.5, 9.0), dice.uniform(2.0, 3.2)
    f.round((0, 0, height * 0.1), (0.3, 0.3, height * 0.2), m.bark(dice))
    leaf = m.leaves(dice, 0.3)
    layers = 4
    for i in range(layers):
        low = height * (0.12 + 0.2 * i)
        size = wide * (1 - 0.2 * i)
        f.round((0, 0, low + height * 0.16), (size, size, height * 0.32), leaf, CONE)


def bush(f: Frame, dice: Dice, size: float) -> None:
    leaf = m.leaves(dice, 0.22)
    for i in range(4):
        a = 1.7 * i + dice.unit()
        r = size * dice.uniform(0.55, 0.85)
        f.round((size * 0.3 * math.cos(a), size * 0.3 * math.sin(a), r * 0.35), (r, r, r * 0.9), leaf, ELLIPSOID)


def street_lamp(f: Frame, dice: Dice, reach: float) -> None:
    """The arm reaches along +x."""
    metal, height = m.metal(dice), dice.uniform(5.0, 7.5)
    f.round((0, 0, 0.4), (0.22, 0.22, 0.8), metal)
    f.round((0, 0, height / 2), (0.13, 0.13, height), metal, taper(0.6))
    f.round((reach / 2, 0, height - 0.05), (reach, 0.07, 0.07), metal, along="x")
    f.box((reach, 0, height - 0.08), (0.6, 0.24, 0.12), m.plain(dice, "cfcfc8"))


def sign(f: Frame, dice: Dice) -> None:
    """A traffic sign; its face looks along -y."""
    metal, height = m.plain(dice, "9a9c9e"), dice.uniform(2.2, 2.7)
    f.round((0, 0, height / 2), (0.07, 0.07, height), metal)
    face = m.plain(dice, dice.choice(("b02020", "2050a0", "e8c020", "e8e8e4")))
    inner = m.plain(dice, dice.choice(("f0f0ee", "f0f0ee", "202024")))
    if dice.chance(0.6):
        f.round((0, -0.045, height - 0.3), (0.6, 0.03, 0.6), face, along="y")
        f.round((0, -0.062, height - 0.3), (0.42, 0.01, 0.42), inner, along="y")
    else:
        f.box((0, -0.045, height - 0.3), (0.6, 0.03, 0.6), face)
        f.box((0, -0.062, height - 0.3), (0.36, 0.01, 0.3), inner)


def traffic_light(f: Frame, dice: Dice) -> None:
    metal, dark = m.metal(dice), m.plain(dice, "1c1f1e")
    f.round((0, 0, 1.6), (0.12, 0.12, 3.2), metal)
    f.box((0, -0.1, 2.85), (0.3, 0.22, 0.86), dark)
    lit = dice.integer(0, 2)
    for i, colour in enumerate(("d03020", "e0a020", "30b060")):
        f.round(
            (0, -0.215, 3.12 - 0.27 * i),
            (0.19, 0.03, 0.19),
            m.plain(dice, colour if i == lit else "2a2a28", glow=1.2 * (i == lit)),
            along="y",
        )


def bollard(f: Frame, dice: Dice) -> None:
    f.round((0, 0, 0.45), (0.13, 0.13, 0.9), m.metal(dice), taper(0.8))
    f.round((0, 0, 0.9), (0.15, 0.15, 0.1), m.plain(dice, "d8d4c8"), ELLIPSOID)


def fence(f: Frame, dice: Dice, length: float, posts: int) -> None:
    """Rails along y between posts."""
    metal, height = m.metal(dice), dice.uniform(0.95, 1.2)
    for i in range(posts):
        f.round((0, length * (i / max(1, posts - 1) - 0.5), height / 2), (0.05, 0.05, height), metal)
    for z in (height - 0.04, height * 0.5):
        f.round((0, 0, z), (0.04, length, 0.04), metal, along="y")


def building(f: Frame, dice: Dice, width: float, depth: float, height: float, style: str) -> None:
    """The front looks along -y and lies at y = 0; the building reaches back to y = `depth`."""
    storey = dice.uniform(2.8, 3.4)
    storeys = max(2, round(height / storey))
    height = storeys * storey
    front = m.facade(dice, storey)
    trim = m.render(dice)
    ground = 0.0
    if style == "town" and dice.chance(0.55):
        ground = dice.uniform(3.2, 3.9)
        f.box((0, depth / 2, ground / 2), (width, depth, ground), m.shopfront(dice))
        f.box((0, -0.1, ground + 0.1), (width, 0.35, 0.25), trim)
        if dice.chance(0.5):
            f.at(width * dice.uniform(-0.2, 0.2), -0.75, ground - 0.45).tilted(0.3).box(
                (0, 0, 0), (width * 0.4, 1.5, 0.06), m.cloth(dice)
            )
        ground += 0.2
    f.box((0, depth / 2, ground + height / 2), (width - 0.02, depth, height), front)
    top = ground + height
    if style == "house" and depth < 10:
        slope = m.roof(dice)
        side = depth / math.sqrt(2) + 0.35
        f.at(0, depth / 2, top).tilted(math.pi / 4).box((0, 0, 0), (width + 0.02, side, side), slope)
        if dice.chance(0.6):
            f.box((width * 0.28, depth * 0.42, top + depth * 0.45), (0.7, 0.6, 1.6), m.brick(dice))
    else:
        f.box((0, depth / 2 - 0.1, top + 0.15), (width + 0.25, depth + 0.45, 0.3), trim)
        if dice.chance(0.5):
            f.box((0, depth / 2 + 0.4, top + 0.9), (width - 0.8, depth - 1.2, 1.5), m.roof(dice))
    if style == "town" and dice.chance(0.4):
        for i in range(storeys - 1):
            z = ground + storey * (i + 1) + 0.15
            f.box((width * 0.22, -0.45, z), (2.4, 0.9, 0.14), trim)
            f.box((width * 0.22, -0.87, z + 0.5), (2.4, 0.05, 0.9), m.metal(dice))


def terrace(f: Frame, dice: Dice, length: float, material: Material) -> None:
    """A garden wall or a hedge along y."""
    height = dice.uniform(0.7, 1.6)
    thick = 0.25 if material.pattern != Pattern.FOLIAGE else 0.7
    f.box((0, 0, height / 2), (thick, length, height), material)
    if material.pattern != Pattern.FOLIAGE:
        f.box((0, 0, height + 0.04), (thick + 0.1, length, 0.08), m.kerb(dice))
