"""The light and the colours of all points that a picture shows.

The light is computed tile by tile, as neighbours share what surrounds them; the colours pattern by pattern.
"""

from __future__ import annotations

import functools
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from depthlib.scenes.blocks import in_blocks, pieces
from depthlib.scenes.culling import BRANCHES, bounds_of
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.fused import fused
from depthlib.scenes.hits import Hits, View
from depthlib.scenes.lighting import openness, transmittance
from depthlib.scenes.noise import fractal2, noise3, resolved, smoothstep
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.raycast import TILE, Rays
from depthlib.scenes.surface import Points, Surface
from depthlib.scenes.tables import by_column, columns, dot, of_tiles
from depthlib.scenes.textures import albedo

_AMBIENT_REACH = {"rooms": 0.7, "streets": 2.0}
_SKY = len(Pattern)


def shaded(
    view: View, rays: Rays, depth: Tensor, solid: Tensor, distribution: SceneDistribution
) -> tuple[Tensor, Tensor]:
    """Linear colour [3, N, 64] and share of glossy surface [N, 64] of the pixels of N tiles.

    Both are 0 where a room has no surface. `depth`, `solid` [N, R]: what the rays meet.
    """
    order = _near_to_far(rays, depth)
    points, patterns = _points(view, rays, depth, solid, order, distribution.family)
    colour, glossy = depth.new_zeros(3, depth.numel()), depth.new_zeros(depth.numel())
    for pattern, index in _by_pattern(patterns).items():
        for some in pieces(index):
            ray = order.flatten().index_select(0, some)
            if pattern != _SKY:
                painted, glass = _painted(points, some, pattern, distribution.texture_contrast)
                glossy.index_copy_(0, ray, glass)
            elif distribution.family == "streets":
                painted = _sky(view, rays, ray)
            else:
                continue
            for values, one in zip(colour, painted, strict=True):
                values.index_copy_(0, ray, one)

    def of_pixels(values: Tensor) -> Tensor:
        return values.view(len(depth), -1, TILE**2)[:, : rays.colour_samples].mean(1)

    return torch.stack([of_pixels(one) for one in colour]), of_pixels(glossy)


