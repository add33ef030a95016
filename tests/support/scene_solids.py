"""Which points a solid of a scene contains, by its definition; random solids, and walks along rays through them."""

from __future__ import annotations

import numpy as np

from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import CONE, CYLINDER, ELLIPSOID, Frame, Material, Scene, Solid, look, taper, turn

GREY = Material(Pattern.PLASTER, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 0.5, 7)


def contains(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Bool [...] for points [..., 3] in the world."""
    local = (points - np.array(solid.centre)) @ np.array(solid.axes).T / np.array(solid.half)
    if solid.profile is None:
        return (np.abs(local) <= 1).all(-1)
    x, y, z = np.moveaxis(local, -1, 0)
    c0, c1, c2 = solid.profile
    return (np.abs(z) <= 1) & (x * x + y * y <= c0 + c1 * z + c2 * z * z)


def random_solids(seed: int, count: int = 12) -> Scene:
    """Solids of all kinds, freely turned, in front of a camera at the origin."""
    dice = Dice(seed)
    scene = Scene("rooms", seed, ambient_up=(1.0, 1.0, 1.0), ambient_down=(1.0, 1.0, 1.0))
    for i in range(count):
        frame = Frame(
            scene,
            (dice.uniform(-2, 2), dice.uniform(2.5, 7), dice.uniform(-1.2, 1.2)),
            turn(dice.uniform(0, 6)),
            0,
            i + 1,
        )
        frame = frame.tilted(dice.uniform(-1.5, 1.5)).at(0, 0, 0, dice.uniform(0, 6))
        size = tuple(dice.uniform(0.1, 1.5) for _ in range(3))
        profile = (None, CYLINDER, ELLIPSOID, CONE, taper(0.4))[i % 5]
        frame.box((0, 0, 0), size, GREY) if profile is None else frame.round(
            (0, 0, 0), size, GREY, profile, "xyz"[i % 3]
        )
    scene.cameras["current"] = look((0.0, 0.0, 0.0), 0.1, -0.05, 0.02)
    return scene


def walk(solids: list[Solid], origin: np.ndarray, directions: np.ndarray, far: float, steps: int) -> np.ndarray:
    """First parameter at which each ray [N, 3] is inside of any solid: small steps, then bisection. Infinite if
    none.
    """
    t = np.linspace(0, far, steps)
    taken = np.zeros((len(directions), steps), dtype=bool)
    for solid in solids:
        taken |= contains(solid, origin + t[None, :, None] * directions[:, None])
    first = taken.argmax(1)
    low, high = t[np.maximum(first - 1, 0)], t[first]
    for _ in range(50):
        middle = (low + high) / 2
        points = origin + middle[:, None] * directions
        inside = np.any([contains(solid, points) for solid in solids], axis=0)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return np.where(taken.any(1), high, np.inf)
