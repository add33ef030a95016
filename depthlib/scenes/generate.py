"""From a distribution, a split and an index to a scene."""

from __future__ import annotations

import math

from depthlib.scenes.distribution import SceneDistribution, scene_seed
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Scene


def make_scene(distribution: SceneDistribution, split: str, index: int) -> Scene:
    """The scene of that number: solids, lights and the four cameras "current", "right", "previous", "next".

    Raises:
        ValueError: unknown split or negative index.
    """
    from depthlib.scenes import rooms, streets

    build = {"rooms": rooms.build, "streets": streets.build}[distribution.family]
    dice = Dice(scene_seed(distribution.family, split, index))
    scene = build(dice, distribution)
    if distribution.field_of_view is not None:
        scene.focal = 0.5 / math.tan(math.radians(distribution.drawn("field_of_view", dice, 0.0)) / 2)
    scene.exposure *= 2 ** distribution.drawn("exposure", dice, 0.0)
    return scene
