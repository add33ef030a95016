"""Objects of rooms. Each function builds one object in a frame whose origin is the middle of its back edge on
the floor; it reaches from y = 0 (the wall) to y = -depth (the room), and is `width` wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from depthlib.scenes import materials as m
from depthlib.scenes.classes import class_id
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import ELLIPSOID, Frame, Material, taper


def label(name: str) -> int:
    return class_id("rooms", name)


@dataclass(frozen=True)
class Footprint:
    """Ground area of a piece, and its height."""

    width: float
    depth: float
    height: float


def legs(f: Frame, width: float, depth: float, top: float, thickness: float, material: Material, slender: bool) -> None:
    """Four legs, or two solid ends if thin structures are switched off."""
    for side in (-1, 1):
        x = side * (width / 2 - thickness)
        if slender:
            for y in (-thickness, -depth + thickness):
                f.round((x, y, top / 2), (thickness, thickness, top), material, taper(1.0))
        else:
            f.box((x, -depth / 2, top / 2), (thickness, depth - 2 * thickness, top), material)


def table(f: Frame, dice: Dice, size: Footprint, slender: bool) -> None:
    top, leg = m.wood(dice), m.wood(dice) if dice.chance(0.6) else m.metal(dice)
    f.box((0, -size.depth / 2, size.height - 0.02), (size.width, size.depth, 0.04), top)
    legs(f, size.width, size.depth, size.height - 0.04, 0.05, leg, slender)
    if dice.chance(0.6):
        f.box((0, -size.depth / 2, size.height - 0.075), (size.width - 0.12, size.depth - 0.12, 0.07), top)
    clutter(f.at(0, -size.depth / 2, size.height), dice, size.width * 0.8, size.depth * 0.7, dice.integer(1, 4))


def clutter(f: Frame, dice: Dice, width: float, depth: float, count: int) -> None:
    """Small objects side by side on a top whose centre is the frame's origin."""
    for i in range(count):
        x = width * ((i + dice.uniform(0.25, 0.75)) / count - 0.5)
        room = width / count
        thing(
            f.at(x, depth * dice.uniform(-0.25, 0.25), 0, dice.uniform(-0.5, 0.5)),
            dice,
            min(room * 0.8, depth * 0.8, 0.3),
        )


def thing(f: Frame, dice: Dice, size: float) -> None:
    kind = dice.unit()
    if kind < 0.25:  # a pile of books
        f = f.another(label("books"))
        height = 0.0
        for _ in range(dice.integer(1, 4)):
            thick = dice.uniform(0.02, 0.045)
            w, d = size * dice.uniform(0.75, 0.95), size * dice.uniform(0.55, 0.7)
            f.at(0, 0, height, dice.uniform(-0.2, 0.2)).box((0, 0, thick / 2), (w, d, thick), m.bright(dice))
            height += thick
        return
    f = f.another(label("objects"))
    if kind < 0.45:  # a vase, perhaps with a plant
        height = size * dice.uniform(0.7, 1.2)
        f.round((0, 0, height / 2), (size * 0.45, size * 0.45, height), m.bright(dice), taper(dice.uniform(0.5, 0.95)))
        if dice.chance(0.6):
            leaf = m.leaves(dice, 0.04)
            for _ in range(3):
                r = size * dice.uniform(0.4, 0.7)
                f.round(
                    (size * dice.uniform(-0.2, 0.2), size * dice.uniform(-0.2, 0.2), height + 0.3 * r),
                    (r, r, r * 1.1),
                    leaf,
                    ELLIPSOID,
                )
    elif kind < 0.62:  # a bowl of fruit
        f.round((0, 0, 0.03), (size * 0.8, size * 0.8, 0.06), m.bright(dice), taper(1.0))
        fruit = m.bright(dice)
        for i in range(4):
            a = i * math.pi / 2 + 0.3
            f.round(
                (size * 0.2 * math.cos(a), size * 0.2 * math.sin(a), 0.075), (0.075, 0.075, 0.075), fruit, ELLIPSOID
            )
    elif kind < 0.8:  # a box
        h = size * dice.uniform(0.35, 0.8)
        f.box((0, 0, h / 2), (size * 0.8, size * 0.6, h), m.bright(dice))
    else:  # a jug
        h = size * dice.uniform(0.5, 0.8)
        material = m.bright(dice)
        f.round((0, 0, h * 0.45), (h * 0.75, h * 0.75, h * 0.9), material, ELLIPSOID)
        f.round((0, 0, h * 0.9), (h * 0.3, h * 0.3, h * 0.3), material)


def chair(f: Frame, dice: Dice, size: Footprint, slender: bool) -> None:
    frame = m.wood(dice, 0.05) if dice.chance(0.7) else m.metal(dice)
    seat = m.cloth(dice) if dice.chance(0.5) else frame
    w, d, h = size.width, size.depth, 0.45
    f.box((0, -d / 2, h - 0.025), (w, d, 0.05), seat)
    legs(f, w, d, h - 0.05, 0.04, frame, slender)
    rise = size.height - h
    if slender:
        for x in (-w / 2 + 0.02, w / 2 - 0.02):
            f.box((x, -0.02, h + rise / 2), (0.035, 0.035, rise), frame)
        for i in range(dice.integer(2, 3)):
            f.box((0, -0.02, h + rise * (0.93 - 0.3 * i)), (w - 0.07, 0.025, rise * 0.16), frame)
    else:
        f.box((0, -0.025, h + rise / 2), (w, 0.05, rise), seat)


