"""Rendered frames: other views give the target back, and batches and precisions agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from devices import DEVICES
from small_scenes import FAMILIES, SMALL

from depthlib.geometry.warp import warp, warp_disparity
from depthlib.scenes import SceneDataset, SceneDistribution, intrinsics, make_scene, render
from depthlib.scenes.frame import canonical_frame, quantise

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("index", [0, 1, 4])
def test_other_views_give_the_target_back(family, index):
    distribution = SceneDistribution(family)
    item = SceneDataset(
        distribution, "val", 1, first=index, views=("current", "right", "next", "previous"), extras=("disparity",)
    )[0]
    scene = make_scene(distribution, "val", index)
    image, depth, k = item["image"][None], item["depth"][None], item["K"][None]
    for view in ("right", "previous", "next"):
        camera = scene.cameras[view]
        there = render([scene], [camera], replace(distribution, antialias=1), dtype=torch.float32).depth
        if view == "right":
            pose = torch.eye(4)[None]
            pose[0, 0, 3] = -item["baseline"]
            warped, visible = warp_disparity(item["right"][None], item["disparity"][None])
            both = (visible & (depth > 0)).expand_as(image)
            assert torch.allclose(warp(item["right"][None], depth, k, pose)[0][both], warped[both], atol=1e-3)
        else:
            pose = item[f"T_{view}_current"][None]
            warped, visible = warp(item[view][None], depth, k, pose)
        # Occluded where the other view has something nearer: its depth against the depth of our point over there.
        seen_depth = warp(there, depth, k, pose)[0]
        height, width = depth.shape[2:]
        v, u = torch.meshgrid(
            torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32), indexing="ij"
        )
        points = torch.linalg.inv(k[0]) @ torch.stack([u, v, torch.ones_like(u)]).flatten(1) * depth.flatten()
        own_depth = (pose[0, 2, :3] @ points + pose[0, 2, 3]).view_as(depth)
        agree = visible & (depth > 0) & ((seen_depth - own_depth).abs() < 0.02 * own_depth)
        error = (warped - image).abs().mean(1, keepdim=True)[agree].mean()
        assert agree.float().mean() > 0.35
        assert error < 0.02, f"{view}: {error:.4f}"


@pytest.mark.parametrize("family", FAMILIES)
def test_normals_agree_with_depth_differences(family):
    distribution = SceneDistribution(family, antialias=1)
    scene = make_scene(distribution, "val", 2)
    frames = render([scene], [scene.cameras["current"]], distribution)
    depth, k = frames.depth[0, 0], intrinsics(distribution)
    height, width = depth.shape
    v, u = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    points = torch.stack([(u - k[0, 2]) / k[0, 0] * depth, (v - k[1, 2]) / k[1, 1] * depth, depth])
    across, down = points[:, 1:-1, 2:] - points[:, 1:-1, :-2], points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    estimate = torch.nn.functional.normalize(torch.linalg.cross(down, across, dim=0), dim=0)
    normals = frames.normals[0][:, 1:-1, 1:-1]
    window = torch.nn.functional.unfold(frames.normals, 3).view(3, 9, height - 2, width - 2)
    ids = torch.nn.functional.unfold(frames.instances[:, None].double(), 3).view(9, height - 2, width - 2)
    inner = ((window - normals[:, None]).norm(dim=0).amax(0) < 1e-6) & (ids == ids[4]).all(0) & (depth[1:-1, 1:-1] > 0)
    flat = (points[:, 1:-1, 1:-1] * normals).sum(0)  # distance of the pixel's plane; the neighbours must lie in it
    near = torch.nn.functional.unfold(points[None], 3).view(3, 9, height - 2, width - 2)
    inner &= ((near * normals[:, None]).sum(0) - flat).abs().amax(0) < 1e-6
    assert inner.float().mean() > 0.1
    cosine = (estimate * normals).sum(0)[inner]
    assert cosine.min() > 0.99
    facing = (frames.normals[0] * points / depth.clamp(min=1e-9)).sum(0)[depth > 0]
    assert facing.max() < 1e-6  # towards the camera
    assert torch.allclose(frames.normals[0].norm(dim=0)[depth > 0], torch.ones(1, dtype=torch.float64), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_rendering_is_repeatable_and_batches_agree(family):
    distribution = SceneDistribution(family, **SMALL[family])
    scenes = [make_scene(distribution, "train", index) for index in (3, 9)]
    cameras = [scene.cameras["current"] for scene in scenes]
    together = quantise(render(scenes, cameras, distribution), distribution.depth_scale)
    again = [canonical_frame(make_scene(distribution, "train", index), "current", distribution) for index in (3, 9)]
    for i, frame in enumerate(again):
        assert all(
            np.array_equal(together[j][i], getattr(frame, name))
            for j, name in enumerate(("image", "depth", "semantics", "instances", "normals", "glossy"))
        )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("device", DEVICES)
def test_float32_agrees_with_canonical_frames(family, device):
    distribution = SceneDistribution(family)
    shares = []
    for index in (2, 17):
        scene = make_scene(distribution, "train", index)
        views = [scene], [scene.cameras["current"]], distribution
        exact, fast = (
            quantise(render(*views, dtype=dtype, device=where), distribution.depth_scale)
            for dtype, where in ((torch.float64, "cpu"), (torch.float32, device))
        )
        shares += [(np.abs(a.astype(int) - b) <= 1).mean() for a, b in zip(exact[:2], fast[:2], strict=True)]
        shares.append((exact[2] == fast[2]).mean())
    assert min(shares) >= 0.999, shares


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (9, 5), (33, 70)])
@pytest.mark.parametrize("antialias", [1, 2, 3])
def test_every_size_is_legal(size, antialias):
    distribution = SceneDistribution("rooms", height=size[0], width=size[1], antialias=antialias)
    scene = make_scene(distribution, "train", 0)
    frames = render([scene], [scene.cameras["current"]], distribution, dtype=torch.float32)
    assert frames.image.shape[2:] == frames.depth.shape[2:] == frames.instances.shape[1:] == size
    exact = render([scene], [scene.cameras["current"]], replace(distribution, antialias=1), dtype=torch.float32)
    assert torch.equal(frames.depth, exact.depth)  # geometry comes from the pixel's centre whatever the colour does
