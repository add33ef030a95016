"""From scenes and cameras to colour, depth, normals and ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.scenes.batch import ROUND, SceneBatch, camera_tensors, pack
from depthlib.scenes.classes import SKY
from depthlib.scenes.distribution import FOCAL_LENGTH, SceneDistribution
from depthlib.scenes.fused import fused
from depthlib.scenes.lighting import openness, tile_bounds, transmittance
from depthlib.scenes.noise import fractal2, noise3, resolved, smoothstep
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.raycast import TILE, Rays, first_hit, make_rays
from depthlib.scenes.solids import Camera, Scene
from depthlib.scenes.textures import Surface, albedo

_AMBIENT_REACH = {"rooms": 0.7, "streets": 2.0}


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
    scenes: Sequence[Scene], cameras: Sequence[Camera], distribution: SceneDistribution,
    *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu",
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
    batch: SceneBatch, position: Tensor, rotation: Tensor, distribution: SceneDistribution,
    *, k: Tensor | None = None, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu",
) -> Frames:
    """`render` for scenes and cameras that are tensors already: those of `pack` and `camera_tensors`.

    `k` [B, 3, 3] float64 are the intrinsics of each scene; None is the family's in all of them.
    """
    batch, position, rotation = batch.to(device), position.to(device), rotation.to(device)
    inverse_k = torch.linalg.inv(intrinsics(distribution) if k is None else k).expand(len(batch), 3, 3).to(device)
    height, width = distribution.height, distribution.width
    rays = make_rays(len(batch), height, width, distribution.antialias, dtype, batch.kind.device)
    depth, solid = first_hit(batch, position, rotation, inverse_k, rays)
    if distribution.family == "streets":
        depth = torch.where(depth > distribution.depth_range[1], torch.inf, depth)
    colour_rays = rays.colour_samples * TILE * TILE
    centre = slice(rays.centre * TILE * TILE, (rays.centre + 1) * TILE * TILE)
    if rays.colour_samples == rays.samples:
        shaded, extra = slice(None), None
    else:
        shaded, extra = slice(0, colour_rays), centre
    scene_of_tile = torch.arange(len(batch), device=depth.device).repeat_interleave(rays.rows * rays.columns)
    world = batch.world.to(dtype)[scene_of_tile].T[..., None]                                       # [21, N, 1]

    def hits(part: slice) -> _Hits:
        return _Hits(batch, position, rotation, inverse_k, rays.u[:, part], rays.v[:, part], depth[:, part], solid[:, part])

    points = hits(shaded)
    colour, glass = _shade(batch, points, world, scene_of_tile, distribution, inverse_k)
    image = colour.unflatten(2, (rays.colour_samples, TILE * TILE)).mean(2)                          # linear light
    image = _tone(image * world[14])
    middle = hits(extra) if extra is not None else points
    part = slice(None) if extra is not None else centre
    glossy = glass.unflatten(1, (rays.colour_samples, TILE * TILE)).mean(1) > 0.5
    return _to_frames(batch, rays, image, middle, part, glossy, rotation, scene_of_tile, height, width, distribution.family)


class _Hits:
    """Points on solids and the quantities to shade them; all [N, R]."""

    def __init__(self, batch: SceneBatch, position: Tensor, rotation: Tensor, inverse_k: Tensor, u: Tensor, v: Tensor,
                 depth: Tensor, solid: Tensor) -> None:
        dtype = u.dtype
        per_view = u.shape[0] // len(batch)
        matrix = (rotation.mT @ inverse_k).flatten(-2).to(dtype).repeat_interleave(per_view, 0).T[..., None]
        eye = position.to(dtype).repeat_interleave(per_view, 0).T[..., None]
        self.hit = depth.isfinite()
        self.depth = torch.where(self.hit, depth, 1.0)
        self.solid = solid
        self.direction = [matrix[3 * i] * u + matrix[3 * i + 1] * v + matrix[3 * i + 2] for i in range(3)]
        self.point = [eye[i] + self.depth * self.direction[i] for i in range(3)]
        table = torch.cat(
            [batch.axes.flatten(-2), -(batch.axes @ batch.centre[..., None])[..., 0], batch.half, batch.profile], -1
        )
        rows = _columns(table, solid.flatten(), dtype).unflatten(1, solid.shape)
        x, y, z = self.point
        self.local = torch.stack([rows[3 * i] * x + rows[3 * i + 1] * y + (rows[3 * i + 2] * z + rows[9 + i]) for i in range(3)])
        self.half = rows[12:15]
        self.face, normal = _local_normal(self.local / self.half, self.half, rows[15:18], batch.kind.take(solid) == ROUND)
        length = sum(n.square() for n in normal).sqrt().clamp(min=1e-12)
        self.normal = [(rows[i] * normal[0] + rows[3 + i] * normal[1] + rows[6 + i] * normal[2]) / length for i in range(3)]


def _columns(table: Tensor, number: Tensor, dtype: torch.dtype) -> Tensor:
    """Rows of a table [B, P, C] for solids [n], numbered within the batch: [C, n]."""
    return table.flatten(0, 1).to(dtype).T.contiguous().gather(1, number.expand(table.shape[-1], -1))


@fused
def _local_normal(unit: Tensor, half: Tensor, profile: Tensor, is_round: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Axis (0, 1, 2) of the face of a point of the unit solid, and the three parts of the outward normal (any length).
    """
    x, y, z = unit.abs()
    face = torch.where((x >= y) & (x >= z), 0, torch.where(y >= z, 1, 2))
    box = [torch.where(face == i, unit[i].sign(), 0.0) for i in range(3)]
    side = [2 * unit[0] / half[0], 2 * unit[1] / half[1], -(profile[1] + 2 * profile[2] * unit[2]) / half[2]]
    # A point is on a flat end where its distance to the side is larger than to the end.
    excess = profile[0] + unit[2] * (profile[1] + profile[2] * unit[2]) - unit[0].square() - unit[1].square()
    end = (excess > 2 * (1 - unit[2].abs())) & (excess > 1e-5)
    cap = [torch.zeros_like(unit[2]), torch.zeros_like(unit[2]), unit[2].sign()]
    face = torch.where(is_round, torch.where(end, 2, 0), face)
    return face, [torch.where(is_round, torch.where(end, cap[i], side[i]), box[i]) for i in range(3)]


