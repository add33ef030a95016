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

from depthlib.scenes.batch import BOX, PADDING, ROUND, SceneBatch
from depthlib.scenes.blocks import pieces
from depthlib.scenes.fused import fused
from depthlib.scenes.tables import by_column, columns, where

TILE = 8
NEAR = 0.05
# If faces of two solids coincide, the one that was built first wins, in every precision.
_TIE = 1 - 5e-6
_NOWHERE = 1e30  # depth of a ray that meets nothing, while others are looked for
_TINY = 1e-20  # keeps 1 / direction finite where a direction is exactly 0


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
    inside = torch.stack([u.flatten(), v.flatten()], dim=-1) + offsets[:, None, [1, 0]]  # [S, 64, 2]
    top = torch.arange(rows, dtype=dtype, device=device) * TILE
    left = torch.arange(columns, dtype=dtype, device=device) * TILE
    tile = torch.stack(torch.meshgrid(top, left, indexing="ij"), dim=-1).reshape(1, -1, 2)
    tile = tile.expand(views, -1, 2).reshape(-1, 1, 2)
    u, v = (tile[..., i] + inside[..., 1 - i].reshape(1, -1) for i in (1, 0))
    return Rays(u, v, offsets.shape[0], antialias**2, centre, rows, columns, views)


def slots(row: Tensor, *values: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Walk through a ragged list of candidates.

    Args:
        row: [n] whose candidates they are, ascending. values: [n] what they are.

    Yields:
        For k = 0, 1, ...: the rows that have a k-th candidate, and its values.
    """
    counts = torch.bincount(row)
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    order = place.argsort(stable=True)
    sizes = torch.bincount(place).tolist()
    return zip(*(value[order].split(sizes) for value in (row, *values)), strict=True)


def visible_tiles(scenes: SceneBatch, position: Tensor, rotation: Tensor, inverse_k: Tensor, rays: Rays) -> Tensor:
    """[N, P] bool: the solid's bounding box reaches into the cone of rays through the tile (conservative)."""
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64, device=position.device)
    offsets = (signs * scenes.half[:, :, None]) @ scenes.axes  # [B, P, 8, 3]
    corners = (offsets + (scenes.centre - position[:, None])[:, :, None]) @ rotation[:, None].mT
    in_front = corners[..., 2].amax(-1) > NEAR

    def between(coordinate: Tensor, tiles: int, focal: Tensor, centre: Tensor) -> Tensor:
        edges = torch.arange(tiles + 1, dtype=torch.float64, device=position.device) * TILE - 0.5
        slopes = edges * focal[:, None] + centre[:, None]  # [B, tiles + 1]
        # [B, P, 8, tiles + 1]
        sides = coordinate[..., None] - slopes[:, None, None] * corners[..., 2, None]
        return (sides.amax(2)[..., :-1] >= 0) & (sides.amin(2)[..., 1:] <= 0)  # [B, P, tiles]

    across = between(corners[..., 0], rays.columns, inverse_k[:, 0, 0], inverse_k[:, 0, 2])
    down = between(corners[..., 1], rays.rows, inverse_k[:, 1, 1], inverse_k[:, 1, 2])
    mask = down[:, :, :, None] & across[:, :, None, :] & in_front[:, :, None, None]
    return mask.permute(0, 2, 3, 1).flatten(0, 2)


def first_hit(
    scenes: SceneBatch, position: Tensor, rotation: Tensor, inverse_k: Tensor, rays: Rays
) -> tuple[Tensor, Tensor]:
    """Nearest solid along each ray.

    Args:
        scenes: B scenes; position [B, 3], rotation [B, 3, 3] (world to camera), inverse_k [B, 3, 3]: all float64.
        rays: their dtype decides in which precision the rays are traced.

    Returns:
        depth [N, R] along the camera's z, infinite without a hit; solid [N, R] int64, its number within the
        batch (scene x P + column), 0 without a hit.
    """
    dtype, solids = rays.u.dtype, scenes.kind.shape[1]
    unit = scenes.axes / scenes.half[..., None]
    origin = (unit @ (position[:, None] - scenes.centre)[..., None])[..., 0]  # [B, P, 3]
    directions = unit @ (rotation.mT @ inverse_k)[:, None]  # [B, P, 3, 3]
    moments = torch.linalg.cross(origin[..., None].expand_as(directions), directions, dim=-2)
    ways = torch.cat([directions, moments], -2).flatten(0, 1).to(dtype)  # [B P, 6, 3]
    table = by_column(torch.cat([origin, scenes.profile], -1), dtype)
    tile, column = visible_tiles(scenes, position, rotation, inverse_k, rays).nonzero().T
    number = tile // (rays.rows * rays.columns) * solids + column
    least, most = _span(origin.flatten(0, 1)[number], directions.flatten(0, 1)[number], rays, tile)
    kind = torch.where(least <= most, scenes.kind.flatten()[number], PADDING)
    pixel = torch.stack([rays.u, rays.v], 1)
    depth, solid = torch.full_like(rays.u, _NOWHERE), torch.zeros_like(rays.u)
    farthest = depth[:, 0].clone()
    for which, enter, lines in ((BOX, _enter_box, 3), (ROUND, _enter_round, 6)):
        for tiles, numbers, nearest in slots(*where(kind == which, tile, number, least)):
            # what begins behind all that a tile shows is hidden there
            shown = where(nearest < farthest[tiles], tiles, numbers)
            for some, of in zip(*(pieces(values, rays.u.shape[1]) for values in shown), strict=True):
                way = ways[:, :lines].index_select(0, of)
                found = _nearest(enter, way, columns(table, of), of, some, pixel, depth, solid)
                for values, new in zip((depth, solid, farthest), found, strict=True):
                    values.index_copy_(0, some, new)
    return depth.masked_fill_(depth == _NOWHERE, torch.inf), solid.to(torch.int64)


