"""Depth of a slope with holes, as a folder of truth has it."""

from __future__ import annotations

import numpy as np


def truth(seed: int, height: int = 30, width: int = 40) -> np.ndarray:
    """Depths of 1 to 9 m with a slope downwards, a fifth unknown."""
    rng = np.random.default_rng(seed)
    depth = np.linspace(8, 2, height)[:, None] + rng.uniform(-1, 1, (height, width))
    depth[rng.random((height, width)) < 0.2] = 0
    return depth
