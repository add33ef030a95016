"""Depth against walks along the rays and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from devices import DEVICES
from scene_solids import GREY, random_solids, walk

from depthlib.scenes import SceneDistribution, intrinsics, render
from depthlib.scenes.solids import ELLIPSOID, Scene, look, place

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("device", DEVICES)
def test_depth_agrees_with_walking_along_the_rays(dtype, device):
    distribution = SceneDistribution("rooms", height=40, width=56, antialias=1)
    scene = random_solids(3)
    camera = scene.cameras["current"]
    depth = render([scene], [camera], distribution, dtype=dtype, device=device).depth[0, 0].cpu().double().numpy()
    v, u = np.mgrid[0:40:3, 0:56:3].reshape(2, -1)
    directions = np.linalg.inv(intrinsics(distribution).numpy()) @ np.stack([u, v, np.ones_like(u)]).astype(float)
    expected = walk(scene.solids, np.array(camera.position), directions.T @ np.array(camera.axes), 9.0, 3000)
    expected[np.isinf(expected)] = 0
    assert (expected > 0).mean() > 0.3
    wrong = np.abs(depth[v, u] - expected) > 2e-5
    assert wrong.mean() <= 0.01  # steps of 3 mm jump over a grazed rim now and then


def test_sphere_and_floor_in_closed_form():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0).box((0, 0, -1.1), (100, 100, 0.2), GREY)
    place(scene, 1, 0.3, 4.0, 0.2).round((0, 0, 0), (1.4, 1.4, 1.4), GREY, ELLIPSOID)
    distribution = SceneDistribution("rooms", height=60, width=80)
    frames = render([scene], [look((0.0, 0.0, 0.0), 0.0, 0.0)], distribution)
    k = intrinsics(distribution).numpy()
    v, u = np.mgrid[0:60, 0:80]
    x, y = (u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(y > 0.03, 1.0 / y, np.inf)
        a, b, c = x * x + y * y + 1, 0.3 * x - 0.2 * y + 4.0, 0.3**2 + 0.2**2 + 16 - 0.7**2
        sphere = np.where(b * b > a * c, (b - np.sqrt(np.maximum(b * b - a * c, 0))) / a, np.inf)
    expected = np.minimum(floor, sphere)
    seen = np.isfinite(expected)
    assert np.allclose(frames.depth[0, 0].numpy()[seen], expected[seen], atol=1e-9)
    point = np.stack([x * sphere, y * sphere, sphere]) - np.array([0.3, -0.2, 4.0])[:, None, None]
    on_sphere = sphere < floor
    assert np.allclose(frames.normals[0].numpy()[:, on_sphere], point[:, on_sphere] / 0.7, atol=1e-7)
