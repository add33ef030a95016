"""Light at a point: soft shadows of spherical lights, and ambient occlusion.

Both are smooth functions of the point in the world alone, never of the camera or of random samples, so that all views
of a scene agree, without noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from depthlib.scenes.batch import BOX, ROUND, SceneBatch
from depthlib.scenes.culling import Bounds, pairs
from depthlib.scenes.fused import fused
from depthlib.scenes.noise import smoothstep
from depthlib.scenes.tables import affine, by_column, columns, dot, linear, where

_TINY = 1e-12
_EDGE = 0.004  # half the least width of a shadow's edge, metres


def _by_kind(
    scenes: SceneBatch, functions: tuple[Callable, Callable], group: Tensor, number: Tensor
) -> Iterator[tuple[Callable, Tensor, Tensor]]:
    """The pairs of boxes with the first function, and those of solids of revolution with the second."""
    kind = scenes.kind.flatten()[number]
    for which, function in zip((BOX, ROUND), functions, strict=True):
        yield function, *where(kind == which, group, number)


def _multiply(
    values: Tensor, frame: Tensor, table: Tensor, group: Tensor, number: Tensor, factor: Callable[..., Tensor]
) -> None:
    """Multiply values [G, R'] with the factors [n, R'] of pairs, a group [n] and the number of a solid [n] each.

    Groups ascend and may repeat. `factor` makes those of some pairs from the frames of the solids [n, 3, 4], their
    columns of the table [C, n], their numbers and the groups.
    """
    frame = frame.flatten(0, 1)
    # few enough for a processor's cache, enough to fill a GPU
    size = 192 if group.device.type == "cpu" else 2**17
    for rows, of in zip(group.split(size), number.split(size), strict=True):
        if len(rows) == 0:
            return
        factors = factor(frame.index_select(0, of), columns(table, of), of, rows)
        first, last = rows.aminmax()
        lengths = torch.bincount(rows - first)
        values[first : last + 1] *= torch.segment_reduce(factors, "prod", lengths=lengths, unsafe=True)


@fused
def _on_the_way(place: Tensor, row: Tensor, centre: Tensor, extent: Tensor) -> Tensor:
    """[n] bool: the solid may stand between the points of a tile and a light (conservative).

    It may not where its ball misses the cone from the tile to the light, nor where the whole way passes one of its
    sides. The latter leaves out contact shadows of a few millimetres, which is part of how canonical frames look.

    Args:
        place: [12, n], row: [14, n] of the solids, `places` and `table` in `transmittance`. centre, extent: [3, n] of
            the boxes.
    """
    half, radius = row[:3], row[13]
    local, lamp, reach = _placed(place, centre) * half, row[7:10] * half, _reach(place, extent) * half
    beside = torch.minimum(local - reach, lamp - radius) > half - 1e-3
    beside |= torch.maximum(local + reach, lamp + radius) < 1e-3 - half
    way = lamp - local
    length = _norm(way)
    along = (-dot(local, way) / length / length).clamp(0, 1)
    near = _norm(local + along * way) < _norm(half) + torch.lerp(_norm(extent), radius, along) + 0.02
    return near & ~beside.any(0)


def transmittance(
    scenes: SceneBatch, light: Tensor, point: Tensor, distance: Tensor, solid: Tensor, facing: Tensor, bounds: Bounds
) -> Tensor:
    """Share [G, R'] of a light that is not hidden.

    Args:
        light: [B, 8], one light of each scene.
        point: [G, 3, R'] world coordinates; distance: [G, R'] from them to the light.
        solid: [G, R'] the solid each lies on, which cannot hide its own light.
        facing: [G, R'] bool, False where there is no point or the light is behind the surface; such points are skipped.
    """
    dtype = point.dtype
    frame = scenes.unit_frame.to(dtype)  # [B, P, 3, 4]
    light = light[:, None].to(dtype).expand(*scenes.kind.shape, -1)
    end = (frame[..., :3] * light[..., None, :3]).sum(-1) + frame[..., 3]
    # half extents, profile, whether it is round; the light seen from the solid, and in the world; its radius
    rows = [scenes.half, scenes.profile, (scenes.kind == ROUND)[..., None], end, light[..., :4]]
    table, places = by_column(torch.cat(rows, -1), dtype), by_column(frame.mT, dtype)
    passed = torch.ones_like(distance)

    def may_shade(number: Tensor, *box: Tensor) -> Tensor:
        return _may_shade(columns(places, number), columns(table, number), *box)

    def on_the_way(number: Tensor, *box: Tensor) -> Tensor:
        return _on_the_way(columns(places, number), columns(table, number), *box)

    found = pairs(scenes, bounds, facing.any(1), may_shade, on_the_way)
    for clearance, group, number in _by_kind(scenes, (_box_clearance, _round_clearance), *found):
        shade = functools.partial(_unhidden, clearance, point, distance, solid)
        _multiply(passed, frame, table, group, number, shade)
    return passed


@fused
def _unhidden(
    clearance: Callable[..., tuple[Tensor, Tensor, Tensor]],
    point: Tensor,
    distance: Tensor,
    solid: Tensor,
    frame: Tensor,
    row: Tensor,
    number: Tensor,
    rows: Tensor,
) -> Tensor:
    """Share [n, R'] of the light that each solid [n] leaves for the points of its group, one of `rows` [n].

    `frame` [n, 3, 4], `row` [14, n]: of the solids, as in `transmittance`.
    """
    row = row[..., None]
    point, length, solid = (values.index_select(0, rows) for values in (point, distance, solid))
    start = affine(frame, point)
    step = (row[7:10].movedim(1, 0) - start).div_(length[:, None]).add_(_TINY)
    gap, away, present = clearance(row, start, step, length)
    # the shadow's edge is as wide as the light looks when seen past the solid
    width = away.div_(length).clamp_(0, 1).mul_(row[13]).add_(_EDGE)
    hidden = smoothstep(1, -1, gap.div_(width)).mul_(present).masked_fill_(solid == number[:, None], 0)
    return torch.rsub(hidden, 1)


@fused
def _may_shade(place: Tensor, row: Tensor, centre: Tensor, extent: Tensor) -> Tensor:
    """[n] bool: may a solid hide a part of the light from any of a group of points (conservative)?

    The box around the points shrinks to a point on its straight way to the light. Somewhere it has to meet the solid,
    grown by half the width of the shadow's edge, and it must not pass one of the solid's sides all the way.

    Args:
        place: [12, n], row: [14, n] of the solids, `places` and `table` in `transmittance`. centre, extent: [3, n] of
            the boxes.
    """
    is_round, end, light, radius = row[6] > 0, row[7:10], row[10:13], row[13]
    start, reach = _placed(place, centre), _reach(place, extent)
    across = 1 / torch.minimum(row[0], row[1])
    edge, slope = _edge_of_box(start, end, reach, 1 / row[:3], radius)
    edge, slope = torch.where(is_round, _EDGE, edge), torch.where(is_round, radius, slope)
    grow = torch.where(is_round, torch.stack([across, across, torch.zeros_like(across)]), 1 / row[:3])
    sides = torch.stack([~is_round, ~is_round, torch.ones_like(is_round)])
    # solids nearer than a millimetre hide nothing
    skipped = 0.99e-3 / (_norm(light - centre) + _norm(extent))
    here, there = torch.stack([start, -start]), torch.stack([end, -end])
    way = there - here
    beside = (skipped * way + here - reach > 1 + 1e-9) & (there > 1 + 1e-9) & sides
    # here + t way - (1 - t) reach <= 1 + (edge + t slope) grow
    pace = way.add_(reach - slope * grow).add_(1e-300)  # not 0 / 0
    when = (1 + 1e-6 + reach + edge * grow - here) / pace
    # a sum with a large number, as a choice for each solid costs more on a CPU
    back = (pace < 0).to(when.dtype).mul_(1e30)
    last = (when + back).flatten(0, 1).amin(0)
    first = when.add_(back.sub_(1e30)).flatten(0, 1).amax(0)
    return (first.clamp(min=0) <= last.clamp(max=1)) & ~beside.flatten(0, 1).any(0)


def _norm(v: Tensor) -> Tensor:
    return dot(v, v).sqrt_()


def _edge_of_box(start: Tensor, end: Tensor, reach: Tensor, grow: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Bound edge + t slope, [n] each, on `width` in `transmittance` where the way comes closest to a box, at share t of
    it.

    A way that misses the box has its width taken in the middle between leaving one pair of sides and entering another.
    The closest point lies between these too, and they are at most width x (1 / speed + 1 / other speed) apart. Sides
    between which the way stays throughout are neither of the two.
    """
    between = (start.abs() + reach < 1) & (end.abs() < 1)
    slow = torch.where(between, 0.0, grow / ((end - start).abs() - reach).clamp(min=_TINY))
    share = 1 - radius / 2 * (slow[0] + slow[1] + slow[2] - slow.amin(0))
    # where that says little: it leaves before the closest point, and enters before the light
    edge = torch.where(share > 0.5, _EDGE / share, _EDGE + radius / 2)
    return edge, torch.where(share > 0.5, radius / share, radius / 2)


def _placed(place: Tensor, point: Tensor) -> Tensor:
    """Points [3, n] in the frames of solids: [3, n]. `place` [12, n]: frames, column by column."""
    return place[0:3] * point[0] + place[3:6] * point[1] + place[6:9] * point[2] + place[9:12]


def _reach(place: Tensor, extent: Tensor) -> Tensor:
    """How far boxes with half extents [3, n] reach along the axes of solids: [3, n]."""
    return place[0:3].abs() * extent[0] + place[3:6].abs() * extent[1] + place[6:9].abs() * extent[2]


def _box_clearance(row: Tensor, start: Tensor, step: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Does a box stand between a point and a light?

    Args:
        row: [14, n, 1] of the solids, `table` in `transmittance`. length: [n, R] metres to the light.
        start, step: [n, 3, R], the point and the direction per metre in unit coordinates, which are changed.

    Returns:
        By how many metres the box must grow on all sides to touch the way (negative: shrink); how many metres away
        that is; and 0 where the box is behind the point or beyond the light, else 1, with a step of a millimetre.
    """
    inverse = step.reciprocal_()
    middle, reach = start.mul_(inverse).neg_(), inverse.abs_()
    near, far = (middle - reach).unbind(1), middle.add_(reach).unbind(1)
    per_metre = reach.div_(row[:3].movedim(1, 0)).unbind(1)
    gap = None
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = torch.maximum(near[i] - far[j], near[j] - far[i]).div_(per_metre[i] + per_metre[j])
        gap = both if gap is None else torch.maximum(gap, both)
    enter = torch.maximum(torch.maximum(near[0], near[1]), near[2])
    leave = torch.minimum(torch.minimum(far[0], far[1]), far[2])
    return gap, (enter + leave).div_(2), _fade_in(leave).mul_(_fade_in(length - enter))


def _fade_in(metres: Tensor) -> Tensor:
    return (metres * 1000).sub_(1).clamp_(0, 1)


def _round_clearance(row: Tensor, start: Tensor, step: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for solids of revolution: the distance to the side at the closest point of the way within |z| <= 1."""
    (ox, oy, oz), (dx, dy, dz) = start.unbind(1), step.unbind(1)
    c0, c1, c2 = row[3:6]
    inverse = dz.reciprocal()
    middle, reach = -oz * inverse, inverse.abs()
    low, high = (torch.minimum(end.clamp(min=0), length) for end in (middle - reach, middle + reach))
    a = dx * dx + dy * dy - c2 * dz * dz
    b = ox * dx + oy * dy - dz * (c2 * oz + c1 / 2)
    away = torch.minimum(torch.maximum(-b / (a + _TINY), low), high)
    qx, qy, qz = (start + away[:, None] * step).unbind(1)
    level = qx * qx + qy * qy + 1 - (c0 + qz * (c1 + c2 * qz))
    gap = (level.clamp(min=0).sqrt() - 1) * torch.minimum(row[0], row[1])
    return gap, away, _fade_in(away).mul_(_fade_in(high - low))


def openness(
    scenes: SceneBatch, reach: float, point: Tensor, normal: Tensor, solid: Tensor, hit: Tensor, bounds: Bounds
) -> Tensor:
    """Share [G, R'] of the light from all around that nearby solids leave over; they count up to `reach` metres away.

    `point`, `normal`: [G, 3, R']; `solid`, `hit`: [G, R'].
    """
    dtype = point.dtype
    frame = scenes.frame.to(dtype)  # [B, P, 3, 4]
    places = by_column(frame.mT, dtype)
    radius = scenes.half.amax(-1, keepdim=True).clamp(max=reach)  # small solids darken what is near them alone
    table = by_column(torch.cat([scenes.half, radius], -1), dtype)
    geometry = torch.cat([point, normal], 2)  # turned together
    left = torch.ones_like(point[:, 0])

    def near(number: Tensor, centre: Tensor, extent: Tensor) -> Tensor:
        place, row = columns(places, number), columns(table, number)
        apart = (_placed(place, centre).abs() - row[:3] - _reach(place, extent)).clamp(min=0)
        return _norm(apart) < row[3]

    found = pairs(scenes, bounds, hit.any(1), near)
    for nearest, group, number in _by_kind(scenes, (_nearest_of_box, _nearest_of_ball), *found):
        _multiply(left, frame, table, group, number, functools.partial(_open, nearest, geometry, solid))
    return left


@fused
def _open(
    nearest: Callable[[Tensor, Tensor], Tensor],
    geometry: Tensor,
    solid: Tensor,
    frame: Tensor,
    row: Tensor,
    number: Tensor,
    rows: Tensor,
) -> Tensor:
    """Share [n, R'] of the ambient light that each solid [n] leaves for the points of its group, one of `rows` [n].

    `frame` [n, 3, 4], `row` [4, n]: of the solids.
    """
    row = row[..., None]
    geometry, solid = geometry.index_select(0, rows), solid.index_select(0, rows)
    local, turned = linear(frame[..., :3], geometry).chunk(2, dim=2)
    local += frame[..., 3:]
    gap = nearest(row[:3].movedim(1, 0), local).sub_(local)
    turned *= gap
    distance = dot(*[gap.unbind(1)] * 2).add_(1e-8).sqrt_()
    across = (turned[:, 0] + turned[:, 1]).add_(turned[:, 2]).div_(distance)
    fade = distance.div_(row[3]).sub_(1).clamp_(max=0)
    # half of the way a surface looks past the solid, so that even sideways neighbours darken it a little
    dark = fade.square_().mul_(across.mul_(0.65).add_(0.35).clamp_(min=0)).mul_(-0.55)
    return dark.masked_fill_(solid == number[:, None], 0).add_(1)


def _nearest_of_box(half: Tensor, local: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(local, half), -half)


def _nearest_of_ball(half: Tensor, local: Tensor) -> Tensor:
    unit = local / half
    return local / dot(*[unit.unbind(1)] * 2).sqrt_().clamp_(min=1)[:, None]
