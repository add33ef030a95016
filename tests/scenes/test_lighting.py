"""Light: shadows against walks to the light, corners, distance and angle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene_solids import GREY, random_solids, walk

from depthlib.scenes import SceneDistribution, culling, intrinsics, lighting, render
from depthlib.scenes.batch import camera_tensors, pack
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Light, Scene, look, place

pytestmark = pytest.mark.usefixtures("own_cache")


def light_that_passes(scene: Scene, lamp: list[float], point: torch.Tensor) -> torch.Tensor:
    """Share [n] of the light of `lamp`, position and radius, that arrives at free points [n, 3], n a multiple of 16."""
    distance = (point - torch.tensor(lamp[:3], dtype=torch.float64)).norm(dim=1).view(-1, 16)
    group, yes, none = point.view(-1, 16, 3).mT, distance > 0, torch.full_like(distance, -1).long()
    light = torch.tensor([[*lamp, 1, 1, 1, 1]], dtype=torch.float64)
    bounds = culling.bounds_of(group, yes, none)
    return lighting.transmittance(pack([scene]), light, group, distance, none, yes, bounds).flatten()


@pytest.mark.slow
def test_shadows_of_small_lights_agree_with_walking_to_the_light():
    scene = random_solids(8, 15)
    light = np.array([0.5, 1.0, 6.0])
    dice = Dice(1)
    points = np.array([[dice.uniform(-3, 3), dice.uniform(2, 8), -2.5] for _ in range(128)])
    towards = light - points
    hidden = np.array(
        [np.isfinite(walk(scene.solids, p, d[None], 1.0, 2000))[0] for p, d in zip(points, towards, strict=True)]
    )
    passed = light_that_passes(scene, [*light, 1e-4], torch.from_numpy(points)).numpy()
    assert 0.2 < hidden.mean() < 0.8
    clear = (passed < 0.05) | (passed > 0.95)
    assert clear.mean() > 0.9 and ((passed < 0.5) == hidden)[clear].mean() > 0.99


def test_a_larger_light_has_a_softer_shadow():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0, 1.0).box((0, 0, 0), (1.0, 1.0, 0.1), GREY)
    x = torch.linspace(-3, 3, 64, dtype=torch.float64)
    point = torch.stack([x, torch.zeros_like(x), torch.zeros_like(x)], 1)
    small, large = (light_that_passes(scene, [0.0, 0.0, 4.0, radius], point) for radius in (0.05, 0.8))
    assert small[32] < 0.01 and small[0] > 0.99 and torch.allclose(small, small.flip(0), atol=1e-9)
    assert ((large > 0.05) & (large < 0.95)).sum() > 2 * ((small > 0.05) & (small < 0.95)).sum()


def test_corners_get_less_light_from_all_around():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0).box((0, 0, -0.6), (10.0, 10.0, 0.2), GREY)
    place(scene, 0, 0, 0).box((0, 0, 0), (1.0, 1.0, 1.0), GREY)
    x = 0.5 + torch.linspace(0.01, 2, 64, dtype=torch.float64).view(-1, 16)
    zero, one, floor, yes = torch.zeros_like(x), torch.ones_like(x), torch.zeros_like(x).long(), x > 0
    point, up = torch.stack([x, zero, -0.5 * one], 1), torch.stack([zero, zero, one], 1)
    bounds = culling.bounds_of(point, yes, floor)
    share = lighting.openness(pack([scene]), 0.7, point, up, floor, yes, bounds).flatten()
    assert share[0] < 0.9 and share[-1] == 1 and (share.diff() >= -1e-12).all()


def test_light_falls_off_with_distance_and_angle():
    scene = Scene("rooms", 0, ambient_up=(0.0, 0.0, 0.0))
    place(scene, 0, 0, 0).box((0, 0, -1.5), (40, 40, 0.2), GREY)
    scene.lights.append(Light((0.0, 4.0, 0.5), 0.05, (3.0, 3.0, 3.0), 2.0))
    image = (
        render([scene], [look((0.0, 0.0, 0.0), 0.0, -0.3)], SceneDistribution("rooms", texture_contrast=0.0))
        .image[0]
        .mean(0)
    )
    row, column = divmod(int(image.argmax()), image.shape[1])
    position, rotation = camera_tensors([look((0.0, 0.0, 0.0), 0.0, -0.3)])
    brightest = (
        intrinsics(SceneDistribution("rooms"))
        @ rotation[0]
        @ (torch.tensor([0.0, 4.0, -1.4], dtype=torch.float64) - position[0])
    )
    assert abs(column - float(brightest[0] / brightest[2])) <= 1 and abs(row - float(brightest[1] / brightest[2])) <= 3
