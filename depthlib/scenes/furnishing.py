"""Placement of furniture and pictures in a room."""

from __future__ import annotations

import math

from depthlib.scenes import furniture as pieces
from depthlib.scenes import materials as m
from depthlib.scenes.furniture import Footprint
from depthlib.scenes.rng import Dice
from depthlib.scenes.room_plan import WALLS, Room, label
from depthlib.scenes.solids import Frame, place


def thin(room: Room, dice: Dice, amount: float) -> None:
    """Lamps and stands. They come last, so that their number does not change the rest of the room."""
    for i in range(dice.count(1.3 * amount)):
        one = dice.fork(i)
        if one.chance(0.65):
            size = Footprint(0.4, 0.4, one.uniform(1.4, 1.75))
            if found := room.stand(one, "objects", size, WALLS, 16):
                pieces.floor_lamp(found[0], one, size)
        else:
            size = Footprint(0.45, 0.45, one.uniform(1.6, 1.85))
            if found := room.stand(one, "furniture", size, WALLS, 16):
                pieces.coat_stand(found[0], one, size)


def furnish(room: Room, dice: Dice, slender: bool) -> None:
    kind = dice.choice(("bedroom", "living", "dining", "study", "living"))
    if kind == "bedroom":
        size = Footprint(dice.choice((0.95, 1.45, 1.7)), 2.08, dice.uniform(0.75, 1.1))
        if found := room.stand(dice, "bed", size, WALLS, 12):
            pieces.bed(found[0], dice, size)
    if kind == "living":
        size = Footprint(dice.uniform(1.6, 2.3), dice.uniform(0.85, 0.95), dice.uniform(0.75, 0.9))
        if found := room.stand(dice, "sofa", size, WALLS, 12):
            pieces.sofa(found[0], dice, size)
            _coffee_table(room, dice, found[0], size, slender)
        size = Footprint(dice.uniform(1.2, 1.8), 0.42, dice.uniform(0.42, 0.55))
        if found := room.stand(dice, "furniture", size, WALLS):
            pieces.television(found[0], dice, size, slender)
    if kind == "dining" or (kind == "living" and room.far > 5.5):
        _dining(room, dice, slender)
    if kind in ("study", "bedroom"):
        size = Footprint(dice.uniform(1.1, 1.5), 0.62, 0.74)
        if found := room.stand(dice, "table", size, WALLS):
            f = found[0]
            pieces.table(f, dice, size, slender)
            _chair_at(room, dice, f.at(0, -size.depth - 0.42, 0, math.pi + dice.uniform(-0.3, 0.3)), slender)
            if dice.chance(0.5):
                screen = f.at(0, -0.2, size.height).another(label("tv"))
                screen.box((0, 0, 0.29), (0.56, 0.04, 0.34), m.screen(dice))
                screen.box((0, 0.01, 0.07), (0.06, 0.03, 0.14), m.metal(dice))
    # Further pieces, while there is space.
    for _ in range(dice.integer(4, 7)):
        what = dice.unit()
        if what < 0.3:
            size = Footprint(dice.uniform(0.7, 1.3), 0.32, dice.uniform(1.1, 2.05))
            if found := room.stand(dice, "furniture", size, WALLS):
                pieces.bookshelf(found[0], dice, size)
        elif what < 0.62:
            tall = dice.chance(0.45)
            size = Footprint(
                dice.uniform(0.8, 1.6),
                dice.uniform(0.42, 0.6),
                dice.uniform(1.75, 2.1) if tall else dice.uniform(0.7, 1.05),
            )
            if found := room.stand(dice, "furniture", size, WALLS):
                pieces.cabinet(found[0], dice, size)
        elif what < 0.8:
            side = dice.uniform(0.5, 0.8)
            size = Footprint(side, side, dice.uniform(0.9, 1.7))
            if found := room.stand(dice, "objects", size, WALLS):
                pieces.plant(found[0], dice, size)
        elif what < 0.9:
            size = Footprint(0.85, 0.85, 0.8)
            if found := room.stand(dice, "sofa", size, WALLS):
                pieces.sofa(found[0], dice, size)
        else:
            size = Footprint(0.45, 0.48, dice.uniform(0.85, 1.0))
            if found := room.stand(dice, "chair", size, WALLS):
                pieces.chair(found[0], dice, size, slender)


