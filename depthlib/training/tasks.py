"""The simplest tasks: a loss on the labels of each pixel, and the mean of the labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.base.build import resolve


class BaseTask:
    """Defaults of a task: no preparation, all parameters at the plan's learning rate, no state."""

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        pass

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        return [{"params": [p for p in model.parameters() if p.requires_grad] or [torch.zeros(1)]}]

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Supervised(BaseTask):
    """loss(model(image), depth, valid).

    Args:
        loss: "depthlib.losses.<file>:<function>"; the function returns a scalar, or a scalar and a dictionary of terms.
        options: keyword arguments of that function.
    """

    def __init__(self, loss: str, options: dict[str, Any] | None = None):
        self.function, self.options = resolve(loss), options or {}

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        prediction = model(batch["image"]).float()  # losses in float32 also under autocast
        result = self.function(prediction, batch["depth"], batch["valid"], **self.options)
        return result if isinstance(result, tuple) else (result, {})
