"""Predictions that ignore the image: the floors that every network has to beat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.geometry import pixel_grid
from depthlib.models.blocks import check_image

CAMERA_HEIGHT, HALF_WIDTH, END = 1.6, 6.0, 60.0        # metres, of a typical street


class MeanDepth(nn.Module):
    """One depth for every pixel of every image: `max_depth` / 2 until `fit` is called.

    It has no parameters to train; the value is a buffer, so it is saved with the weights.
    """

    depth: Tensor

    def __init__(self, *, max_depth: float = 40.0) -> None:
        super().__init__()
        self.register_buffer("depth", torch.tensor(max_depth / 2))

    @torch.no_grad()
    def fit(self, depths: Tensor | Iterable[Tensor]) -> MeanDepth:
        """Take the mean over all valid pixels, each counted once. Depths in metres, any shape, invalid = 0.

        Raises ValueError if no pixel is valid.
        """
        total, count = 0.0, 0
        for depth in [depths] if isinstance(depths, Tensor) else depths:
            valid = depth > 0
            total += torch.where(valid, depth, 0).sum(dtype=torch.float64).item()
            count += int(valid.sum())
        if count == 0:
            raise ValueError("depths: found no valid pixel, expected at least one value above 0")
        self.depth.fill_(total / count)
        return self

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        return self.depth.to(image).expand(image.shape[0], 1, *image.shape[-2:]).clone()


def empty_street(K: Tensor, height: int, width: int) -> Tensor:
    """Depth [1,H,W] of a flat road between two walls, closed at its end; level camera with intrinsics K [3,3]."""
    u, v = pixel_grid(height, width)[0]
    down, aside = (v - K[1, 2]) / K[1, 1], ((u - K[0, 2]) / K[0, 0]).abs()
    inverse = torch.stack([down / CAMERA_HEIGHT, aside / HALF_WIDTH, torch.full_like(u, 1 / END)]).amax(dim=0)
    return 1 / inverse[None]


def mean_depth(dataset: Dataset[dict[str, Any]]) -> Tensor:
    """Mean of the valid depth at each pixel of a data set, [1,H,W]; the overall mean where a pixel is never valid."""
    count = len(dataset)                                                                    # type: ignore[arg-type]
    depths = torch.stack([dataset[i]["depth"] for i in range(count)])
    known = depths > 0
    mean = depths.sum(dim=0) / known.sum(dim=0).clamp(min=1)
    return torch.where(known.any(dim=0), mean, depths.sum() / known.sum())