def _rectangle(f: Frame, width: float, depth: float) -> tuple[float, float, float, float]:
    """Ground of a piece of `width` x `depth` around the frame's origin, in any orientation."""
    c, s = abs(f.axes[0][0]), abs(f.axes[0][1])
    x, y = (c * width + s * depth) / 2, (s * width + c * depth) / 2
    return f.origin[0] - x, f.origin[1] - y, f.origin[0] + x, f.origin[1] + y


def _within(room: Room, rectangle: tuple[float, float, float, float]) -> bool:
    x0, y0, x1, y1 = rectangle
    return room.left + 0.05 < x0 and x1 < room.right - 0.05 and room.back < y0 and y1 < room.far - 0.05


def _take(room: Room, f: Frame, width: float, depth: float, space: float = 0.02) -> bool:
    rectangle = _rectangle(f, width, depth)
    if not (_within(room, rectangle) and room.free(rectangle, space)):
        return False
    room.taken.append(rectangle)
    return True


def _chair_at(room: Room, dice: Dice, f: Frame, slender: bool) -> None:
    """A chair whose seat's middle is the frame's origin."""
    if _take(room, f, 0.46, 0.48, 0.0):
        pieces.chair(
            f.at(0, 0.24, 0).another(label("chair")), dice, Footprint(0.44, 0.46, dice.uniform(0.85, 1.0)), slender
        )


def _rug(f: Frame, dice: Dice, width: float, depth: float) -> None:
    f.another(label("floor")).box((0, 0, 0.006), (width, depth, 0.012), m.rug(dice))


def _coffee_table(room: Room, dice: Dice, sofa: Frame, size: Footprint, slender: bool) -> None:
    f = sofa.at(0, -size.depth - 0.75, 0)
    wide = size.width * dice.uniform(0.45, 0.65)
    if dice.chance(0.75) and _within(room, _rectangle(f, size.width, 1.5)):
        _rug(f, dice, size.width * dice.uniform(0.9, 1.1), 1.5)
    if _take(room, f, wide, 0.6):
        pieces.table(
            f.at(0, 0.3, 0).another(label("table")), dice, Footprint(wide, 0.6, dice.uniform(0.38, 0.46)), slender
        )


def _dining(room: Room, dice: Dice, slender: bool) -> None:
    width, depth = dice.uniform(1.2, 1.8), dice.uniform(0.8, 0.95)
    for _ in range(8):
        x = dice.uniform(room.left + 1.0, room.right - 1.0)
        y = dice.uniform(1.7, max(1.8, room.far - 1.0))
        f = place(room.scene, label("table"), x, y, 0.0, dice.choice((0.0, math.pi / 2)))
        if not _take(room, f, width, depth):
            continue
        if dice.chance(0.4) and _within(room, _rectangle(f, width + 0.9, depth + 0.9)):
            _rug(f, dice, width + 0.9, depth + 0.9)
        pieces.table(f.at(0, depth / 2, 0), dice, Footprint(width, depth, 0.74), slender)
        for side in (0.0, math.pi):
            for i in range(2):
                seat = f.at(0, 0, 0, side).at(
                    (i - 0.5) * width * 0.5,
                    -depth / 2 - dice.uniform(0.25, 0.4),
                    0,
                    math.pi + dice.uniform(-0.15, 0.15),
                )
                _chair_at(room, dice, seat, slender)
        if dice.chance(0.6):
            lamp = place(room.scene, label("objects"), x, y, room.height)
            pieces.ceiling_lamp(lamp, dice, room.height - dice.uniform(1.55, 1.8))
        return


def decorate(room: Room, dice: Dice) -> None:
    for _ in range(dice.integer(2, 5)):
        width, height = dice.uniform(0.35, 1.1), dice.uniform(0.35, 0.8)
        low = dice.uniform(1.25, 1.5)
        high = min(low + height, room.height - 0.15)
        if found := room.hang(dice, "painting", width, low, high, ["far", "far", "left", "right"]):
            found[0].box((0, -0.015, (high - low) / 2), (width, 0.03, high - low), m.picture(dice))
    if dice.chance(0.35):
        where = dice.uniform(0.35, 0.6) * room.far
        pieces.ceiling_lamp(
            place(room.scene, label("objects"), (room.left + room.right) / 2, where, room.height),
            dice,
            dice.uniform(0.3, 0.5),
        )
