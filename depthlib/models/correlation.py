"""Correlation of the two views of a rectified stereo pair. DACNN Sec. 3.2."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.geometry.checks import require_tensor

MAX_DISPLACEMENT = 24  # pixels of the map at 1/8, which are 192 of the image


def correlation(left: Tensor, right: Tensor, max_displacement: int = MAX_DISPLACEMENT) -> Tensor:
    """Correlation of left(y, x) and right(y, x - d) for d = 0 ... D: the mean of the product over the channels.

    In a rectified pair a point of the left view lies on the same row of the right one, farther left. So one direction
    is enough, 25 channels for the paper's D = 24 (erratum D8). 0 where x - d is outside the right view (erratum D18).

    Peak memory: about (W + 2 D) / C times `left` in the forward pass, 2 + (W + D) / C with backward.

    Args:
        left, right: [B,C,H,W].
        max_displacement: D, pixels.

    Returns:
        [B,D+1,H,W].

    Raises TypeError or ValueError for other types or shapes, or D < 0.
    """
    left = require_tensor("left", left, (None, None, None, None), "[B,C,H,W] features")
    require_tensor("right", right, tuple(left.shape), f"{list(left.shape)}, as left")
    if max_displacement < 0:
        raise ValueError(f"max_displacement: found {max_displacement}, expected at least 0")
    channels, width = left.shape[1], left.shape[-1]
    # All pairs of a row, of which few are needed: one matrix product is still faster than a product per displacement.
    products = left.permute(0, 2, 3, 1) @ right.permute(0, 2, 1, 3)
    x = torch.arange(width, device=left.device).unsqueeze(1) - torch.arange(max_displacement + 1, device=left.device)
    volume = products.gather(3, x.clamp(min=0).expand(*products.shape[:3], -1))
    return (volume * ((x >= 0).to(volume.dtype) / channels)).permute(0, 3, 1, 2)


class CorrelationBlock(nn.Module):
    """O_C of DACNN Sec. 3.2: the matching volume and the left features, each through a 3x3 convolution and batch norm.

    (features of the left view [B,C,H,W], the maps to match) -> [B,C,H,W], a quarter of the channels from the matching
    volume; ReLU after both are concatenated. The split and the ReLU are not in the paper. The maps to match are the
    features of both views, or with `fine` maps of twice the size, whose volume the convolution halves.

    Args:
        channels: C, at least 2.
        max_displacement: see `correlation`.
        fine: channels of the finer maps; they first pass a 3x3 convolution, since the layers of a trunk so near to the
            image describe no correspondence yet.
    """

    def __init__(self, channels: int, max_displacement: int = MAX_DISPLACEMENT, *, fine: int | None = None) -> None:
        super().__init__()
        matching = max(1, channels // 4)
        self.describe = nn.Identity() if fine is None else nn.Conv2d(fine, 2 * fine, 3, padding=1, bias=False)
        self.matching = nn.Sequential(
            nn.Conv2d(max_displacement + 1, matching, 3, 1 if fine is None else 2, padding=1, bias=False),
            nn.BatchNorm2d(matching),
        )
        self.left = nn.Sequential(
            nn.Conv2d(channels, channels - matching, 3, padding=1, bias=False), nn.BatchNorm2d(channels - matching)
        )
        self.max_displacement = max_displacement

    def forward(self, features: Tensor, left: Tensor, right: Tensor) -> Tensor:
        volume = correlation(self.describe(left), self.describe(right), self.max_displacement)
        return torch.cat([self.matching(volume), self.left(features)], dim=1).relu()
