"""Layers that keep the precision of their weights under autocast."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FullPrecision(nn.Sequential):
    """The last layers of a network, exempt from autocast: bfloat16 causes steps in depth, and ties of pairs."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(next(self.parameters()).dtype))  # type: ignore[no-untyped-call]
