"""Light at a point: soft shadows of spherical lights, and ambient occlusion.

Both are smooth functions of the point in the world alone, never of the camera or of random samples, so that all views
of a scene agree, without noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.scenes.batch import BOX, ROUND, SceneBatch
from depthlib.scenes.fused import fused
from depthlib.scenes.noise import smoothstep

_TINY = 1e-12
_EDGE = 0.004       # half the least width of a shadow's edge, metres
_GROUPS = 4         # in each tile


@dataclass(frozen=True)
class Bounds:
    """Boxes around the points of N tiles of R rays, and around G groups of R' of them that lie close together.

    Attributes:
        centre, extent: [N, 3] middle and half extent of each tile's points.
        order: [G, R'] the rays of each group, counted through all tiles; the groups of a tile follow each other.
        group_centre, group_extent: [G, 3].
    """

    centre: Tensor
    extent: Tensor
    order: Tensor
    group_centre: Tensor
    group_extent: Tensor

    def group(self, values: Tensor) -> Tensor:
        """[N, R] -> [G, R']."""
        return values.flatten().index_select(0, self.order.flatten()).view_as(self.order)

    def ungroup(self, values: Tensor) -> Tensor:
        """[G, R'] -> [N, R]."""
        flat = values.flatten()
        return torch.empty_like(flat).index_copy_(0, self.order.flatten(), flat).view(len(self.centre), -1)


def tile_bounds(point: list[Tensor], hit: Tensor) -> Bounds:
    """Bounds of the points ([N, R] each) that lie on a solid.

    A tile at the edge of a solid reaches far in depth, so its rays are sorted along its longest side and cut into
    groups.
    """
    centre, extent = _box(point, hit)
    longest = extent.argmax(1)
    along = torch.stack(point)[longest, torch.arange(len(hit), device=hit.device)]                  # [N, R]
    order = torch.where(hit, along, torch.inf).argsort(1)
    order = (order + torch.arange(len(hit), device=hit.device)[:, None] * hit.shape[1]).view(-1, hit.shape[1] // _GROUPS)
    return Bounds(centre, extent, order, *_box([p.flatten()[order] for p in point], hit.flatten()[order]))


def _box(point: list[Tensor], hit: Tensor) -> tuple[Tensor, Tensor]:
    """Centre [N, 3] and half extent [N, 3] of the points ([N, R] each) that lie on a solid, 0 where none does."""
    low = torch.stack([torch.where(hit, p, torch.inf).amin(1) for p in point], dim=1)
    high = torch.stack([torch.where(hit, p, -torch.inf).amax(1) for p in point], dim=1)
    empty = ~hit.any(1, keepdim=True)
    low, high = low.masked_fill(empty, 0), high.masked_fill(empty, 0)
    return (low + high) / 2, (high - low) / 2


def _in_axes(scenes: SceneBatch, centre: Tensor, extent: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [B, T, 3] in each solid's own axes: centres from the solid's centre and half extents, [3, B, T, P] each."""
    axes = scenes.axes.to(centre.dtype).permute(2, 0, 3, 1)                                         # [3, B, 3, P]
    origin = (axes * scenes.centre.to(centre.dtype).mT).sum(2, keepdim=True)
    return centre @ axes - origin, extent @ axes.abs()


def _on_the_way(scenes: SceneBatch, bounds: Bounds, light: Tensor) -> Tensor:
    """[N, P] bool: the solid may stand between the tile's points and the light (conservative).

    It may not where its ball misses the cone from the tile to the light, nor where the whole way passes one of its
    sides. The latter leaves out contact shadows of a few millimetres, which is part of how canonical frames look.
    """
    light, centre, extent = (t.unflatten(0, (len(scenes), -1)) for t in (light, bounds.centre, bounds.extent))
    local, reach = _in_axes(scenes, centre, extent)
    lamp, _ = _in_axes(scenes, light[:, :1, :3], torch.zeros_like(light[:, :1, :3]))                # [3, B, 1, P]
    half = scenes.half.to(local.dtype).movedim(-1, 0)[:, :, None].contiguous()
    radius = light[:, :1, 3:4]
    return _near_the_way(local, reach, lamp, half, extent.norm(dim=-1, keepdim=True), radius).flatten(0, 1)


@fused
def _near_the_way(local: Tensor, reach: Tensor, lamp: Tensor, half: Tensor, spread: Tensor, radius: Tensor) -> Tensor:
    """[B, T, P] bool: from boxes `local` +- `reach` [3, B, T, P] in balls of radius `spread` [B, T, 1] to lamps [3, B,
    1, P].
    """
    beside = torch.zeros_like(local[0], dtype=torch.bool)
    for i in range(3):
        beside |= torch.minimum(local[i] - reach[i], lamp[i] - radius) > half[i] - 1e-3
        beside |= torch.maximum(local[i] + reach[i], lamp[i] + radius) < 1e-3 - half[i]
    way = [lamp[i] - local[i] for i in range(3)]
    length = sum(w.square() for w in way).sqrt()
    along = (-sum(local[i] * way[i] for i in range(3)) / length / length).clamp(0, 1)
    distance = sum((local[i] + along * way[i]).square() for i in range(3)).sqrt()
    return (distance < sum(half[i].square() for i in range(3)).sqrt() + torch.lerp(spread, radius, along) + 0.02) & ~beside


def transmittance(
    scenes: SceneBatch,
    light: Tensor,
    point: list[Tensor],
    solid: Tensor,
    hit: Tensor,
    facing: Tensor,
    bounds: Bounds,
) -> Tensor:
    """Share [N, R] of a light that is not hidden.

    Args:
        light: [B, 8], one light of each scene.
        point: three [N, R] world coordinates. solid: [N, R] the solid each lies on, which cannot hide its own light.
        hit: [N, R] bool. facing: [N, R] bool, False where the light is behind the surface; such points are skipped.
        bounds: of `tile_bounds`.
    """
    dtype = point[0].dtype
    per_view = solid.shape[0] // len(scenes)
    light = light.to(dtype).repeat_interleave(per_view, 0)                                          # [N, 8]
    reaches = _on_the_way(scenes, bounds, light) & (facing & hit).any(1, keepdim=True)
    unit = scenes.axes / scenes.half[..., None]
    table = torch.cat([unit.flatten(-2), -(unit @ scenes.centre[..., None])[..., 0], scenes.half, scenes.profile], -1)
    table = table.flatten(0, 1).to(dtype)                                                           # [B P, 18]
    light = light.repeat_interleave(_GROUPS, 0)
    point, solid = [bounds.group(p) for p in point], bounds.group(solid)
    lit = bounds.group(facing & hit).any(1)
    distance = sum((light[:, i, None] - point[i]).square() for i in range(3)).sqrt()
    passed = torch.ones_like(point[0])
    for which, clearance in ((BOX, _box_clearance), (ROUND, _round_clearance)):
        group, number = _pairs(scenes, reaches & _of_kind(scenes, which, per_view), solid)
        box = bounds.group_centre[group].T, bounds.group_extent[group].T
        keep = lit[group] & _may_shade(table[number].T, which, *box, light[group].T)
        group, number = group[keep], number[keep]
        _multiply(passed, group, [
            _unhidden(clearance, table, of, rows, light, *point, distance, solid) for rows, of in _chunks(group, number)
        ])
    return bounds.ungroup(passed)


@fused
def _unhidden(
    clearance: Callable[..., tuple[Tensor, Tensor, Tensor]], table: Tensor, number: Tensor, rows: Tensor, light: Tensor,
    x: Tensor, y: Tensor, z: Tensor, distance: Tensor, solid: Tensor,
) -> Tensor:
    """Share [n, R'] of the light that each solid [n] leaves for the points of its group, one of `rows` [n]."""
    row, lamp = table[number].T[..., None], light[rows].T[..., None]
    x, y, z, length, solid = (values.index_select(0, rows) for values in (x, y, z, distance, solid))
    start = [_affine(row, i, x, y, z) for i in range(3)]
    step = [(_affine(row, i, lamp[0], lamp[1], lamp[2]) - start[i]) / length for i in range(3)]
    gap, away, present = clearance(row, start, step, length)
    # the shadow's edge is as wide as the light looks when seen past the solid
    width = lamp[3] * (away / length).clamp(0, 1) + _EDGE
    return 1 - smoothstep(width, -width, gap) * present * (number[:, None] != solid)


def _of_kind(scenes: SceneBatch, which: int, per_view: int) -> Tensor:
    """[N, P] bool."""
    return (scenes.kind == which).repeat_interleave(per_view, 0)


def _pairs(scenes: SceneBatch, near: Tensor, solid: Tensor) -> tuple[Tensor, Tensor]:
    """Groups of points and the solids that matter to them.

    Args:
        near: [N, P] bool, the solids near each tile. solid: [G, R'] those that the points lie on.

    Returns:
        group [n], ascending, and the solid's number within the batch [n]. A group that lies on one solid alone is not
        paired with that one.
    """
    tile, column = near.nonzero().T
    group = (tile[:, None] * _GROUPS + torch.arange(_GROUPS, device=tile.device)).flatten()
    number = (tile // (len(near) // len(scenes)) * near.shape[1] + column).repeat_interleave(_GROUPS)
    group, order = group.sort(stable=True)
    number = number[order]
    alone = torch.where((solid == solid[:, :1]).all(1), solid[:, 0], -1)
    keep = number != alone[group]
    return group[keep], number[keep]


def _chunks(group: Tensor, number: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs to work on together: few enough for a processor's cache, enough to fill a GPU."""
    size = 256 if group.device.type == "cpu" else 2**17
    return zip(group.split(size), number.split(size), strict=True)


def _multiply(values: Tensor, group: Tensor, factors: list[Tensor]) -> None:
    """Multiply values [G, R'] with all factors [n, R'] of each group; `group` [n] is ascending."""
    lengths = torch.bincount(group, minlength=len(values))
    values *= torch.segment_reduce(torch.cat(factors), "prod", lengths=lengths, unsafe=True)


@fused
def _may_shade(row: Tensor, which: int, centre: Tensor, extent: Tensor, light: Tensor) -> Tensor:
    """[n] bool: may a solid hide a part of the light from any of a group of points (conservative)?

    The box around the points shrinks to a point on its straight way to the light. Somewhere it has to meet the solid,
    grown by half the width of the shadow's edge, and it must not pass one of the solid's sides all the way.

    Args:
        row: [18, n] of the table. centre, extent: [3, n] of the boxes. light: [8, n].
    """
    radius = light[3]
    start = [_affine(row, i, *centre) for i in range(3)]
    end = [_affine(row, i, *light[:3]) for i in range(3)]
    reach = [_reach(row, i, *extent) for i in range(3)]
    if which == ROUND:
        across = 1 / torch.minimum(row[12], row[13])
        grow = [across, across, torch.zeros_like(across)]
        edge, slope, sides = torch.full_like(radius, _EDGE), radius, (2,)
    else:
        grow, sides = [1 / row[12 + i] for i in range(3)], (0, 1, 2)
        edge, slope = _edge_of_box(start, end, reach, grow, radius)
    # solids nearer than a millimetre hide nothing
    skipped = 0.99e-3 / ((light[:3] - centre).norm(dim=0) + extent.norm(dim=0))
    first, last = torch.zeros_like(radius), torch.ones_like(radius)
    beside = torch.zeros_like(radius, dtype=torch.bool)
    for i in range(3):
        for sign in (1, -1):
            here, way = sign * start[i], sign * (end[i] - start[i])
            if i in sides:
                beside |= (here - reach[i] + skipped * way > 1 + 1e-9) & (sign * end[i] > 1 + 1e-9)
            # here + t way - (1 - t) reach <= 1 + (edge + t slope) grow
            pace = way + reach[i] - slope * grow[i]
            when = (1 + 1e-6 + reach[i] + edge * grow[i] - here) / pace
            last = torch.where(pace > 0, torch.minimum(last, when), last)
            first = torch.where(pace < 0, torch.maximum(first, when), first)
    return (first <= last) & ~beside


def _edge_of_box(
    start: list[Tensor], end: list[Tensor], reach: list[Tensor], grow: list[Tensor], radius: Tensor,
) -> tuple[Tensor, Tensor]:
    """Bound edge + t slope, [n] each, on `width` in `transmittance` where the way comes closest to a box, at share t of
    it.

    A way that misses the box has its width taken in the middle between leaving one pair of sides and entering another.
    The closest point lies between these too, and they are at most width x (1 / speed + 1 / other speed) apart. Sides
    between which the way stays throughout are neither of the two.
    """
    slow = [
        torch.where((start[i].abs() + reach[i] < 1) & (end[i].abs() < 1), 0.0,
                    grow[i] / ((end[i] - start[i]).abs() - reach[i]).clamp(min=_TINY))
        for i in range(3)
    ]
    share = 1 - radius / 2 * (slow[0] + slow[1] + slow[2] - torch.minimum(torch.minimum(slow[0], slow[1]), slow[2]))
    # where that says little: it leaves before the closest point, and enters before the light
    edge = torch.where(share > 0.5, _EDGE / share, _EDGE + radius / 2)
    return edge, torch.where(share > 0.5, radius / share, radius / 2)


def _affine(row: Tensor, i: int, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return row[3 * i] * x + row[3 * i + 1] * y + (row[3 * i + 2] * z + row[9 + i])


def _reach(row: Tensor, i: int, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """How far a box with half extents x, y, z reaches along the i-th axis of a solid."""
    return row[3 * i].abs() * x + row[3 * i + 1].abs() * y + row[3 * i + 2].abs() * z


def _box_clearance(row: Tensor, start: list[Tensor], step: list[Tensor], length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Does a box stand between a point and a light?

    Args:
        row: [18, n, 1] of the table. start, step: three [n, R], the point and the direction per metre in unit
            coordinates.
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
    scenes: SceneBatch, reach: float, point: list[Tensor], normal: list[Tensor], solid: Tensor, bounds: Bounds,
) -> Tensor:
    """Share [N, R] of the light from all around that nearby solids leave over; they count up to `reach` metres away."""
    dtype = point[0].dtype
    per_view = solid.shape[0] // len(scenes)
    local, extent = _in_axes(scenes, *(t.unflatten(0, (len(scenes), -1)) for t in (bounds.centre, bounds.extent)))
    half = scenes.half.to(dtype).movedim(-1, 0)[:, :, None].contiguous()
    spread = half.amax(0).clamp(max=reach)                      # small solids darken what is near them alone
    near = ((local.abs() - half - extent).clamp(min=0).square().sum(0) < spread.square()).flatten(0, 1)
    table = torch.cat([scenes.axes.flatten(-2), -(scenes.axes @ scenes.centre[..., None])[..., 0], scenes.half], -1)
    table = table.flatten(0, 1).to(dtype)
    radius = table[:, 12:15].amax(1).clamp(max=reach)
    point, normal = ([bounds.group(p) for p in t] for t in (point, normal))
    solid = bounds.group(solid)
    left = torch.ones_like(point[0])
    for which, nearest in ((BOX, _nearest_of_box), (ROUND, _nearest_of_ball)):
        group, number = _pairs(scenes, near & _of_kind(scenes, which, per_view), solid)
        row, centre, extent = table[number].T, bounds.group_centre[group].T, bounds.group_extent[group].T
        apart = [(_affine(row, i, *centre).abs() - row[12 + i] - _reach(row, i, *extent)).clamp(min=0) for i in range(3)]
        keep = sum(a.square() for a in apart).sqrt() < radius[number]
        group, number = group[keep], number[keep]
        _multiply(left, group, [
            _open(nearest, table, of, rows, *point, *normal, solid, radius) for rows, of in _chunks(group, number)
        ])
    return bounds.ungroup(left)


@fused
def _open(
    nearest: Callable[[Tensor, list[Tensor]], list[Tensor]], table: Tensor, number: Tensor, rows: Tensor,
    x: Tensor, y: Tensor, z: Tensor, nx: Tensor, ny: Tensor, nz: Tensor, solid: Tensor, radius: Tensor,
) -> Tensor:
    """Share [n, R'] of the ambient light that each solid [n] leaves for the points of its group, one of `rows` [n]."""
    row, fades = table[number].T[..., None], radius[number][:, None]
    x, y, z, nx, ny, nz, solid = (values.index_select(0, rows) for values in (x, y, z, nx, ny, nz, solid))
    local = [_affine(row, i, x, y, z) for i in range(3)]
    gap = [there - here for there, here in zip(nearest(row, local), local, strict=True)]
    distance = (gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2] + 1e-8).sqrt()
    across = sum(gap[i] * (row[3 * i] * nx + row[3 * i + 1] * ny + row[3 * i + 2] * nz) for i in range(3)) / distance
    fade = (1 - distance / fades).clamp(min=0)
    # half of the way a surface looks past the solid, so that even sideways neighbours darken it a little
    return 1 - 0.55 * fade * fade * (0.35 + 0.65 * across).clamp(min=0) * (number[:, None] != solid)


def _nearest_of_box(row: Tensor, local: list[Tensor]) -> list[Tensor]:
    return [torch.clamp(local[i], -row[12 + i], row[12 + i]) for i in range(3)]


def _nearest_of_ball(row: Tensor, local: list[Tensor]) -> list[Tensor]:
    length = sum((local[i] / row[12 + i]).square() for i in range(3)).sqrt().clamp(min=1)
    return [part / length for part in local]
