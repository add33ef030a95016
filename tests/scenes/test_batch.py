"""Many scenes at once do not change their neighbours."""

from __future__ import annotations

import pytest
import torch
from devices import DEVICES
from small_scenes import views

from depthlib.scenes import SceneDistribution, make_scene
from depthlib.scenes.patterns import Pattern


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_two_wallpapers_in_one_room_do_not_change_the_neighbours(device):
    distribution = SceneDistribution("rooms", height=48, width=64)
    numbers = [
        n
        for n in range(60)
        if any(s.material.pattern == Pattern.WALLPAPER for s in make_scene(distribution, "train", n).solids)
    ]
    scales = {
        n: {
            s.material.scale
            for s in make_scene(distribution, "train", n).solids
            if s.material.pattern == Pattern.WALLPAPER
        }
        for n in numbers
    }
    assert len(numbers) > 3 and max(map(len, scales.values())) > 1
    together = views(distribution, numbers[:4], device=device).image
    alone = torch.cat([views(distribution, [n], device=device).image for n in numbers[:4]])
    assert (together - alone).abs().max() < 1e-9