def sofa(f: Frame, dice: Dice, size: Footprint) -> None:
    cover = m.cloth(dice)
    w, d, seat = size.width, size.depth, 0.42
    arm = dice.uniform(0.14, 0.22)
    f.box((0, -d / 2, 0.07 + (seat - 0.19) / 2), (w, d, seat - 0.19), cover)
    f.box((0, -0.11, (size.height + 0.07) / 2), (w - 0.02, 0.22, size.height - 0.07), cover)
    for side in (-1, 1):
        x = side * (w / 2 - arm / 2)
        f.box((x, -d / 2 + 0.01, 0.3), (arm, d + 0.02, 0.5), cover)
        f.round((x, -d / 2 + 0.01, 0.55), (arm, d + 0.02, arm * 0.8), cover, along="y")
        f.box((side * (w / 2 - 0.08), -d + 0.08, 0.04), (0.06, 0.06, 0.08), m.wood(dice))
        f.box((side * (w / 2 - 0.08), -0.08, 0.04), (0.06, 0.06, 0.08), m.wood(dice))
    places = max(1, round((w - 2 * arm) / 0.7))
    step = (w - 2 * arm) / places
    for i in range(places):
        x = -w / 2 + arm + (i + 0.5) * step
        f.box((x, -0.22 - (d - 0.24) / 2, seat - 0.06), (step - 0.012, d - 0.24, 0.14), cover)
        f.at(x, -0.25, seat).box((0, 0, 0.21), (step - 0.02, 0.13, 0.38), cover)
        if dice.chance(0.45):
            cushion = f.at(x + step * dice.uniform(-0.15, 0.15), -0.42, seat + 0.16, dice.uniform(-0.4, 0.4)).another(
                label("objects")
            )
            cover, lean = m.cloth(dice), cushion.tilted(-0.25)
            lean.box((0, 0, 0), (0.38, 0.09, 0.36), cover)
            lean.round((0, 0, 0), (0.38, 0.19, 0.36), cover, ELLIPSOID)


def bed(f: Frame, dice: Dice, size: Footprint) -> None:
    wood, cover, sheet = m.wood(dice), m.cloth(dice), m.linen(dice)
    w, d = size.width, size.depth
    f.box((0, -0.03, size.height / 2), (w, 0.06, size.height), wood)
    f.box((0, -d / 2, 0.17), (w, d - 0.06, 0.22), wood)
    f.box((0, -d / 2 - 0.02, 0.38), (w - 0.06, d - 0.1, 0.2), sheet)
    blanket = d * dice.uniform(0.55, 0.7)
    f.box((0, -d + blanket / 2 + 0.01, 0.37), (w + 0.03, blanket, 0.27), cover)
    pillows = 1 if w < 1.2 else 2
    for i in range(pillows):
        x = (i - (pillows - 1) / 2) * w * 0.46
        f.at(x, -0.32, 0.53).tilted(0.35).round((0, 0, 0), (min(0.7, w * 0.42), 0.44, 0.22), sheet, ELLIPSOID)
    if dice.chance(0.5):
        throw = m.bright(dice)
        f.box((0, -d + 0.35, 0.385), (w + 0.04, 0.4, 0.27), throw)


def bookshelf(f: Frame, dice: Dice, size: Footprint) -> None:
    wood = m.cabinet_front(dice)
    w, d, h = size.width, size.depth, size.height
    f.box((0, -0.01, h / 2), (w, 0.02, h), wood)
    for x in (-w / 2 + 0.0125, w / 2 - 0.0125):
        f.box((x, -d / 2, h / 2), (0.025, d, h), wood)
    boards = max(2, round(h / 0.36))
    for i in range(boards + 1):
        z = 0.04 + (h - 0.06) * i / boards
        f.box((0, -d / 2, z), (w - 0.05, d - 0.01, 0.025), wood)
        if i == boards:
            break
        rise, x = (h - 0.06) / boards, -w / 2 + 0.04
        while x < w / 2 - 0.2:
            run = min(dice.uniform(0.18, 0.5), w / 2 - 0.04 - x)
            kind = dice.unit()
            if kind < 0.7:
                tall = rise * dice.uniform(0.6, 0.88)
                f.another(label("books")).box(
                    (x + run / 2, -d * 0.5, z + 0.0125 + tall / 2), (run, d * 0.7, tall), m.books(dice)
                )
            elif kind < 0.85:
                thing(f.at(x + run / 2, -d * 0.5, z + 0.0125), dice, min(run, rise, d) * 0.7)
            x += run + 0.01


