"""The first stage of Look Deeper as one method among others."""

from __future__ import annotations

from typing import Any

from torch import nn

from depthlib.papers.synergy.task import StagedTask
from depthlib.training.tasks import BaseTask


class DepthStage(StagedTask):
    """`StagedTask` with all parts of the network at the plan's learning rate, as the other methods have it."""

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        return BaseTask.parameter_groups(self, model)
