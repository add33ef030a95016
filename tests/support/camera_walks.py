"""Random walks of a camera, and the same path in another world."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def walk(frames: int = 60, seed: int = 0, step: float = 1.0, turn: float = 0.05) -> np.ndarray:
    """A camera that drives forward and turns a little at random, [N,4,4]."""
    rng = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(frames - 1):
        move = np.eye(4)
        move[:3, :3] = Rotation.from_rotvec(turn * rng.standard_normal(3)).as_matrix()
        move[:3, 3] = rng.normal([0, 0, step], 0.1 * step)
        poses.append(poses[-1] @ move)
    return np.array(poses)


def elsewhere(poses: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """The same path in another world, scaled."""
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = Rotation.from_rotvec([0.4, -1.1, 0.3]).as_matrix(), (5, -7, 2)
    moved = poses.copy()
    moved[:, :3, 3] *= scale
    return world @ moved
