"""Primary visibility: the first solid along each ray, and its depth.

The image is cut into tiles of 8 x 8 pixels. A solid is tested only in the tiles that its bounding box can be seen in,
so the work is a list of (tile, solid) pairs; the k-th candidates of all tiles are tested together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.scenes.batch import BOX, ROUND, SceneBatch
from depthlib.scenes.fused import fused

TILE = 8
NEAR = 0.05
# If faces of two solids coincide, the one that was built first wins, in every precision.
_TIE = 1 - 5e-6
_TINY = 1e-20       # keeps 1 / direction finite where a direction is exactly 0


@dataclass(frozen=True)
class Rays:
    """Rays of B views in tiles: N = B x rows x columns tiles of R rays each.

    `u`, `v` [N, R] are pixel coordinates; the rays of a tile are ordered by sample, then row, then column, and the
    pixel centres are sample number `centre`. A ray is position + depth x direction with depth along the camera's z.
    """

    u: Tensor
    v: Tensor
    samples: int
    colour_samples: int
    centre: int
    rows: int
    columns: int
    views: int

    def image(self, values: Tensor, height: int, width: int) -> Tensor:
        """Values of one sample [N, 64, ...] -> [B, height, width, ...]."""
        rest = values.shape[2:]
        grid = values.reshape(self.views, self.rows, self.columns, TILE, TILE, *rest).transpose(2, 3)
        return grid.reshape(self.views, self.rows * TILE, self.columns * TILE, *rest)[:, :height, :width]


def make_rays(views: int, height: int, width: int, antialias: int, dtype: torch.dtype, device: torch.device) -> Rays:
    """antialias x antialias rays a pixel, and the one through its centre where these do not contain it."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    steps = (torch.arange(antialias, dtype=dtype, device=device) + 0.5) / antialias - 0.5
    offsets = torch.cartesian_prod(steps, steps).reshape(-1, 2)
    centre = antialias**2 // 2
    if antialias % 2 == 0:
        centre = antialias**2
        offsets = torch.cat([offsets, offsets.new_zeros(1, 2)])
    pixel = torch.arange(TILE, dtype=dtype, device=device)
    v, u = torch.meshgrid(pixel, pixel, indexing="ij")
    inside = torch.stack([u.flatten(), v.flatten()], dim=-1) + offsets[:, None, [1, 0]]           # [S, 64, 2]
    top = torch.arange(rows, dtype=dtype, device=device) * TILE
    left = torch.arange(columns, dtype=dtype, device=device) * TILE
    tile = torch.stack(torch.meshgrid(top, left, indexing="ij"), dim=-1).reshape(1, -1, 2)
    tile = tile.expand(views, -1, 2).reshape(-1, 1, 2)
    u, v = (tile[..., i] + inside[..., 1 - i].reshape(1, -1) for i in (1, 0))
    return Rays(u, v, offsets.shape[0], antialias**2, centre, rows, columns, views)


def slots(candidates: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Walk through a ragged list of candidates.

    Args:
        candidates: [N, P] bool.

    Yields:
        For k = 0, 1, ...: the rows [n] that have a k-th candidate, and that candidate [n].
    """
    counts = candidates.sum(dim=1)
    counts, order = torch.sort(counts, descending=True, stable=True)
    columns = candidates[order].nonzero()[:, 1]
    starts = torch.cumsum(counts, 0) - counts
    histogram = torch.bincount(counts).flip(0).cumsum(0).flip(0).tolist()      # rows that have at least k candidates
    for k, rows in enumerate(histogram[1:]):
        yield order[:rows], columns[starts[:rows] + k]


def visible_tiles(scenes: SceneBatch, position: Tensor, rotation: Tensor, inverse_k: Tensor, rays: Rays) -> Tensor:
    """[N, P] bool: the solid's bounding box reaches into the cone of rays through the tile (conservative)."""
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64, device=position.device)
    offsets = (signs * scenes.half[:, :, None]) @ scenes.axes                                      # [B, P, 8, 3]
    corners = (offsets + (scenes.centre - position[:, None])[:, :, None]) @ rotation[:, None].mT
    in_front = corners[..., 2].amax(-1) > NEAR

    def between(coordinate: Tensor, tiles: int, focal: Tensor, centre: Tensor) -> Tensor:
        edges = torch.arange(tiles + 1, dtype=torch.float64, device=position.device) * TILE - 0.5
        slopes = edges * focal[:, None] + centre[:, None]                                          # [B, tiles + 1]
        sides = coordinate[..., None] - slopes[:, None, None] * corners[..., 2, None]              # [B, P, 8, tiles + 1]
        return (sides.amax(2)[..., :-1] >= 0) & (sides.amin(2)[..., 1:] <= 0)                      # [B, P, tiles]

    across = between(corners[..., 0], rays.columns, inverse_k[:, 0, 0], inverse_k[:, 0, 2])
    down = between(corners[..., 1], rays.rows, inverse_k[:, 1, 1], inverse_k[:, 1, 2])
    mask = down[:, :, :, None] & across[:, :, None, :] & in_front[:, :, None, None]
    return mask.permute(0, 2, 3, 1).flatten(0, 2)


