"""Boxes, cylinders and ellipsoids that lie on the ground or float: no scene has them, and networks learn from them.

Objects without a place or a purpose teach shape and occlusion instead of habits, which is why FlyingThings3D (Mayer et
al. 2016, arXiv:1512.02134) prepares for real images although nothing in it is real.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depthlib.scenes.motion import Motion
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import ELLIPSOID, Material, Scene, place

EXPECTED = 8  # objects for a clutter of 1
_TRIES = 30  # places for each
_GAP = 0.02  # metres between an object and what it must not touch
_PATTERNS = (
    Pattern.PLASTER,
    Pattern.FABRIC,
    Pattern.MARBLE,
    Pattern.WOOD,
    Pattern.TILES,
    Pattern.BRICK,
    Pattern.WALLPAPER,
    Pattern.SLABS,
    Pattern.PICTURE,
)


@dataclass(frozen=True)
class Space:
    """Where objects may be, and how large and fast they are.

    Attributes:
        spot: x, y of an object with a radius in metres.
        ground: height at x, y. ceiling: height. sizes: smallest and largest extent. clear: distance that objects keep
            from the z axis, where the cameras stand. speed: largest, metres a frame. berth: what objects keep from
            solids of a class, because these may drive off.
    """

    spot: Callable[[Dice, float], tuple[float, float]]
    ground: Callable[[float, float], float]
    ceiling: float
    sizes: tuple[float, float]
    clear: float
    speed: float
    label: int
    berth: dict[int, float]


def scatter(scene: Scene, dice: Dice, amount: float, moving_share: float, space: Space) -> None:
    """Add about `EXPECTED` x amount objects that touch neither solids nor each other, also while they move."""
    count = dice.count(EXPECTED * amount)
    around = _Surroundings(scene, space) if count else None
    for i in range(count):
        _put(scene, dice.fork(i), moving_share, space, around)


def _put(scene: Scene, dice: Dice, moving_share: float, space: Space, around: _Surroundings) -> None:
    kind, floats = dice.choice(("box", "cylinder", "ellipsoid")), dice.chance(0.6)
    low, high = (math.log(size) for size in space.sizes)
    size = [math.exp(dice.uniform(low, high)) for _ in range(3)]
    along, material = dice.choice("xz") if kind == "cylinder" else "z", _material(dice, max(size))
    if kind == "cylinder" and not floats:
        size[{"x": 2, "z": 1}[along]] = size[{"x": 1, "z": 0}[along]]
    radius = math.hypot(*size) / 2
    pace, course, climb = space.speed * dice.unit(), dice.uniform(0, 2 * math.pi), dice.uniform(-0.3, 0.3)
    velocity = (pace * math.cos(course), pace * math.sin(course), pace * climb)
    spin = tuple(dice.uniform(-0.12, 0.12) for _ in range(3))
    reach = radius + (math.hypot(*velocity) if floats else 0.0)
    yaw, tilt, roll = dice.uniform(0, 2 * math.pi), math.acos(dice.uniform(-1, 1)), dice.uniform(0, 2 * math.pi)
    moves = dice.unit() < moving_share
    for _ in range(_TRIES):
        x, y = space.spot(dice, reach)
        base = space.ground(x, y)
        lowest, highest = base + reach + _GAP, space.ceiling - reach - _GAP
        z = dice.uniform(lowest, max(lowest, highest)) if floats else base + size[2] / 2
        if math.hypot(x, y) < space.clear + reach or not around.free((x, y, z), reach, None if floats else base):
            continue
        frame = place(scene, space.label, x, y, z, yaw)
        if floats:
            frame = frame.tilted(tilt).at(0, 0, 0, roll)
        if kind == "box":
            frame.box((0, 0, 0), tuple(size), material)
        elif kind == "cylinder":
            frame.round((0, 0, 0), tuple(size), material, along=along)
        else:
            frame.round((0, 0, 0), tuple(size), material, ELLIPSOID)
        if floats and moves:
            scene.motions[frame.instance] = Motion(velocity, spin, (x, y, z))
        around.take((x, y, z), reach)
        return


def _material(dice: Dice, size: float) -> Material:
    """Any colours, and a pattern whose parts are a good deal smaller than the object."""
    colour, accent = (tuple(0.03 + 0.8 * dice.unit() ** 1.6 for _ in range(3)) for _ in range(2))
    return Material(dice.choice(_PATTERNS), colour, accent, size * dice.uniform(0.05, 0.2), dice.integer(1, 2**31 - 1))


class _Surroundings:
    """The solids and lamps of a scene, as oriented boxes and balls, and the places that are taken."""

    def __init__(self, scene: Scene, space: Space) -> None:
        solids = scene.solids
        self.centre = np.array([s.centre for s in solids])  # [P, 3]
        self.axes = np.array([s.axes for s in solids])  # [P, 3, 3]
        self.half = np.array([s.half for s in solids])  # [P, 3]
        self.top = self.centre[:, 2] + (np.abs(self.axes[:, :, 2]) * self.half).sum(1)
        self.berth = np.array([space.berth.get(s.label, 0.0) for s in solids])
        self.balls = [(light.position, light.radius) for light in scene.lights]

    def free(self, point: tuple[float, float, float], radius: float, ground: float | None) -> bool:
        """Whether a ball touches nothing; what lies wholly below the `ground` that it lies on does not count."""
        if any(math.dist(point, other) < radius + reach + _GAP for other, reach in self.balls):
            return False
        local = (self.axes @ (np.array(point) - self.centre)[..., None])[..., 0]
        distance = np.linalg.norm(np.maximum(np.abs(local) - self.half, 0.0), axis=1) - self.berth
        near = distance < radius + _GAP
        return not (near if ground is None else near & (self.top > ground + 0.03)).any()

    def take(self, point: tuple[float, float, float], radius: float) -> None:
        self.balls.append((point, radius))
