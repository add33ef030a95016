"""Semantic scores of a data set as a torchmetrics class: one confusion matrix, so that merging processes is exact."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from depthlib.base.labels import IGNORE
from depthlib.metrics.semantic import class_accuracy, confusion_matrix, mean_iou, pixel_accuracy


class SemanticMetrics(Metric):
    """{"pixel_accuracy", "class_accuracy", "mean_iou"} over all pixels of all images, each in [0, 1].

    Args:
        classes: K.
        ignore: label of the pixels to leave out.
        kwargs: those of `torchmetrics.Metric`.

    Raises ValueError for fewer than 2 classes, from `update` as `confusion_matrix` does, from `compute` without a
    labelled pixel.
    """

    full_state_update = False
    is_differentiable = False

    matrix: Tensor

    def __init__(self, classes: int, *, ignore: int = IGNORE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if classes < 2:
            raise ValueError(f"classes: found {classes}, expected at least 2")
        self.classes, self.ignore = classes, ignore
        self.add_state("matrix", torch.zeros(classes, classes, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, pred: Tensor, labels: Tensor) -> None:
        """Add a batch: `pred`, `labels` int64 [B,H,W]."""
        found = confusion_matrix(pred, labels, self.classes, ignore=self.ignore)
        self.matrix = self.matrix + found.to(self.matrix.device)

    def compute(self) -> dict[str, Tensor]:
        scores = {"pixel_accuracy": pixel_accuracy, "class_accuracy": class_accuracy, "mean_iou": mean_iou}
        return {name: score(self.matrix) for name, score in scores.items()}
