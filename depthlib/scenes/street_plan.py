"""The ground plan of a street."""

from __future__ import annotations

from dataclasses import dataclass

from depthlib.scenes.classes import class_id
from depthlib.scenes.solids import Scene

KERB = 0.13  # height of the pavements
LAWN = -0.05  # of the ground around road and pavements
FARTHEST = 77.0  # where the ground ends


def label(name: str) -> int:
    return class_id("streets", name)


@dataclass(frozen=True)
class Plan:
    """The ground plan: x of the road's edges and the pavements' outer edges, and where the street ends."""

    left: float
    right: float
    left_walk: float
    right_walk: float
    end: float
    style: str
    scene: Scene

    def edge(self, side: float) -> float:
        return self.right if side > 0 else self.left

    def outer(self, side: float) -> float:
        return self.right_walk if side > 0 else self.left_walk
