"""Depth that does not look at the image: the floor that every network has to beat."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.geometry import pixel_grid

CAMERA_HEIGHT, HALF_WIDTH, END = 1.6, 6.0, 60.0        # metres, of a street of which nothing is known


class FixedMap(nn.Module):
    """The same depth map [1,H,W] for every image [B,3,H,W]."""

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth)

    def forward(self, image: Tensor) -> Tensor:
        return self.depth.expand(len(image), *self.depth.shape)


def empty_street(K: Tensor, height: int, width: int) -> Tensor:
    """Depth [1,H,W] of a flat road between two walls with an end, seen by a level camera with intrinsics K [3,3]."""
    u, v = pixel_grid(height, width)[0]
    down, aside = (v - K[1, 2]) / K[1, 1], ((u - K[0, 2]) / K[0, 0]).abs()
    inverse = torch.stack([down / CAMERA_HEIGHT, aside / HALF_WIDTH, torch.full_like(u, 1 / END)]).amax(dim=0)
    return 1 / inverse[None]


def mean_depth(dataset: Dataset) -> Tensor:
    """Mean of the known depth at each pixel over a data set with labels, [1,H,W]; its mean where a pixel is never known."""
    depths = torch.stack([dataset[i]["depth"] for i in range(len(dataset))])
    known = depths > 0
    mean = depths.sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.any(dim=0), mean, depths.sum() / known.sum())
