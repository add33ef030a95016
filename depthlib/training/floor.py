"""The training of a floor: it is made from the labels of the training set, without a step."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.training.tasks import BaseTask


class FitFloor(BaseTask):
    """For `depthlib.models.floor_network.Floor`; the plan has no steps."""

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        model.fit(dataset)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError("steps: found a step for FitFloor, which is done in prepare, expected 0")