def _span(origin: Tensor, directions: Tensor, rays: Rays, tile: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest depth [n] at which a ray of a tile [n] may be in the unit box (conservative).

    No ray is in it if they are the other way round.

    `origin` [n, 3]; `directions` [n, 3, 3], linear functions of (u, v, 1).
    """
    ends = torch.stack([torch.stack(torch.aminmax(values, dim=1)) for values in (rays.u, rays.v)]).double()[:, :, tile]
    middle, spread = ends.mean(1), (ends[:, 1] - ends[:, 0]) / 2  # [2, n]
    way = directions[..., 0] * middle[0, :, None] + directions[..., 1] * middle[1, :, None] + directions[..., 2]
    reach = directions[..., 0].abs() * spread[0, :, None] + directions[..., 1].abs() * spread[1, :, None]
    # on each side of the box: here + t way - t reach <= 1
    here, pace = torch.cat([origin, -origin], 1), torch.cat([way - reach, -way - reach], 1)
    when = (1 + 1e-6 - here) / pace
    least = torch.where(pace < 0, when, NEAR).amax(1)
    return least.clamp(min=NEAR) * (1 - 1e-6), torch.where(pace > 0, when, torch.inf).amin(1) * (1 + 1e-6)


@fused
def _nearest(
    enter: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    ways: Tensor,
    row: Tensor,
    number: Tensor,
    tiles: Tensor,
    pixel: Tensor,
    depth: Tensor,
    solid: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth and solid [n, R] of `tiles` [n] after the solids `number` [n] were tested there, too; largest depth [n].

    Of these solids: `ways` [n, 3 or 6, 3], direction and moment as linear functions of the pixel (u, v, 1); `row`
    [6, n], origin and profile. `solid` holds whole numbers in the precision of `depth`.
    """
    depth, solid = depth.index_select(0, tiles), solid.index_select(0, tiles)
    found, met = enter(row[..., None], _along(ways, pixel.index_select(0, tiles)))
    # interpolation with 0 and 1, as a choice for each ray costs more on a CPU
    nearer = (met & (found > NEAR) & (found < depth * _TIE)).to(depth.dtype)
    depth = torch.lerp(depth, found, nearer)
    return depth, torch.lerp(solid, number[:, None].to(solid.dtype), nearer), depth.amax(1)


def _along(ways: Tensor, pixel: Tensor) -> Tensor:
    """Linear functions [n, K, 3] of (u, v, 1) at pixels [n, 2, R]: [n, K, R].

    A product of matrices would be rounded in another way for another number of rays.
    """
    of_u = torch.addcmul(ways[..., 2:], ways[..., :1], pixel[:, :1])
    return torch.addcmul(of_u, ways[..., 1:2], pixel[:, 1:])


def _enter_box(row: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
    """Depth [n, R] at which rays enter boxes, and whether they do.

    `row` [6, n, 1]: origin, profile; `way` [n, 3, R]: directions, which are changed.
    """
    inverse = way.add_(_TINY).reciprocal_()
    middle, reach = inverse * -row[:3].movedim(1, 0), inverse.abs_()
    near, far = (middle - reach).unbind(1), middle.add_(reach).unbind(1)
    enter = torch.maximum(torch.maximum(near[0], near[1]), near[2])
    return enter, enter < torch.minimum(torch.minimum(far[0], far[1]), far[2])


def _enter_round(row: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
    """The same for solids of revolution.

    `row` [6, n, 1]: origin, profile; `way` [n, 6, R]: direction d and moment m = o x d. With d and m the discriminant
    has no difference of large numbers, so that thin poles stay thin in float32.
    """
    ox, oy, oz, c0, c1, c2 = row
    dx, dy, dz, mx, my, mz = way.unbind(1)
    a = (dx * dx).add_(dy * dy).sub_(dz * dz * c2)
    b = (dx * ox).add_(dy * oy).sub_(dz * (c2 * oz + c1 / 2))
    # my = oz dx - ox dz and mx = oy dz - oz dy
    discriminant = (mx * mx).add_(my * my).mul_(c2).sub_(mz * mz)
    discriminant += (dx * my).sub_(dy * mx).add_((dz * dz).mul_(c1 / 4)).mul_(c1)
    discriminant += a * c0
    root = discriminant.clamp(min=0).sqrt_()
    inverse = (dz + _TINY).reciprocal_()
    middle, reach = inverse * -oz, inverse.abs_()
    a += _TINY
    enter = torch.maximum((-b - root).div_(a), middle - reach)
    leave = torch.minimum((root - b).div_(a), middle.add_(reach))
    return enter, (discriminant > 0) & (enter < leave)