def cabinet(f: Frame, dice: Dice, size: Footprint) -> None:
    """A wardrobe, a chest of drawers or a sideboard: a body, fronts with gaps between them, knobs."""
    body = m.cabinet_front(dice)
    front = body if dice.chance(0.6) else m.cabinet_front(dice)
    w, d, h = size.width, size.depth, size.height
    f.box((0, -d / 2 + 0.01, h / 2 + 0.03), (w, d - 0.02, h - 0.06), body)
    f.box((0, -d / 2, h - 0.012), (w + 0.03, d + 0.02, 0.024), body)
    columns = max(1, round(w / 0.55))
    rows = 1 if h > 1.4 else max(1, round(h / 0.3))
    wide, tall = w / columns, (h - 0.09) / rows
    knob = m.metal(dice)
    for i in range(columns):
        for j in range(rows):
            x, z = -w / 2 + (i + 0.5) * wide, 0.06 + (j + 0.5) * tall
            f.box((x, -d + 0.005, z), (wide - 0.014, 0.025, tall - 0.014), front)
            f.box(
                (x + (wide * 0.36 if rows == 1 else 0), -d - 0.014, z),
                (0.02 if rows == 1 else 0.1, 0.015, 0.12 if rows == 1 else 0.02),
                knob,
            )
    if h < 1.3:
        clutter(f.at(0, -d / 2, h), dice, w * 0.85, d * 0.8, dice.integer(1, 3))


def television(f: Frame, dice: Dice, size: Footprint, slender: bool) -> None:
    """A low board with a television on it."""
    board = m.cabinet_front(dice)
    w, d, h = size.width, size.depth, size.height
    f.box((0, -d / 2, h / 2 + 0.05), (w, d, h - 0.1), board)
    legs(f, w, d, 0.1, 0.04, m.wood(dice), slender)
    wide = dice.uniform(0.8, min(1.3, w))
    tall = wide * 0.57
    tv = f.another(label("tv"))
    tv.box((0, -d * 0.45, h + 0.07 + tall / 2), (wide, 0.05, tall), m.screen(dice))
    tv.box((0, -d * 0.45 + 0.01, h + 0.04), (0.1, 0.04, 0.08), m.metal(dice))
    tv.box((0, -d * 0.45, h + 0.006), (wide * 0.35, d * 0.4, 0.012), m.metal(dice))


def plant(f: Frame, dice: Dice, size: Footprint) -> None:
    pot = min(size.width * 0.55, 0.34)
    y = -size.depth / 2
    f.round((0, y, pot * 0.45), (pot, pot, pot * 0.9), m.bright(dice), (0.82, 0.18, 0.0))
    f.round((0, y, (pot + size.height * 0.55) / 2), (0.04, 0.04, size.height * 0.6), m.bark(dice))
    leaf = m.leaves(dice, 0.07)
    for i in range(dice.integer(5, 8)):
        a, r = i * 2.4, size.width * dice.uniform(0.1, 0.27)
        blob = size.width * dice.uniform(0.35, 0.55)
        z = size.height * dice.uniform(0.5, 0.88)
        f.round((r * math.cos(a), y + r * math.sin(a), z), (blob, blob, blob * dice.uniform(0.7, 1.1)), leaf, ELLIPSOID)


def floor_lamp(f: Frame, dice: Dice, size: Footprint) -> None:
    metal, y = m.metal(dice), -size.depth / 2
    f.round((0, y, 0.015), (0.26, 0.26, 0.03), metal)
    f.round((0, y, size.height / 2), (0.025, 0.025, size.height - 0.1), metal)
    f.round((0, y, size.height - 0.13), (0.36, 0.36, 0.26), m.shade(dice, dice.choice((0.0, 0.5, 0.8))), taper(0.65))


def coat_stand(f: Frame, dice: Dice, size: Footprint) -> None:
    wood, y = m.wood(dice, 0.04), -size.depth / 2
    f.round((0, y, size.height / 2), (0.035, 0.035, size.height), wood)
    for i in range(3):
        a = i * 2 * math.pi / 3
        c, s = math.cos(a), math.sin(a)
        f.at(0.1 * c, y + 0.1 * s, 0.02, a).box((0, 0, 0), (0.22, 0.03, 0.04), wood)
        f.at(0.05 * c, y + 0.05 * s, size.height - 0.15, a).box((0, 0, 0), (0.16, 0.02, 0.02), wood)
    if dice.chance(0.6):
        coat, cloth = f.another(label("objects")), m.cloth(dice)
        coat.round((0.12, y, size.height - 0.68), (0.19, 0.4, 0.95), cloth, (0.72, -0.28, 0.0))
        coat.round((0.12, y, size.height - 0.2), (0.15, 0.3, 0.12), cloth, ELLIPSOID)


def ceiling_lamp(f: Frame, dice: Dice, drop: float) -> None:
    """Hangs `drop` metres down from the frame's origin on the ceiling."""
    metal = m.metal(dice)
    f.round((0, 0, -drop / 2), (0.02, 0.02, drop), metal)
    shade = m.shade(dice, 1.15)
    if dice.chance(0.5):
        f.round((0, 0, -drop), (0.42, 0.42, 0.24), shade, taper(0.5))
    else:
        f.round((0, 0, -drop), (0.34, 0.34, 0.3), shade, ELLIPSOID)
