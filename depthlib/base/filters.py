"""Image filters shared by losses and metrics."""

from __future__ import annotations

import torch
from torch import Tensor


def sobel(maps: Tensor, *, normalized: bool = False) -> tuple[Tensor, Tensor]:
    """Gradients along x and y by the 3x3 Sobel kernels, the border repeated: [B,C,H,W] -> twice [B,C,H,W].

    The plain kernels give 8 times the difference of neighbours; `normalized` divides by that.
    """
    # Concatenated rather than padded: the backward pass of replication padding is not deterministic on CUDA.
    p = torch.cat([maps[..., :1], maps, maps[..., -1:]], dim=-1)
    p = torch.cat([p[..., :1, :], p, p[..., -1:, :]], dim=-2)
    along_x, along_y = p[..., 2:] - p[..., :-2], p[..., 2:, :] - p[..., :-2, :]
    along_x = along_x[..., :-2, :] + 2 * along_x[..., 1:-1, :] + along_x[..., 2:, :]
    along_y = along_y[..., :-2] + 2 * along_y[..., 1:-1] + along_y[..., 2:]
    return (along_x / 8, along_y / 8) if normalized else (along_x, along_y)
