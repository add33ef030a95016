"""Which points a solid of a scene contains, by its definition."""

import numpy as np

from depthlib.scenes.solids import Solid


def contains(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Bool [...] for points [..., 3] in the world."""
    local = (points - np.array(solid.centre)) @ np.array(solid.axes).T / np.array(solid.half)
    if solid.profile is None:
        return (np.abs(local) <= 1).all(-1)
    x, y, z = np.moveaxis(local, -1, 0)
    c0, c1, c2 = solid.profile
    return (np.abs(z) <= 1) & (x * x + y * y <= c0 + c1 * z + c2 * z * z)
