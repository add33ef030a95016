"""Small networks without a trunk, and nested ones by their formula."""

from __future__ import annotations

import torch
from torch import nn

from depthlib.models import create_model

SMALL = {"unet": {"width": 8}, "unetpp": {"width": 8}, "anu": {"width": 8}, "fcrn": {"width": 0.125}}


def small(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL[name], **options)


def nested_by_formula(model: nn.Module, image: torch.Tensor, factors: dict[str, float]) -> torch.Tensor:
    """X(i,j) by the recursion of the U-Net++ paper, each node times its factor."""

    def x(i: int, j: int) -> torch.Tensor:
        if j == 0:
            inputs = image if i == 0 else nn.functional.max_pool2d(x(i - 1, 0), 2)
        else:
            below = nn.functional.interpolate(x(i + 1, j - 1), scale_factor=2, mode="bilinear", align_corners=True)
            inputs = torch.cat([*(x(i, k) for k in range(j)), below], dim=1)
        return model.nodes[f"{i}{j}"](inputs) * factors.get(f"{i}{j}", 1.0)

    return x(0, 4)
