"""A camera and random poses."""

import torch
from tensors import F64

from depthlib import geometry as g


def intrinsics(height: int, width: int, batch: int = 1, dtype: torch.dtype = F64) -> torch.Tensor:
    K = torch.tensor(
        [[0.8 * width, 0.0, 0.47 * width], [0.0, 0.9 * width, 0.55 * height], [0.0, 0.0, 1.0]], dtype=dtype
    )
    return K.expand(batch, 3, 3).clone()


def random_pose(rng: torch.Generator, batch: int = 1, angle: float = 0.1, shift: float = 0.2) -> torch.Tensor:
    vector = torch.randn(batch, 6, generator=rng, dtype=F64) * torch.tensor([angle] * 3 + [shift] * 3, dtype=F64)
    return g.pose_from_axis_angle(vector)
