"""From a distribution, a split and an index to a scene."""

from __future__ import annotations

from depthlib.data.scenes.dice import Dice
from depthlib.data.scenes.distribution import SceneDistribution, scene_seed
from depthlib.data.scenes.solids import Scene


def make_scene(distribution: SceneDistribution, split: str, index: int) -> Scene:
    """The scene of that number: solids, lights and the four cameras "current", "right", "previous", "next".

    Raises:
        ValueError: unknown split or negative index.
    """
    from depthlib.data.scenes import rooms, streets

    build = {"rooms": rooms.build, "streets": streets.build}[distribution.family]
    return build(Dice(scene_seed(distribution.family, split, index)), distribution)
