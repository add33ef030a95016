"""Clutter: it touches nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_solids import contains
from small_scenes import FAMILIES, scenes

from depthlib.scenes import ROOM_CLASSES, STREET_CLASSES

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_clutter_adds_solids_that_touch_nothing(family):
    label = {"rooms": ROOM_CLASSES.index("objects"), "streets": STREET_CLASSES.index("pole")}[family]
    counts = []
    for scene, usual in zip(scenes(family, 15, clutter=1.5), scenes(family, 15), strict=True):
        own = scene.solids[len(usual.solids) :]
        assert scene.solids[: len(usual.solids)] == usual.solids and {solid.label for solid in own} <= {label}
        counts.append(len(own))
        surface = {solid.instance: _surface(solid) for solid in own}
        for solid in own:
            points = surface[solid.instance]
            for other in scene.solids:
                if other.instance != solid.instance and contains(other, points).any():
                    # what lies on the ground may sink into a rug
                    assert contains(other, points)[points[:, 2] > points[:, 2].min() + 0.03].sum() == 0, (solid, other)
            assert all(math.dist(lamp.position, solid.centre) > lamp.radius + max(solid.half) for lamp in scene.lights)
    assert 10.5 < np.mean(counts) <= 12
    floating = sum(points[:, 2].min() > 0.2 for points in surface.values())
    assert 0 < floating < len(surface)
    for less, more in zip(scenes(family, 3, clutter=1.0), scenes(family, 3, clutter=3.0), strict=True):
        assert set(less.solids) <= set(more.solids)


def _surface(solid):
    """Points of its surface, denser than what could be missed by touching."""
    steps = np.linspace(-1, 1, 9)
    unit = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    unit = unit[np.abs(unit).max(1) == 1]
    if solid.profile is not None:
        c0, c1, c2 = solid.profile
        across = np.linalg.norm(unit[:, :2], axis=1).clip(min=1e-9)
        reach = np.sqrt(np.maximum(c0 + c1 * unit[:, 2] + c2 * unit[:, 2] ** 2, 0))
        unit[:, :2] *= (np.minimum(across, reach) / across)[:, None]
    return np.array(solid.centre) + unit * np.array(solid.half) @ np.array(solid.axes)
