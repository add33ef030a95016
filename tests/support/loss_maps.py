"""Depth maps whose losses are worked out by hand, random ones with invalid pixels, and pairs of random pictures."""

from __future__ import annotations

import torch
from tensors import F64, as_map
from torch import Tensor

# e = pred - target:   0 -2  3     the 3 is invalid, so five pixels count
#                      1  0 -3
PRED = as_map([[1, 2, 4], [3, 5, 6]])
TARGET = as_map([[1, 4, 1], [2, 5, 9]])
VALID = as_map([[1, 1, 0], [1, 1, 1]]).bool()
ALL = torch.ones_like(VALID)


def random_maps(height: int = 13, width: int = 14, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Depths of 1 to 9 m; some invalid pixels near a corner, so that full windows remain."""
    generator = torch.Generator().manual_seed(0)
    pred, target = 1 + 8 * torch.rand(2, batch, 1, height, width, generator=generator, dtype=torch.float64)
    valid = torch.ones(batch, 1, height, width, dtype=torch.bool)
    valid[0, 0, 0, :3] = False
    valid[:, 0, -1, -1] = False
    return pred, target, valid


def pair(seed: int = 0, size: tuple[int, int] = (20, 30), batch: int = 2) -> tuple[Tensor, Tensor]:
    return tuple(torch.rand(2, batch, 3, *size, generator=torch.Generator().manual_seed(seed), dtype=F64))
