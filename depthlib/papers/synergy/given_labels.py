"""A stage whose labels are those of real data: used as the data set gives them, however many classes there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from depthlib.papers.synergy.semantic_focal import inverse_frequency, label_counts
from depthlib.papers.synergy.task import StagedTask

AS_THEY_ARE = 13  # classes of a scene that `scene_labels` maps to themselves; those of 4 are made from these


class GivenLabels(StagedTask):
    """`StagedTask` for photographs, whose `semantics` are 0 to `classes` - 1 already, and 255 without a label.

    Arguments as there. (The labels of scenes are 13 classes, from which 4 are made: labels of NYU's own 4 would be
    renumbered by that.)
    """

    def __init__(
        self, stage: Mapping[str, Any], weights: Mapping[str, float], *, classes: int = 0, **options: Any
    ) -> None:
        super().__init__(stage, weights, classes=AS_THEY_ARE if classes else 0, **options)
        self.given = classes

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        if self.balanced:
            counts = (label_counts(dataset[i]["semantics"], self.given) for i in range(len(dataset)))  # type: ignore
            self.alpha = inverse_frequency(sum(counts))  # type: ignore[arg-type]
