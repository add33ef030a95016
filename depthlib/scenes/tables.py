"""Numbers of solids and views, gathered for many points at once, and products of small matrices with many points."""

from __future__ import annotations

import torch
from torch import Tensor


def of_tiles(values: Tensor, tiles: Tensor) -> Tensor:
    """Numbers [B, ...] of each view for all its `tiles` [N, R]: [C, N, 1] in their precision."""
    values = values.flatten(1).to(tiles.dtype).T[..., None]
    return values.expand(-1, -1, len(tiles) // values.shape[1]).flatten(1)[..., None]


def by_column(table: Tensor, dtype: torch.dtype) -> Tensor:
    """A table [B, P, ...] of solids for `columns`: [C, B P]."""
    return table.flatten(0, 1).flatten(1).to(dtype).T.contiguous()


def columns(table: Tensor, number: Tensor) -> Tensor:
    """Columns of a table [C, B P] for solids [...], numbered within the batch: [C, ...]."""
    return table.gather(1, number.flatten().expand(len(table), -1)).view(len(table), *number.shape)


def where(kept: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
    """Those of the values [n] that are kept, bool [n]; the mask is searched once for all of them."""
    index = kept.nonzero()[:, 0]
    return tuple(one.index_select(0, index) for one in values)


def linear(matrix: Tensor, points: Tensor) -> Tensor:
    """Matrices [n, M, K] times `points` [n, K, R]: [n, M, R]."""
    if points.device.type == "cpu":  # one call costs less than many; on a GPU those are fused with what follows
        return torch.bmm(matrix, points)
    return sum(matrix[:, :, k, None] * points[:, None, k] for k in range(points.shape[1]))


def affine(frame: Tensor, points: Tensor) -> Tensor:
    """Points [n, K, R] in frames [n, M, K + 1], of which the last column is added: [n, M, R]."""
    return linear(frame[..., :-1], points).add_(frame[..., -1:])


def dot(a: list[Tensor] | Tensor, b: list[Tensor] | Tensor) -> Tensor:
    """Scalar product of vectors, the three parts of which are apart."""
    return (a[0] * b[0]).add_(a[1] * b[1]).add_(a[2] * b[2])
