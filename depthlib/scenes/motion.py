"""Rigid motion of an object of a scene between the frames of a triplet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Motion:
    """`velocity` in metres a frame, and `spin`, axis times radians a frame, about the `pivot`, which moves along."""

    velocity: tuple[float, float, float]
    spin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def pose(self, time: float) -> np.ndarray:
        """[4, 4] float64: maps points of the world at the time of "current" to where they are `time` frames later."""
        pivot, pose = np.array(self.pivot), np.eye(4)
        pose[:3, :3] = _rotation(time * np.array(self.spin))
        pose[:3, 3] = pivot + time * np.array(self.velocity) - pose[:3, :3] @ pivot
        return pose


def _rotation(spin: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: rotation by |spin| radians about spin."""
    angle = float(np.linalg.norm(spin))
    x, y, z = spin / max(angle, 1e-300)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