def _shade(
    batch: SceneBatch, points: _Hits, world: Tensor, scene_of_tile: Tensor, distribution: SceneDistribution, inverse_k: Tensor,
) -> tuple[Tensor, Tensor]:
    """Linear colour [3, N, R] and share of glossy surface [N, R]."""
    solid, hit, depth = points.solid, points.hit, points.depth
    dtype = depth.dtype
    slant = sum(d * n for d, n in zip(points.direction, points.normal, strict=True)).abs()
    length = sum(d.square() for d in points.direction).sqrt()
    pixel = inverse_k[:, 0, 0].to(dtype)[scene_of_tile, None]
    footprint = depth * pixel / (slant / length).clamp(min=0.12)

    table = torch.cat([batch.colour, batch.accent, batch.scale[..., None], batch.glossy[..., None], batch.glow[..., None]], -1)
    flat = solid.flatten()
    rows = _columns(table, flat, dtype)
    seed, pattern = batch.seed.take(flat), batch.pattern.take(flat)
    x, y, z = points.local.flatten(1)
    half, face = points.half.flatten(1), points.face.flatten()
    surface = Surface(
        x=x, y=y, z=z, half=half,
        u=torch.where(face == 0, y, x), v=torch.where(face == 2, y, z),
        wide=torch.where(face == 0, half[1], half[0]), high=torch.where(face == 2, half[1], half[2]), upright=face != 2,
        colour=rows[0:3], accent=rows[3:6], scale=rows[6], seed=seed, footprint=footprint.flatten(),
        picture=scene_of_tile.repeat_interleave(solid.shape[1]),
    )
    base, glass = albedo(surface, pattern, distribution.texture_contrast)
    base, glass = base.unflatten(1, solid.shape), glass.unflatten(0, solid.shape)
    glossy, glow = rows[7].unflatten(0, solid.shape), rows[8].unflatten(0, solid.shape)

    leafy = (pattern == Pattern.FOLIAGE).unflatten(0, solid.shape)
    light = _light(batch, points, _ruffled(points.normal, surface, pattern), leafy, world, distribution.family)
    colour = base * torch.lerp(light, torch.ones_like(light), glow.clamp(max=1)) * glow.clamp(min=1)
    distance = depth * length
    haze = 1 - torch.exp(-distance / world[9])
    colour = torch.lerp(colour, world[6:9], haze)
    if distribution.family == "streets":
        tile, ray = (~hit).nonzero().T
        direction = [d[tile, ray] for d in points.direction]
        colour[:, tile, ray] = _sky(direction, length[tile, ray], world[:, tile, 0], batch.sky_seed[scene_of_tile[tile]])
    shiny = torch.where(pattern.unflatten(0, solid.shape) == Pattern.SCREEN, glass, torch.maximum(glossy, glass))
    return colour, shiny * hit


def _ruffled(normal: list[Tensor], surface: Surface, pattern: Tensor) -> list[Tensor]:
    """Normals for shading: those of leaves are random. The geometry does not change."""
    index = (pattern == Pattern.FOLIAGE).nonzero()[:, 0]
    if index.numel() == 0:
        return normal
    s = surface[index]
    cell = 1.3 * s.scale
    amount = 2.6 * resolved(cell, s.footprint)
    x, y, z = s.x / cell, s.y / cell, s.z / cell
    turned = [n.flatten()[index] + amount * (noise3(x, y, z, s.seed + 31 * i) - 0.5) for i, n in enumerate(normal)]
    length = sum(n.square() for n in turned).sqrt().clamp(min=1e-3)
    ruffled = [n.flatten().clone() for n in normal]
    for target, n in zip(ruffled, turned, strict=True):
        target[index] = n / length
    return [n.view_as(normal[0]) for n in ruffled]


