"""Floor plan of a room: the ground and the wall segments that are still free."""

from __future__ import annotations

import math
from collections.abc import Sequence

from depthlib.scenes.classes import class_id
from depthlib.scenes.furniture import Footprint
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Frame, Scene, place

_MARGIN = 0.04  # between a piece and the wall
_CLEAR = 0.95  # free radius around the camera
# Each wall: the angle of a frame whose y points into it.
_WALLS = {"far": 0.0, "left": math.pi / 2, "right": -math.pi / 2}
WALLS = tuple(_WALLS)


def label(name: str) -> int:
    return class_id("rooms", name)


class Room:
    """Floor plan of a room: its extent, and the occupied ground and wall segments."""

    def __init__(self, scene: Scene, left: float, right: float, back: float, far: float, height: float) -> None:
        self.scene, self.left, self.right, self.back, self.far, self.height = scene, left, right, back, far, height
        self.taken: list[tuple[float, float, float, float]] = []
        self.wall_taken: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in _WALLS}

    def length(self, wall: str) -> float:
        return self.right - self.left if wall == "far" else self.far - self.back

    def against(self, wall: str, along: float, name: str, z: float = 0.0, gap: float = _MARGIN) -> Frame:
        """The frame of an object whose back is at the wall; `along` runs from 0 to the wall's length."""
        if wall == "far":
            x, y = self.left + along, self.far - gap
        elif wall == "left":
            x, y = self.left + gap, self.back + along
        else:
            x, y = self.right - gap, self.far - along
        return place(self.scene, label(name), x, y, z, _WALLS[wall])

    def ground(self, wall: str, along: float, size: Footprint) -> tuple[float, float, float, float]:
        """Rectangle (x0, y0, x1, y1) that a piece against a wall covers."""
        frame = _WALLS[wall]
        x, y = (
            (self.left + along, self.far)
            if wall == "far"
            else ((self.left, self.back + along) if wall == "left" else (self.right, self.far - along))
        )
        out_x, out_y = math.sin(frame), -math.cos(frame)
        across_x, across_y = abs(math.cos(frame)), abs(math.sin(frame))
        depth = size.depth + _MARGIN
        xs = sorted((x - across_x * size.width / 2, x + across_x * size.width / 2, x + out_x * depth))
        ys = sorted((y - across_y * size.width / 2, y + across_y * size.width / 2, y + out_y * depth))
        return xs[0], ys[0], xs[-1], ys[-1]

    def free(self, rectangle: tuple[float, float, float, float], space: float = 0.06) -> bool:
        x0, y0, x1, y1 = rectangle
        near_x, near_y = max(x0, min(0.0, x1)), max(y0, min(0.0, y1))
        if math.hypot(near_x, near_y) < _CLEAR:
            return False
        return all(x1 + space < a or c + space < x0 or y1 + space < b or d + space < y0 for a, b, c, d in self.taken)

    def stand(
        self, dice: Dice, name: str, size: Footprint, walls: Sequence[str], tries: int = 6
    ) -> tuple[Frame, str, float] | None:
        """Find a free wall segment for a piece and occupy it."""
        for _ in range(tries):
            wall = dice.choice(walls)
            span = self.length(wall) - size.width - 0.1
            if span <= 0:
                continue
            along = size.width / 2 + 0.05 + dice.unit() * span
            rectangle = self.ground(wall, along, size)
            stretch = (along - size.width / 2, along + size.width / 2, 0.0, size.height)
            if self.free(rectangle) and self.wall_free(wall, stretch):
                self.taken.append(rectangle)
                self.wall_taken[wall].append(stretch)
                return self.against(wall, along, name), wall, along
        return None

    def wall_free(self, wall: str, stretch: tuple[float, float, float, float], space: float = 0.05) -> bool:
        a0, a1, z0, z1 = stretch
        return all(
            a1 + space < b0 or b1 + space < a0 or z1 + space < y0 or y1 + space < z0
            for b0, b1, y0, y1 in self.wall_taken[wall]
        )

    def hang(
        self, dice: Dice, name: str, width: float, low: float, high: float, walls: Sequence[str], tries: int = 6
    ) -> tuple[Frame, str] | None:
        """Find a free wall segment between two heights and occupy it; the frame's origin is its lower middle."""
        for _ in range(tries):
            wall = dice.choice(walls)
            span = self.length(wall) - width - 0.4
            if span <= 0:
                continue
            along = width / 2 + 0.2 + dice.unit() * span
            stretch = (along - width / 2, along + width / 2, low, high)
            if self.wall_free(wall, stretch):
                self.wall_taken[wall].append(stretch)
                return self.against(wall, along, name, low, 0.0), wall
        return None