def _near_to_far(rays: Rays, depth: Tensor) -> Tensor:
    """Numbers [G, R'] of the rays of N tiles that have a colour; those which follow each other end close together.

    Tiles come in patches of 8 x 8, and in each tile rays by their depth.
    """
    number = torch.arange(len(depth), device=depth.device)
    view, place = number // (rays.rows * rays.columns), number % (rays.rows * rays.columns)
    row, column = place // rays.columns, place % rays.columns
    key = (view * rays.rows + row // 8) * rays.columns + column // 8
    for bit in (4, 2, 1):  # quarters of patches, and of these
        key = 4 * key + 2 * (row & bit > 0) + (column & bit > 0)
    tile = key.argsort()
    depth = depth[tile, : rays.colour_samples * TILE**2]
    # numpy is several times faster
    ray = torch.from_numpy(np.argsort(depth.numpy(), axis=1)) if depth.device.type == "cpu" else depth.argsort(1)
    return (ray + tile[:, None] * rays.u.shape[1]).view(len(tile) * BRANCHES, -1)


def _by_pattern(patterns: Tensor) -> dict[int, Tensor]:
    """Which of the points [M] have each pattern."""
    found: dict[int, list[Tensor]] = defaultdict(list)
    start = 0
    for some in pieces(patterns):
        for pattern in torch.bincount(some).nonzero()[:, 0].tolist():
            found[pattern].append((some == pattern).nonzero()[:, 0] + start)
        start += len(some)
    return {pattern: torch.cat(index) for pattern, index in found.items()}


def _points(view: View, rays: Rays, depth: Tensor, solid: Tensor, order: Tensor, family: str) -> tuple[Points, Tensor]:
    """All points, on the rays `order` [G, R'], with the light that arrives there, and their patterns [G R']."""
    scenes = view.scenes
    given = [values.flatten() for values in (rays.u, rays.v, depth, solid)]

    def surface(order: Tensor) -> tuple[Tensor, ...]:
        hits = Hits(view, *(values.index_select(0, order.flatten()).view_as(order) for values in given))
        slant = dot(hits.direction, hits.normal).abs_().div_(hits.length).clamp_(min=0.12)
        footprint = (hits.depth * of_tiles(view.inverse_k[:, :1, 0], hits.depth)[0]).div_(slant)
        return (
            hits.solid,
            hits.face,
            *hits.local,
            footprint,
            hits.depth * hits.length,
            hits.hit,
            torch.stack(hits.point, 1),
            torch.stack(hits.normal, 1),
        )

    *values, hit, point, normal = in_blocks(surface, order)
    solid, face, x, y, z, footprint, distance = (one.flatten() for one in values)
    points = Points(scenes, solid, face, [x, y, z], footprint, distance, [])
    patterns = scenes.pattern.flatten().to(torch.uint8).index_select(0, solid).masked_fill_(~hit.flatten(), _SKY)
    leaves = (patterns == Pattern.FOLIAGE).nonzero()[:, 0]
    points.light = _light(points, hit, point, normal, leaves, family)
    return points, patterns


def _painted(points: Points, index: Tensor, pattern: int, contrast: float) -> tuple[Tensor, Tensor]:
    """Linear colour [3, n] and share of glossy surface [n] of n of the points, which have the same pattern."""
    surface, scenes = Surface(points, index), points.scenes
    glows = bool((scenes.glow[scenes.pattern == pattern] > 0).any())
    base, glass = albedo(surface, pattern, contrast)
    light = surface.light
    if glows:
        light = torch.lerp(light, torch.ones_like(light), surface.glow.clamp(max=1)).mul_(surface.glow.clamp(min=1))
    world = surface.world
    haze = (surface.distance / world[9]).neg_().exp_().neg_().add_(1)
    colour = torch.lerp(base.mul_(light), world[6:9], haze)
    if glass is None:
        return colour, surface.glossy
    return colour, glass if pattern == Pattern.SCREEN else torch.maximum(surface.glossy, glass)


def _ruffled(normal: Tensor, leaves: Surface, index: Tensor) -> Tensor:
    """Normals [G, 3, R'] for shading: those of leaves, at points `index` [n], are random. The geometry does not
    change.
    """
    cell = 1.3 * leaves.scale
    amount = 2.6 * resolved(cell, leaves.footprint)
    x, y, z = leaves.x / cell, leaves.y / cell, leaves.z / cell
    group, ray = index // normal.shape[2], index % normal.shape[2]
    turned = [normal[group, i, ray] + amount * (noise3(x, y, z, leaves.seed + 31 * i) - 0.5) for i in range(3)]
    length = dot(turned, turned).sqrt().clamp(min=1e-3)
    part = torch.arange(3, device=ray.device)[:, None]
    return normal.index_put((group, part, ray), torch.stack(turned) / length)


def _light(points: Points, hit: Tensor, point: Tensor, normal: Tensor, leaves: Tensor, family: str) -> list[Tensor]:
    """Light, three [M], that arrives at the points [G, 3, R'].

    Leaves, at points [n], transmit light where they meet, so there are no dark seams.
    """
    scenes, solid, flat = points.scenes, points.solid.view_as(hit), normal
    if leaves.numel():
        normal = _ruffled(normal, Surface(points, leaves), leaves)
    bounds = bounds_of(point, hit, solid, len(scenes))
    open_share = openness(scenes, _AMBIENT_REACH[family], point, normal, solid, hit, bounds)
    of_leaves = open_share.view(-1)
    of_leaves.index_copy_(0, leaves, 0.5 + 0.5 * of_leaves[leaves])
    lamps = [scenes.lights[:, i] for i in range(scenes.lights.shape[1])]
    seen = []
    for lamp in lamps:
        distance, cosine = in_blocks(functools.partial(_towards, lamp), point, normal)
        passed = transmittance(scenes, lamp, point, distance, solid, (cosine > 0) & hit, bounds)
        seen += [distance, cosine, passed]

    def total(point: Tensor, flat: Tensor, normal: Tensor, open_share: Tensor, *seen: Tensor) -> Tensor:
        world = of_tiles(scenes.world, open_share)
        if family == "rooms":
            open_share = open_share * _corners(world, point, flat)
        up = (normal[:, 2] * 0.5).add_(0.5)
        light = torch.lerp(world[3:6], world[0:3], up).mul_(open_share)
        half_open = (open_share * 0.5).add_(0.5)
        for i, lamp in enumerate(lamps):
            distance, cosine, passed = seen[3 * i : 3 * i + 3]
            lamp = of_tiles(lamp, distance)
            light += lamp[4:7] * (cosine * passed).mul_(half_open).div_((distance / lamp[7]).square_().add_(1))
        return light

    return [part.flatten() for part in in_blocks(total, point, flat, normal, open_share, *seen)]


def _towards(lamp: Tensor, point: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Distance [G, R'] of points [G, 3, R'] to lamps [B, 8], and the cosine between the way there and the normal."""
    lamp = of_tiles(lamp, point[:, 0])
    way = (lamp[:3].movedim(1, 0) - point).unbind(1)
    distance = dot(way, way).sqrt_()
    cosine = dot(way, normal.unbind(1)).div_(distance)
    # A large lamp lights surfaces although its centre is slightly below their horizon.
    wrap = (lamp[3] / distance).clamp_(max=0.5)
    return distance, cosine.add_(wrap).div_(wrap + 1).clamp_(min=0)


@fused
def _corners(world: Tensor, point: Tensor, normal: Tensor) -> Tensor:
    """Darkening [G, R'] at the corners of a room; planes that contain the surface are ignored."""
    strength = 0.3 * (world[18] > world[15])  # 0 where the scene is no room
    left = None
    for plane, facing in ((world[15:18], normal.clamp(min=0)), (world[18:21], -normal.clamp(max=0))):
        dark = (point - plane.movedim(1, 0)).abs_().div_(-0.35).exp_()
        kept = dark.mul_(facing.sub_(1)).mul_(strength[:, None]).add_(1)
        left = kept if left is None else left.mul_(kept)
    return (left[:, 0] * left[:, 1]).mul_(left[:, 2])


def _sky(view: View, rays: Rays, ray: Tensor) -> Tensor:
    """Colour [3, n] of the sky: haze at the horizon, blue overhead, clouds on a high plane."""
    scenes, dtype = view.scenes, rays.u.dtype
    scene = ray // (rays.u.numel() // len(scenes))
    u, v = (values.flatten().index_select(0, ray) for values in (rays.u, rays.v))
    matrix, world = (
        columns(by_column(table[:, None], dtype), scene) for table in (view.rotation.mT @ view.inverse_k, scenes.world)
    )
    direction = [matrix[3 * i] * u + matrix[3 * i + 1] * v + matrix[3 * i + 2] for i in range(3)]
    length = dot(direction, direction).sqrt_()
    up = direction[2] / length
    gradient = torch.lerp(world[6:9], world[10:13], smoothstep(-0.02, 0.75, up).sqrt())
    rise = (up + 0.08).clamp(min=0.02)
    far = torch.full_like(up, 0.02)
    seed = scenes.sky_seed[scene]
    cover = fractal2(direction[0] / length / rise, direction[1] / length / rise, seed, 1.6, far, 5)
    white = smoothstep(0.12, 0.5, cover + 0.5 * world[13]) * smoothstep(0.0, 0.15, up) * 0.85
    shade = 1.02 - 0.25 * smoothstep(0.25, 0.75, cover + 0.5 * world[13])
    return torch.lerp(gradient, shade * world[6:9].mean(0).clamp(min=0.75) * 1.1, white)
