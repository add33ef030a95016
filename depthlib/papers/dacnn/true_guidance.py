"""DACNN whose guidance is the true depth: the upper end of Eq. 2, which no single image can reach."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from depthlib.data.changed import Changed
from depthlib.papers.dacnn.guidance import shrunk
from depthlib.papers.dacnn.loss import dacnn_loss
from depthlib.papers.dacnn.network import Estimate, _Body
from depthlib.training.tasks import BaseTask

SHARPNESS = 10.0  # K is exp(-50 ln(ratio)^2): .08 across a step of a factor 1.25, .88 across one of 1.05
FARTHEST = 80.0  # metres, for what has no depth: the sky


class DACNNTrueGuidance(_Body):
    """`DACNN` that is given the true depth for its kernels, and for nothing else. Arguments of `DACNN`.

    forward: image [B,3,H,W], RGB in [0,1], and its true depth in metres, 0 where there is none, [B,1,H,W] or three
    times that -> depth [B,1,H,W] in metres. The guidance of each scale is one channel, log depth times `SHARPNESS`.
    """

    inputs = ("image", "guide")  # names of its inputs in an evaluation

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.guidance = nn.Identity()  # no branch that learns one

    def estimate(self, image: Tensor, depth_true: Tensor) -> Estimate:
        """Depth of `image`, and the guidance that it was given."""
        depth = depth_true[:, :1]
        logs = SHARPNESS * torch.where(depth > 0, depth, FARTHEST).log()
        height, width = image.shape[-2:]
        guidance = tuple(shrunk(logs, (height // side, width // side)) for side in (8, 4, 2))
        return Estimate(self.decoder(self.encoder(image), guidance), guidance)

    def forward(self, image: Tensor, depth_true: Tensor) -> Tensor:
        return self.estimate(image, depth_true).depth


class WithTruth(Changed):
    """Items of `dataset`, and as `depth_true` the depth of `full`, the frames that they were made of."""

    def __init__(self, dataset: Any, full: Any) -> None:
        super().__init__(dataset)
        self.full = full

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return {"depth_true": self.full[index]["depth"]}


class WithGuide(Changed):
    """Items of `dataset` with their own depth as `guide` [3,H,W], since windows are cut out of images."""

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        return {"guide": item["depth"].repeat(3, 1, 1)}


class GuidedByTruth(BaseTask):
    """The loss of a student without a teacher, for a network that is given the true depth.

    Args:
        weights: of the terms "pixel" and "smooth" of `dacnn_loss`.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        self.weights = weights

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        depth = model.estimate(batch["image"], batch["depth_true"]).depth.float()
        return dacnn_loss(depth, batch["depth"], batch["valid"], batch["image"], weights=self.weights)
