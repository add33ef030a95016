"""Small dual networks, clips of random pictures, and one measure at a time."""

from __future__ import annotations

import torch
from tensors import F64
from torch import Tensor, nn

from depthlib import geometry as g
from depthlib.models import create_model
from depthlib.papers.dual.network import DualNet
from depthlib.protocols.inference import Measure, measure

NARROW = {"encoder": "resnet18", "width": 0.125}


def dual(**options) -> DualNet:
    torch.manual_seed(0)
    return create_model("dual", **NARROW | {"ratio": 2} | options)


def moving(seed: int = 0, batch: int = 2, size: tuple[int, int] = (32, 48)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    vectors = 0.02 * torch.randn(batch, 2, 6, generator=generator, dtype=F64)
    K = torch.tensor([[40.0, 0, width / 2], [0, 40.0, height / 2], [0, 0, 1]], dtype=F64)
    return {
        "target": torch.rand(batch, 3, height, width, generator=generator, dtype=F64),
        "sources": torch.rand(batch, 2, 3, height, width, generator=generator, dtype=F64),
        "K": K.expand(batch, 3, 3).clone(),
        "poses": g.pose_from_axis_angle(vectors),
    }


def pyramid(seed: int = 0, batch: int = 2, size: tuple[int, int] = (32, 48)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, 1, size[0] >> s, size[1] >> s, generator=generator, dtype=F64) + 0.3 for s in range(4)]


def found_by(one: Measure, model: nn.Module, dataset):
    return measure(model, dataset, {"one": one})["one"]
