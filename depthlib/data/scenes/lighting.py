"""Light that arrives at a point: soft shadows of balls of light, and the darkening where surfaces come close.

Both are smooth functions of the point in the world alone, never of the camera or of random samples, so that all views
of a scene agree and no noise is left.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.data.scenes.batch import BOX, ROUND, SceneBatch
from depthlib.data.scenes.noise import smoothstep
from depthlib.data.scenes.raycast import slots

_TINY = 1e-12


def tile_bounds(point: list[Tensor], hit: Tensor) -> tuple[Tensor, Tensor]:
    """Centre [N, 3] and half extent [N, 3] of the points of each tile ([N, R] each) that lie on a solid."""
    low = torch.stack([torch.where(hit, p, torch.inf).amin(1) for p in point], dim=1)
    high = torch.stack([torch.where(hit, p, -torch.inf).amax(1) for p in point], dim=1)
    empty = ~hit.any(1, keepdim=True)
    low, high = low.masked_fill(empty, 0), high.masked_fill(empty, 0)
    return (low + high) / 2, (high - low) / 2


def _in_axes(scenes: SceneBatch, centre: Tensor, extent: Tensor) -> tuple[Tensor, Tensor]:
    """The tiles' boxes in each solid's own axes: centres from the solid's centre and half extents, [N, P, 3] each."""
    per_view = centre.shape[0] // len(scenes)
    axes = scenes.axes.to(centre.dtype)                                                             # [B, P, 3, 3]
    offset = centre.unflatten(0, (len(scenes), per_view))[:, :, None] - scenes.centre.to(centre.dtype)[:, None]
    local = torch.einsum("bpij,btpj->btpi", axes, offset)
    reach = torch.einsum("bpij,btj->btpi", axes.abs(), extent.unflatten(0, (len(scenes), per_view)))
    return local.flatten(0, 1), reach.flatten(0, 1)


def _on_the_way(scenes: SceneBatch, bounds: tuple[Tensor, Tensor], light: Tensor) -> Tensor:
    """[N, P] bool: the solid may stand between the tile's points and the light (conservative).

    It may not where its ball misses the cone from the tile to the light, nor where the whole way passes one of its sides.
    """
    per_view = bounds[0].shape[0] // len(scenes)
    local, reach = _in_axes(scenes, *bounds)
    half = scenes.half.to(local.dtype).repeat_interleave(per_view, 0)                               # [N, P, 3]
    lamp = _in_axes(scenes, light[:, :3], torch.zeros_like(light[:, :3]))[0]
    radius = light[:, 3, None]
    low = torch.minimum(local - reach, lamp - radius[..., None])
    high = torch.maximum(local + reach, lamp + radius[..., None])
    beside = ((low > half - 1e-3) | (high < 1e-3 - half)).any(-1)
    way = lamp - local
    length = way.norm(dim=-1)
    along = (-(local * way).sum(-1) / length / length).clamp(0, 1)
    distance = (local + along[..., None] * way).norm(dim=-1)
    near = distance < half.norm(dim=-1) + torch.lerp(bounds[1].norm(dim=1)[:, None], radius, along) + 0.02
    return near & ~beside


def transmittance(
    scenes: SceneBatch,
    light: Tensor,
    point: list[Tensor],
    solid: Tensor,
    hit: Tensor,
    facing: Tensor,
    bounds: tuple[Tensor, Tensor],
) -> Tensor:
    """Share [N, R] of a light that no solid hides.

    Args:
        light: [B, 8], one light of each scene.
        point: three [N, R] world coordinates. solid: [N, R] the solid each lies on, which cannot hide its own light.
        hit: [N, R] bool. facing: [N, R] bool, False where the light is behind the surface and no answer is needed.
        bounds: of `tile_bounds`.
    """
    dtype = point[0].dtype
    per_view = solid.shape[0] // len(scenes)
    light = light.to(dtype).repeat_interleave(per_view, 0)                                          # [N, 8]
    reaches = _on_the_way(scenes, bounds, light) & (facing & hit).any(1, keepdim=True)
    unit = scenes.axes / scenes.half[..., None]
    table = torch.cat([unit.flatten(-2), -(unit @ scenes.centre[..., None])[..., 0], scenes.half, scenes.profile], -1)
    table = table.flatten(0, 1).to(dtype)                                                          # [B P, 18]
    kind = scenes.kind.repeat_interleave(per_view, 0)
    passed = torch.ones_like(point[0])
    distance = sum((light[:, i, None] - point[i]).square() for i in range(3)).sqrt()
    for which, clearance in ((BOX, _box_clearance), (ROUND, _round_clearance)):
        for rows, column in slots(reaches & (kind == which)):
            number = rows // per_view * kind.shape[1] + column
            row = table[number].T[..., None]
            x, y, z = (p[rows] for p in point)
            lamp = light[rows].T[..., None]
            length = distance[rows]
            start = [_affine(row, i, x, y, z) for i in range(3)]
            step = [(_affine(row, i, lamp[0], lamp[1], lamp[2]) - start[i]) / length for i in range(3)]
            gap, away, present = clearance(row, start, step, length)
            # the shadow's edge is as wide as the light looks when seen past the solid
            width = lamp[3] * (away / length).clamp(0, 1) + 0.004
            hidden = smoothstep(width, -width, gap) * present * (number[:, None] != solid[rows])
            passed[rows] = passed[rows] * (1 - hidden)
    return passed


