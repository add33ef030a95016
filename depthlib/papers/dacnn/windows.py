"""Scoring a network that was trained on crops, through overlapping windows of the crop's size. DACNN Sec. 4.2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.protocols.evaluate import Evaluation, evaluate
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.sliding_window import predict_windows


class Windowed(nn.Module):
    """`model` through windows of `window` (rows, columns), half a window apart: as many views as it names in `inputs`.

    forward: views, each [B,3,H,W] -> depth [B,1,H,W]. A window cuts the same place of every view.
    """

    def __init__(self, model: nn.Module, window: Sequence[int]) -> None:
        super().__init__()
        self.model, self.window, self.inputs = model, tuple(window), getattr(model, "inputs", ("image",))

    def forward(self, *views: Tensor) -> Tensor:
        return predict_windows(lambda stack: self.model(*stack.split(3, dim=1)), torch.cat(views, dim=1), window=self.window)


class ThroughWindows:
    """A measure: the errors of `protocol`, every image seen through windows of `window` (rows, columns)."""

    def __init__(self, protocol: str, window: Sequence[int]) -> None:
        self.protocol, self.window = load_protocol(protocol), tuple(window)

    def __call__(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        """Score `model` on `dataset`; raises as `evaluate` and `predict_windows` do."""
        return evaluate(Windowed(model, self.window), dataset, self.protocol, device=device)[0]
