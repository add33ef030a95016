"""Training of the stereo teacher, and of the single-image student by distillation. DACNN Secs. 3.4 and 4.2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.papers.dacnn.loss import WEIGHTS, dacnn_loss, pixel_loss
from depthlib.training.tasks import BaseTask


class StereoTeacher(BaseTask):
    """Supervision of the stereo teacher by labels: DACNN Eq. 3. The network is called with `image` and `right`."""

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        depth = model(batch["image"], batch["right"]).float()  # losses in float32 also under autocast
        return pixel_loss(depth, batch["depth"], batch["valid"]), {}


class Distillation(BaseTask):
    """The student's loss, DACNN Eq. 7. The student gets `image`, the trained teacher `image` and `right`.

    Args:
        teacher: a trained `DACNNTeacher`; None if no weighted term needs it.
        weights: of the terms, as in `dacnn_loss`; terms that are missing are not computed.
        axis, reduction: of the guidance term, see `guidance_loss`.
    """

    def __init__(
        self,
        teacher: nn.Module | None = None,
        weights: dict[str, float] | None = None,
        axis: str = "channel",
        reduction: str = "element",
    ) -> None:
        self.weights = dict(WEIGHTS if weights is None else weights)
        if teacher is None and (self.weights.get("proxy") or self.weights.get("guidance")):
            raise ValueError("teacher: found None, expected a network for the terms proxy and guidance")
        self.teacher, self.options = teacher, {"axis": axis, "reduction": reduction}

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        """Move the teacher to the student's device and freeze it, in evaluation mode."""
        if self.teacher is not None:
            device = next(model.parameters()).device
            self.teacher.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        image = batch["image"]
        taught: dict[str, Any] = {}
        if self.teacher is not None:
            with torch.no_grad():
                lesson = self.teacher.estimate(image, batch["right"])
            taught = {"teacher_depth": lesson.depth.float(), "teacher_guidance": [g.float() for g in lesson.guidance]}
        own = model.estimate(image)
        guidance = [g.float() for g in own.guidance]
        return dacnn_loss(
            own.depth.float(),
            batch["depth"],
            batch["valid"],
            image,
            guidance=guidance,
            weights=self.weights,
            **taught,
            **self.options,
        )