def _affine(row: Tensor, i: int, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return row[3 * i] * x + row[3 * i + 1] * y + (row[3 * i + 2] * z + row[9 + i])


def _box_clearance(row: Tensor, start: list[Tensor], step: list[Tensor], length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Does a box stand between a point and a light?

    Args:
        row: [18, n, 1] of the table. start, step: three [n, R], the point and the direction per metre in unit coordinates.
        length: [n, R] metres to the light.

    Returns:
        By how many metres the box must grow on all sides to touch the way (negative: shrink); how many metres away
        that is; and 0 where the box is behind the point or beyond the light, else 1, with a step of a millimetre.
    """
    near, far, per_metre = [], [], []
    for i in range(3):
        inverse = (step[i] + _TINY).reciprocal()
        middle, reach = -start[i] * inverse, inverse.abs()
        near.append(middle - reach)
        far.append(middle + reach)
        per_metre.append(reach / row[12 + i])
    gap = None
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = torch.maximum(near[i] - far[j], near[j] - far[i]) / (per_metre[i] + per_metre[j])
        gap = both if gap is None else torch.maximum(gap, both)
    enter = torch.maximum(torch.maximum(near[0], near[1]), near[2])
    leave = torch.minimum(torch.minimum(far[0], far[1]), far[2])
    return gap, (enter + leave) / 2, _fade_in(leave) * _fade_in(length - enter)


def _fade_in(metres: Tensor) -> Tensor:
    return (metres * 1000 - 1).clamp(0, 1)


def _round_clearance(row: Tensor, start: list[Tensor], step: list[Tensor], length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for solids of revolution: the distance to the side at the closest point of the way within |z| <= 1."""
    ox, oy, oz = start
    dx, dy, dz = step
    c0, c1, c2 = row[15:18]
    inverse = (dz + _TINY).reciprocal()
    middle, reach = -oz * inverse, inverse.abs()
    low, high = (torch.minimum(end.clamp(min=0), length) for end in (middle - reach, middle + reach))
    a = dx * dx + dy * dy - c2 * dz * dz
    b = ox * dx + oy * dy - dz * (c2 * oz + c1 / 2)
    away = torch.minimum(torch.maximum(-b / (a + _TINY), low), high)
    qx, qy, qz = (o + away * d for o, d in zip(start, step, strict=True))
    level = qx * qx + qy * qy + 1 - (c0 + qz * (c1 + c2 * qz))
    gap = (level.clamp(min=0).sqrt() - 1) * torch.minimum(row[12], row[13])
    return gap, away, _fade_in(away) * _fade_in(high - low)


def openness(
    scenes: SceneBatch, reach: float, point: list[Tensor], normal: list[Tensor], solid: Tensor, bounds: tuple[Tensor, Tensor],
) -> Tensor:
    """Share [N, R] of the light from all around that nearby solids leave over; they count up to `reach` metres away."""
    dtype = point[0].dtype
    per_view = solid.shape[0] // len(scenes)
    local, extent = _in_axes(scenes, *bounds)
    half = scenes.half.to(dtype).repeat_interleave(per_view, 0)
    spread = half.amax(-1).clamp(max=reach)                     # small solids darken what is near them alone
    near = (local.abs() - half - extent).clamp(min=0).norm(dim=-1) < spread
    # A tile that lies on one solid alone need not be tested against it.
    alone = (solid == solid[:, :1]).all(1)
    own = solid[:, 0] - torch.arange(len(scenes), device=solid.device).repeat_interleave(per_view) * half.shape[1]
    near[alone, own[alone]] = False
    kind = scenes.kind.repeat_interleave(per_view, 0)
    table = torch.cat([scenes.axes.flatten(-2), -(scenes.axes @ scenes.centre[..., None])[..., 0], scenes.half], -1)
    table = table.flatten(0, 1).to(dtype)
    left = torch.ones_like(point[0])
    for which in (BOX, ROUND):
        for rows, column in slots(near & (kind == which)):
            number = rows // per_view * kind.shape[1] + column
            row = table[number].T[..., None]
            x, y, z = (p[rows] for p in point)
            local = [_affine(row, i, x, y, z) for i in range(3)]
            if which == BOX:
                nearest = [torch.minimum(torch.maximum(local[i], -row[12 + i]), row[12 + i]) for i in range(3)]
            else:
                length = sum((local[i] / row[12 + i]).square() for i in range(3)).sqrt().clamp(min=1)
                nearest = [local[i] / length for i in range(3)]
            gap = [nearest[i] - local[i] for i in range(3)]
            distance = (gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2] + 1e-8).sqrt()
            nx, ny, nz = (n[rows] for n in normal)
            across = sum(gap[i] * (row[3 * i] * nx + row[3 * i + 1] * ny + row[3 * i + 2] * nz) for i in range(3)) / distance
            fade = (1 - distance / row[12:15].amax(0).clamp(max=reach)).clamp(min=0)
            # half of the way a surface looks past the solid, so that even sideways neighbours darken it a little
            hidden = 0.55 * fade * fade * (0.35 + 0.65 * across).clamp(min=0) * (number[:, None] != solid[rows])
            left[rows] = left[rows] * (1 - hidden)
    return left
