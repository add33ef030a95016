"""Generated scenes: cameras stand outside of all solids."""

from __future__ import annotations

import numpy as np
import pytest
from scene_solids import contains
from small_scenes import FAMILIES

from depthlib.scenes import SceneDistribution, make_scene

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_cameras_stand_outside_of_all_solids(family):
    distribution = SceneDistribution(family)
    for index in range(60):
        scene = make_scene(distribution, "train", index)
        eyes = np.array([camera.position for camera in scene.cameras.values()])
        for solid in scene.solids:
            assert not contains(solid, eyes).any(), (index, solid)
