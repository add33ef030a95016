"""Small networks of DACNN, the images that they take, and frames of a box before a wall."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depthlib.models import create_model

SMALL = {"backbone": "resnest14d", "width": 0.125, "guidance_channels": 4}
IMAGE = (32, 48)


def small(name: str = "dacnn", **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, **SMALL | options)


def views(name: str, batch: int = 2, size: tuple[int, int] = IMAGE, **options) -> list[Tensor]:
    """The arguments of a network: one image, or two."""
    torch.manual_seed(1)
    return [torch.rand(batch, 3, *size, **options) for _ in range(2 if name == "dacnn_teacher" else 1)]


def settled(model: nn.Module, images: list[Tensor]) -> nn.Module:
    """In evaluation, with the statistics of these images: with those of the start the signals fade from layer to
    layer.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(*images)
    return model.eval()


class Frames(torch.utils.data.Dataset):
    """Two frames of a wall with a box in front of it; the second has only the wall."""

    def __init__(self, sky: bool = False) -> None:
        self.depth = torch.full((1, 32, 48), 20.0)
        self.instances = torch.ones(32, 48, dtype=torch.int64)
        self.depth[:, 8:20, 16:30], self.instances[8:20, 16:30] = 5.0, 2
        if sky:
            self.depth[:, :3], self.instances[:3] = 0, 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        if index > 1:
            raise IndexError
        flat = index == 1
        depth = torch.full_like(self.depth, 20.0) if flat else self.depth
        k = torch.tensor([[40.0, 0, 23.5], [0, 40.0, 15.5], [0, 0, 1]])
        instances = torch.ones_like(self.instances) if flat else self.instances
        return {
            "image": depth.expand(3, -1, -1) / 40,
            "right": depth.expand(3, -1, -1) / 80,
            "depth": depth,
            "valid": depth > 0,
            "K": k,
            "instances": instances,
            "name": f"f{index}",
        }

    def fingerprint(self) -> str:
        return "frames"
