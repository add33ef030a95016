"""From scenes and cameras to colour, depth, normals and ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.scenes.batch import SceneBatch, camera_tensors, pack
from depthlib.scenes.blocks import in_blocks
from depthlib.scenes.classes import SKY
from depthlib.scenes.distribution import FOCAL_LENGTH, SceneDistribution
from depthlib.scenes.hits import Hits, View
from depthlib.scenes.raycast import TILE, first_hit, make_rays
from depthlib.scenes.shading import shaded
from depthlib.scenes.solids import Camera, Scene
from depthlib.scenes.tables import dot, of_tiles


@dataclass(frozen=True)
class Frames:
    """B rendered views.

    Attributes:
        image: [B, 3, H, W] in [0, 1], as a camera would store it (not linear).
        depth: [B, 1, H, W] metres along z, 0 where there is no surface.
        normals: [B, 3, H, W] unit vectors in the camera's frame that point towards it, 0 where there is no surface.
        semantics, instances: [B, H, W] int64; instance 0 is the sky.
        glossy: [B, H, W] bool, glass and polished surfaces.
    """

    image: Tensor
    depth: Tensor
    normals: Tensor
    semantics: Tensor
    instances: Tensor
    glossy: Tensor


def intrinsics(distribution: SceneDistribution, focal: float | None = None) -> Tensor:
    """K [3, 3] float64 in pixels, centres at integers; `focal` is a scene's in image widths, None the family's."""
    focal = (FOCAL_LENGTH[distribution.family] if focal is None else focal) * distribution.width
    return torch.tensor(
        [[focal, 0.0, (distribution.width - 1) / 2], [0.0, focal, (distribution.height - 1) / 2], [0.0, 0.0, 1.0]],
        dtype=torch.float64,
    )


def render(
    scenes: Sequence[Scene],
    cameras: Sequence[Camera],
    distribution: SceneDistribution,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Frames:
    """Render one view of each scene.

    Args:
        scenes, cameras: B of each; a scene is shown at its camera's time.
        dtype: float64 for canonical frames; float32 is faster and agrees with it but for a few pixels in ten thousand.
    """
    batch = pack([scene.at(camera.time) for scene, camera in zip(scenes, cameras, strict=True)])
    k = torch.stack([intrinsics(distribution, scene.focal) for scene in scenes])
    return render_packed(batch, *camera_tensors(cameras), distribution, k=k, dtype=dtype, device=device)


@torch.no_grad()
def render_packed(
    batch: SceneBatch,
    position: Tensor,
    rotation: Tensor,
    distribution: SceneDistribution,
    *,
    k: Tensor | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Frames:
    """`render` for scenes and cameras that are tensors already: those of `pack` and `camera_tensors`.

    `k` [B, 3, 3] float64 are the intrinsics of each scene; None is the family's in all of them.
    """
    batch, position, rotation = batch.to(device), position.to(device), rotation.to(device)
    inverse_k = torch.linalg.inv(intrinsics(distribution) if k is None else k).expand(len(batch), 3, 3).to(device)
    # On a CPU one after another, so that all that is computed from a few tiles stays in its cache.
    size = 1 if position.device.type == "cpu" else len(batch)
    parts = [slice(i, i + size) for i in range(0, len(batch), size)]
    views = [View(batch[part], position[part], rotation[part], inverse_k[part]) for part in parts]
    frames = [vars(_render(view, distribution, dtype)) for view in views]
    return Frames(**{name: torch.cat([frame[name] for frame in frames]) for name in frames[0]})


def _render(view: View, distribution: SceneDistribution, dtype: torch.dtype) -> Frames:
    scenes, height, width, family = view.scenes, distribution.height, distribution.width, distribution.family
    rays = make_rays(len(scenes), height, width, distribution.antialias, dtype, view.position.device)
    depth, solid = first_hit(scenes, view.position, view.rotation, view.inverse_k, rays)
    if family == "streets":
        depth.masked_fill_(depth > distribution.depth_range[1], torch.inf)
    colour, glossy = shaded(view, rays, depth, solid, distribution)  # linear light
    image = _tone(colour * of_tiles(scenes.world[:, 14:15], depth))
    u, v, depth, solid = (
        values.unflatten(1, (rays.samples, TILE**2))[:, rays.centre].contiguous()
        for values in (rays.u, rays.v, depth, solid)
    )
    hit = depth.isfinite()
    turn = of_tiles(view.rotation, depth)
    normal = in_blocks(lambda *ray: Hits(view, *ray).normal, u, v, depth, solid)
    normals = torch.stack([dot(turn[3 * i : 3 * i + 3], normal) for i in range(3)]) * hit
    label, instance = (
        table.flatten().index_select(0, solid.flatten()).view_as(solid) for table in (scenes.label, scenes.instance)
    )

    def picture(values: Tensor) -> Tensor:
        return rays.image(values, height, width).contiguous()

    def planes(values: Tensor) -> Tensor:
        return torch.stack([picture(value) for value in values], dim=1)

    return Frames(
        image=planes(image),
        depth=picture(depth.masked_fill(~hit, 0))[:, None],
        normals=planes(normals),
        semantics=picture(label.masked_fill(~hit, SKY if family == "streets" else 0)),
        instances=picture(instance.masked_fill(~hit, 0)),
        glossy=picture((glossy > 0.5) & hit),
    )


def _tone(linear: Tensor) -> Tensor:
    """A film-like curve: a toe that deepens the shadows, highlights that bend; then the display's gamma."""
    light = linear * (linear + 0.25) / (linear + 0.31)
    bent = 1 - torch.exp(-1.15 * light - 0.25 * light * light)
    return bent.clamp(1e-6, 1) ** (1 / 2.2)
