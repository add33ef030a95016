"""The size and the cost of a network, counted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gigamacs(function, *size: int) -> float:
    """Of convolutions and matrix products; the counter counts a multiplication and an addition as two."""
    image = torch.rand(1, 3, *size)
    with FlopCounterMode(display=False) as counter:
        function(image)
    return counter.get_total_flops() / 2e9