def _light(batch: SceneBatch, points: _Hits, normal: list[Tensor], leafy: Tensor, world: Tensor, family: str) -> Tensor:
    """Light [3, N, R] that arrives at the points. Leaves transmit light where they meet, so there are no dark seams."""
    bounds = tile_bounds(points.point, points.hit)
    open_share = openness(batch, _AMBIENT_REACH[family], points.point, normal, points.solid, bounds)
    open_share = torch.where(leafy, 0.5 + 0.5 * open_share, open_share)
    if family == "rooms":
        open_share = open_share * _corners(world, points.point, points.normal)
    up = 0.5 + 0.5 * normal[2]
    total = torch.lerp(world[3:6], world[0:3], up) * open_share
    per_view = points.depth.shape[0] // len(batch)
    for i in range(batch.lights.shape[1]):
        light = batch.lights[:, i]
        lamp = light.to(points.depth.dtype).repeat_interleave(per_view, 0).T[..., None]
        way = [lamp[j] - points.point[j] for j in range(3)]
        distance = sum(w.square() for w in way).sqrt()
        cosine = sum(w * n for w, n in zip(way, normal, strict=True)) / distance
        # A large lamp lights surfaces although its centre is slightly below their horizon.
        wrap = (lamp[3] / distance).clamp(max=0.5)
        cosine = ((cosine + wrap) / (1 + wrap)).clamp(min=0)
        passed = transmittance(batch, light, points.point, points.solid, points.hit, cosine > 0, bounds)
        strength = cosine * passed * (0.5 + 0.5 * open_share) / (1 + (distance / lamp[7]).square())
        total = total + lamp[4:7] * strength
    return total


@fused
def _corners(world: Tensor, point: list[Tensor], normal: list[Tensor]) -> Tensor:
    """Darkening at the corners of a room; planes that contain the surface are ignored."""
    left = torch.ones_like(point[0])
    strength = 0.3 * (world[18] > world[15])                    # 0 where the scene is no room
    for i in range(3):
        for plane, sign in ((world[15 + i], 1.0), (world[18 + i], -1.0)):
            distance = (point[i] - plane).abs()
            other = 1 - (normal[i] * sign).clamp(min=0)
            left = left * (1 - strength * other * torch.exp(-distance / 0.35))
    return left


def _sky(direction: list[Tensor], length: Tensor, world: Tensor, seed: Tensor) -> Tensor:
    """Colour [3, n] of the sky: haze at the horizon, blue overhead, clouds on a high plane. `world` is [21, n]."""
    up = direction[2] / length
    gradient = torch.lerp(world[6:9], world[10:13], smoothstep(-0.02, 0.75, up).sqrt())
    rise = (up + 0.08).clamp(min=0.02)
    far = torch.full_like(up, 0.02)
    cover = fractal2(direction[0] / length / rise, direction[1] / length / rise, seed, 1.6, far, 5)
    white = smoothstep(0.12, 0.5, cover + 0.5 * world[13]) * smoothstep(0.0, 0.15, up) * 0.85
    shade = 1.02 - 0.25 * smoothstep(0.25, 0.75, cover + 0.5 * world[13])
    return torch.lerp(gradient, shade * world[6:9].mean(0).clamp(min=0.75) * 1.1, white)


def _tone(linear: Tensor) -> Tensor:
    """A film-like curve: a toe that deepens the shadows, highlights that bend; then the display's gamma."""
    light = linear * (linear + 0.25) / (linear + 0.31)
    bent = 1 - torch.exp(-1.15 * light - 0.25 * light * light)
    return bent.clamp(1e-6, 1) ** (1 / 2.2)


def _to_frames(
    batch: SceneBatch, rays: Rays, image: Tensor, middle: _Hits, part: slice, glossy: Tensor, rotation: Tensor,
    scene_of_tile: Tensor, height: int, width: int, family: str,
) -> Frames:
    hit, solid = middle.hit[:, part], middle.solid[:, part]
    turn = rotation.to(image.dtype)[scene_of_tile].flatten(-2).T[..., None]
    x, y, z = (n[:, part] for n in middle.normal)
    normals = torch.stack([turn[3 * i] * x + turn[3 * i + 1] * y + turn[3 * i + 2] * z for i in range(3)]) * hit
    label, instance = batch.label.flatten()[solid], batch.instance.flatten()[solid]

    def picture(values: Tensor) -> Tensor:
        return rays.image(values, height, width).contiguous()

    def planes(values: Tensor) -> Tensor:
        return torch.stack([picture(value) for value in values], dim=1)

    return Frames(
        image=planes(image), depth=picture(middle.depth[:, part] * hit)[:, None], normals=planes(normals),
        semantics=picture(torch.where(hit, label, SKY if family == "streets" else 0)),
        instances=picture(torch.where(hit, instance, 0)), glossy=picture(glossy & hit),
    )