def first_hit(scenes: SceneBatch, position: Tensor, rotation: Tensor, inverse_k: Tensor, rays: Rays) -> tuple[Tensor, Tensor]:
    """Nearest solid along each ray.

    Args:
        scenes: B scenes; position [B, 3], rotation [B, 3, 3] (world to camera), inverse_k [B, 3, 3]: all float64.
        rays: their dtype decides in which precision the rays are traced.

    Returns:
        depth [N, R] along the camera's z, infinite without a hit; solid [N, R] int64, its number within the
        batch (scene x P + column), 0 without a hit.
    """
    dtype = rays.u.dtype
    unit = scenes.axes / scenes.half[..., None]
    origin = (unit @ (position[:, None] - scenes.centre)[..., None])[..., 0]                       # [B, P, 3]
    directions = unit @ (rotation.mT @ inverse_k)[:, None]                                         # [B, P, 3, 3]
    moments = torch.linalg.cross(origin[..., None].expand_as(directions), directions, dim=-2)
    tables = (
        torch.cat([origin, directions.flatten(-2)], -1).flatten(0, 1).to(dtype),
        torch.cat([origin, scenes.profile, directions.flatten(-2), moments.flatten(-2)], -1).flatten(0, 1).to(dtype),
    )
    mask = visible_tiles(scenes, position, rotation, inverse_k, rays)
    tiles_per_view = rays.rows * rays.columns
    kind = scenes.kind.repeat_interleave(tiles_per_view, dim=0)
    depth = torch.full_like(rays.u, torch.inf)
    solid = torch.zeros_like(rays.u, dtype=torch.int64)
    for which, intersect, table in ((BOX, _box_depth, tables[0]), (ROUND, _round_depth, tables[1])):
        for rows, column in slots(mask & (kind == which)):
            number = rows // tiles_per_view * mask.shape[1] + column
            nearest, first = _nearest(intersect, table, number, rows, rays.u, rays.v, depth, solid)
            depth.index_copy_(0, rows, nearest)
            solid.index_copy_(0, rows, first)
    return depth, solid


@fused
def _nearest(
    intersect: Callable[[Tensor, Tensor, Tensor], Tensor], table: Tensor, number: Tensor, rows: Tensor,
    u: Tensor, v: Tensor, depth: Tensor, solid: Tensor,
) -> tuple[Tensor, Tensor]:
    """Depth and solid [n, R] of the tiles `rows` [n] after the solids `number` [n] were tested there, too."""
    u, v, depth, solid = (values.index_select(0, rows) for values in (u, v, depth, solid))
    found = intersect(table[number].T[..., None], u, v)
    nearer = found < depth * _TIE
    return torch.where(nearer, found, depth), torch.where(nearer, number[:, None], solid)


def _linear(row: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return torch.addcmul(torch.addcmul(row[2], row[0], u), row[1], v)


def _box_depth(table: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Depth [n, R] at which rays enter boxes; `table` [12, n, 1]: origin, and direction as linear function of (u, v,
    1).
    """
    enter = leave = None
    for i in range(3):
        inverse = (_linear(table[3 + 3 * i: 6 + 3 * i], u, v) + _TINY).reciprocal()
        middle = inverse * -table[i]
        reach = inverse.abs()
        enter = middle - reach if enter is None else torch.maximum(enter, middle - reach)
        leave = middle + reach if leave is None else torch.minimum(leave, middle + reach)
    return torch.where((enter < leave) & (enter > NEAR), enter, torch.inf)


def _round_depth(table: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Depth [n, R] at which rays enter solids of revolution.

    `table` [24, n, 1]: origin, profile, and as linear functions of (u, v, 1) the direction d and the moment m = o x d.
    With d and m the discriminant has no difference of large numbers, so that thin poles stay thin in float32.
    """
    ox, oy, oz, c0, c1, c2 = table[:6]
    dx, dy, dz, mx, my, mz = (_linear(table[6 + 3 * i: 9 + 3 * i], u, v) for i in range(6))
    flat = dx * dx + dy * dy
    a = flat - c2 * dz * dz
    b = ox * dx + oy * dy - dz * (c2 * oz + c1 / 2)
    # my = oz dx - ox dz and mx = oy dz - oz dy
    discriminant = c2 * (mx * mx + my * my) - mz * mz + c1 * (dx * my - dy * mx + c1 / 4 * dz * dz) + a * c0
    root = discriminant.clamp(min=0).sqrt()
    inverse = (dz + _TINY).reciprocal()
    middle, reach = inverse * -oz, inverse.abs()
    a = a + _TINY
    enter = torch.maximum((-b - root) / a, middle - reach)
    leave = torch.minimum((root - b) / a, middle + reach)
    return torch.where((discriminant > 0) & (enter < leave) & (enter > NEAR), enter, torch.inf)
