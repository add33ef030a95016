"""A random pattern, moved by a known shift, and the camera that sees it."""

from __future__ import annotations

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from depthlib.geometry import pixel_grid
from depthlib.geometry.warp import sample_pixels

SIZE = (96, 160)
K = torch.tensor([[140.0, 0, 79.5], [0, 140.0, 47.5], [0, 0, 1]])


def pattern(shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Grey [96,160], smooth; `shift` (right, down) in pixels and fractions."""
    return _sampled(pixel_grid(*SIZE) - torch.tensor(shift).view(1, 2, 1, 1))


def turned(rotation: tuple[float, float, float]) -> Tensor:
    """The same pattern, infinitely far away, after the camera has turned by a rotation vector."""
    R = torch.from_numpy(Rotation.from_rotvec(rotation).as_matrix()).float()
    before = torch.linalg.inv(K @ R @ torch.linalg.inv(K))
    points = torch.cat((pixel_grid(*SIZE), torch.ones(1, 1, *SIZE)), dim=1)
    seen = torch.einsum("ij,bjhw->bihw", before, points)
    return _sampled(seen[:, :2] / seen[:, 2:])


def _sampled(at: Tensor) -> Tensor:
    texture = torch.rand(1, 1, 50, 70, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(texture, (175, 245), mode="bicubic")
    moved: Tensor = sample_pixels(large, at + 40)[0, 0]
    return moved
