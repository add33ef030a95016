"""Where the points of one frame are in another one, and whether they are seen there, when camera and objects move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from depthlib.geometry.camera import MIN_DEPTH
from depthlib.geometry.warp import inside, reproject
from depthlib.scenes.batch import camera_tensors, pack
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.motion import Motion
from depthlib.scenes.raycast import TILE, Rays, first_hit, make_rays
from depthlib.scenes.renderer import intrinsics
from depthlib.scenes.solids import Camera, Scene

_SAME = 1 - 2e-5  # of its depth: a surface so much nearer hides a point


def displaced(
    depth: Tensor, instances: Tensor, motions: Mapping[int, Motion], camera: Camera, other: Camera, K: Tensor
) -> tuple[Tensor, Tensor]:
    """Positions in the image of `other` of the points that `camera` shows.

    Args:
        depth: [H, W] metres, 0 on the sky, which is infinitely far. instances: [H, W], those of `motions` move.
        camera, other: `camera` at the time 0. K: [3, 3] pixels, of both.

    Returns:
        pixels [2, H, W] (u, v) and depth in `other` [H, W], metres, not positive behind it; both float64.
    """
    to_other, to_world = _pose(other), np.linalg.inv(_pose(camera))
    depth, K = depth[None, None].double(), K[None].double()

    def seen(depth: Tensor, pose: np.ndarray) -> tuple[Tensor, Tensor]:
        pixels, z = reproject(depth, K, torch.from_numpy(pose)[None])
        return pixels[0], z[0, 0]

    pixels, z = seen(depth, to_other @ to_world)
    for instance, motion in motions.items():
        if (here := instances == instance).any():
            moved, moved_z = seen(depth, to_other @ motion.pose(other.time) @ to_world)
            pixels, z = torch.where(here, moved, pixels), torch.where(here, moved_z, z)
    if (sky := depth[0, 0] <= 0).any():
        turn = np.eye(4)
        turn[:3, :3] = (to_other @ to_world)[:3, :3]
        moved, moved_z = seen(torch.ones_like(depth), turn)
        pixels, z = torch.where(sky, moved, pixels), torch.where(sky, moved_z, z)
    return pixels, z


def _pose(camera: Camera) -> np.ndarray:
    """T_camera_world [4, 4]."""
    pose = np.eye(4)
    pose[:3, :3] = camera.axes
    pose[:3, 3] = -pose[:3, :3] @ np.array(camera.position)
    return pose


@torch.no_grad()
def occluded(scene: Scene, view: str, distribution: SceneDistribution) -> Tensor:
    """Which points that "current" shows are outside of the image `view`, behind its camera, or hidden from it.

    A ray is cast from the other camera to each moved point; no depth map is interpolated.

    Returns:
        bool [H, W].
    """
    height, width = distribution.height, distribution.width
    K = intrinsics(distribution, scene.focal)
    rays = make_rays(1, height, width, 1, torch.float64, torch.device("cpu"))
    camera, other = scene.cameras["current"], scene.cameras[view]
    depth, instances = (rays.image(values, height, width)[0] for values in _cast(scene, camera, K, rays, distribution))
    sky = depth.isinf()
    pixels, z = displaced(depth.masked_fill(sky, 0.0), instances, scene.motions, camera, other, K)
    found = (inside(pixels[None], height, width)[0, 0] & (z > MIN_DEPTH)).flatten()
    aimed, place = _in_tiles(rays, pixels.flatten(1)[:, found])
    there = _cast(scene, other, K, aimed, distribution)[0].flatten()[place]
    seen = torch.where(sky.flatten()[found], there.isinf(), there.isfinite() & (there > _SAME * z.flatten()[found]))
    found[found.clone()] = seen
    return ~found.view(height, width)


def _in_tiles(rays: Rays, pixels: Tensor) -> tuple[Rays, Tensor]:
    """Rays through `pixels` [2, n], those of a tile side by side, and where in the flattened tiles each is [n]."""
    u, v = pixels
    tile = ((v + 0.5) / TILE).long() * rays.columns + ((u + 0.5) / TILE).long()
    counts = torch.bincount(tile, minlength=rays.rows * rays.columns)
    order = tile.argsort(stable=True)
    longest = max(1, int(counts.max()))
    place = torch.empty_like(tile)
    place[order] = tile[order] * longest + torch.arange(len(tile)) - (counts.cumsum(0) - counts)[tile[order]]
    u, v = (torch.zeros(len(counts) * longest, dtype=p.dtype).index_put((place,), p).view(-1, longest) for p in pixels)
    return replace(rays, u=u, v=v), place


def _cast(
    scene: Scene, camera: Camera, K: Tensor, rays: Rays, distribution: SceneDistribution
) -> tuple[Tensor, Tensor]:
    """Depth, infinite on the sky, and instance of the first solid along each ray, [N, R]."""
    batch = pack([scene.at(camera.time)])
    depth, solid = first_hit(batch, *camera_tensors([camera]), torch.linalg.inv(K)[None], rays)
    if distribution.family == "streets":
        depth = torch.where(depth > distribution.depth_range[1], torch.inf, depth)
    return depth, batch.instance[0][solid]
