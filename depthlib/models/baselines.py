"""Depth maps that ignore the image, for pictures and comparisons; the floors of tables are in `floors.py`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.geometry import pixel_grid

CAMERA_HEIGHT, HALF_WIDTH, END = 1.6, 6.0, 60.0  # metres, of a typical street


def empty_street(K: Tensor, height: int, width: int) -> Tensor:
    """Depth [1,H,W] of a flat road between two walls, closed at its end; level camera with intrinsics K [3,3]."""
    u, v = pixel_grid(height, width)[0]
    down, aside = (v - K[1, 2]) / K[1, 1], ((u - K[0, 2]) / K[0, 0]).abs()
    inverse = torch.stack([down / CAMERA_HEIGHT, aside / HALF_WIDTH, torch.full_like(u, 1 / END)]).amax(dim=0)
    return 1 / inverse[None]


def mean_depth(dataset: Dataset[dict[str, Any]]) -> Tensor:
    """Mean of the valid depth at each pixel of a data set, [1,H,W]; the overall mean where a pixel is never valid."""
    count = len(dataset)  # type: ignore[arg-type]
    depths = torch.stack([dataset[i]["depth"] for i in range(count)])
    known = depths > 0
    mean = depths.sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.any(dim=0), mean, depths.sum() / known.sum())
