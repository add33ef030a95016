"""Points where rays meet solids: position, face, normal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depthlib.scenes.batch import ROUND, SceneBatch
from depthlib.scenes.fused import fused
from depthlib.scenes.tables import by_column, columns, dot, of_tiles


@dataclass(frozen=True)
class View:
    """B scenes with a camera each: position [B, 3], rotation [B, 3, 3] (world to camera), inverse_k [B, 3, 3];
    float64.
    """

    scenes: SceneBatch
    position: Tensor
    rotation: Tensor
    inverse_k: Tensor


class Hits:
    """Points at `depth` [N, R] on the rays of N tiles through the pixels u, v [N, R], and what is needed to shade them.

    Attributes:
        hit: [N, R] bool, False on rays without a surface, whose depth is infinite. Their other values mean nothing.
        depth, length: [N, R] along the camera's z, 1 without a surface; length of `direction`.
        solid, face: [N, R] int64, number within the batch; axis of the face, 2 on the ends of solids of revolution.
        direction, point, local, normal: three [N, R] each: of the ray; in the world; in the solid's own frame;
            outwards.
    """

    def __init__(self, view: View, u: Tensor, v: Tensor, depth: Tensor, solid: Tensor) -> None:
        scenes, dtype = view.scenes, u.dtype
        matrix, eye = of_tiles(view.rotation.mT @ view.inverse_k, u), of_tiles(view.position, u)
        self.hit, self.solid = depth.isfinite(), solid
        self.depth = depth.masked_fill(~self.hit, 1.0)
        self.direction = [(matrix[i] * u).add_(matrix[i + 1] * v).add_(matrix[i + 2]) for i in (0, 3, 6)]
        self.length = dot(self.direction, self.direction).sqrt_()
        self.point = [(self.depth * way).add_(start) for way, start in zip(self.direction, eye, strict=True)]
        rows = columns(by_column(torch.cat([scenes.frame.flatten(-2), 1 / scenes.half], -1), dtype), solid)
        x, y, z = self.point
        self.local = [(rows[i] * x).add_(rows[i + 1] * y).add_((rows[i + 2] * z).add_(rows[i + 3])) for i in (0, 4, 8)]
        x, y, z = ((part * rows[12 + i]).abs_() for i, part in enumerate(self.local))
        self.face = (y > x).to(torch.int64).masked_fill_(z > torch.maximum(x, y), 2)
        normal = columns(by_column(scenes.axes.flatten(1, 2), dtype), (3 * solid).add_(self.face))
        normal *= dot(self.direction, normal).sign_().neg_()  # seen faces of boxes point towards the camera
        self.normal = list(normal)
        self._turn_round_sides(scenes)

    def _turn_round_sides(self, scenes: SceneBatch) -> None:
        """Faces and normals on solids of revolution."""
        solid = self.solid.flatten()
        index = (scenes.kind.flatten().index_select(0, solid) == ROUND).nonzero()[:, 0]
        if index.numel() == 0:
            return
        table = by_column(torch.cat([scenes.axes.flatten(-2), scenes.half, scenes.profile], -1), self.depth.dtype)
        rows = columns(table, solid[index])
        unit = torch.stack([part.flatten()[index] for part in self.local]) / rows[9:12]
        end, normal = _round_normal(unit, rows)
        for values, found in zip((self.face, *self.normal), (2 * end, *normal), strict=True):
            values.view(-1).index_copy_(0, index, found)


@fused
def _round_normal(unit: Tensor, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Which points [n] of the unit solid are on its ends (0 or 1), and the three parts of the normals in the world.

    `rows` [15, n]: axes, half extents, profile.
    """
    half, profile = rows[9:12], rows[12:15]
    side = [2 * unit[0] / half[0], 2 * unit[1] / half[1], -(profile[1] + 2 * profile[2] * unit[2]) / half[2]]
    # A point is on a flat end where its distance to the side is larger than to the end.
    excess = profile[0] + unit[2] * (profile[1] + profile[2] * unit[2]) - unit[0].square() - unit[1].square()
    end = (excess > 2 * (1 - unit[2].abs())) & (excess > 1e-5)
    x, y, z = (torch.where(end, flat, round) for flat, round in zip((0.0, 0.0, unit[2].sign()), side, strict=True))
    length = (x * x + y * y + z * z).sqrt().clamp(min=1e-12)
    return end.long(), [(rows[i] * x + rows[3 + i] * y + rows[6 + i] * z) / length for i in range(3)]
