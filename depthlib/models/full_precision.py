"""The last layers of a network, in the precision of their weights also under autocast."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FullPrecision(nn.Sequential):
    """Layers that autocast does not touch: eight bits of mantissa would be visible as steps in the depth map, and make ties of pairs."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(next(self.parameters()).dtype))
