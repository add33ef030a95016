"""One stage of training the synergy network: the parts that are trained, and the losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.losses.regression import berhu_loss
from depthlib.papers.synergy.attention_driven import WEIGHTS, attention_driven_loss, labels_at
from depthlib.papers.synergy.network import Outputs, SynergyNet
from depthlib.papers.synergy.semantic_focal import inverse_frequency, label_counts, semantic_focal_loss
from depthlib.papers.synergy.stages import Stage
from depthlib.scenes.labels import scene_labels
from depthlib.training.tasks import BaseTask

TERMS = (*WEIGHTS, "berhu", "cross_entropy")
NEEDS = {"semantics": ("semantic_focal", "cross_entropy")}  # all other terms are about depth


class StagedTask(BaseTask):
    """A stage of Look Deeper Sec. 4.1. A run trains one stage, starting from the run of the stage before.

    Args:
        stage: fields of `Stage`: its name, the learning rates of the trained parts, and whether sharing is bypassed.
        weights: term of the loss -> its weight: those of `attention_driven_loss`, and the standard losses that they
            replace, "berhu" and "cross_entropy".
        max_depth: metres, the range of the data set.
        classes: K of the semantic branch; 0 without one.
        balanced: weights of the classes in the focal loss by inverse frequency, counted in the training set, instead of
            0.25.
        gradient_mode, semantic_weight: see `joint_gradient_loss`.

    Raises ValueError for unknown terms, or for a semantic term without classes.
    """

    def __init__(
        self,
        stage: Mapping[str, Any],
        weights: Mapping[str, float],
        *,
        max_depth: float,
        classes: int = 0,
        balanced: bool = False,
        gradient_mode: str = "prob_edge",
        semantic_weight: float = 0.1,
    ) -> None:
        if not weights or not weights.keys() <= set(TERMS):
            raise ValueError(f"weights: found {', '.join(weights) or 'none'}, expected some of {', '.join(TERMS)}")
        self.stage, self.weights, self.max_depth, self.classes = Stage(**stage), dict(weights), max_depth, classes
        self.balanced, self.gradient = balanced, {"gradient_mode": gradient_mode, "semantic_weight": semantic_weight}
        self.alpha: float | Tensor = 0.25
        self.tasks = tuple(
            task for task, asked in (("depth", self._about_depth()), ("semantics", self._about_classes())) if asked
        )
        if "semantics" in self.tasks and not classes:
            raise ValueError(f"classes: found 0, expected the number of classes, which {', '.join(weights)} needs")

    def _about_depth(self) -> bool:
        return bool(self.weights.keys() - set(NEEDS["semantics"]))

    def _about_classes(self) -> bool:
        edges = "joint_gradient" in self.weights and self.gradient["gradient_mode"] != "none"
        return edges or bool(self.weights.keys() & set(NEEDS["semantics"]))

    def prepare(self, model: SynergyNet, dataset: Dataset) -> None:
        if self.balanced:
            counts = sum(
                label_counts(scene_labels(dataset[i]["semantics"], self.classes), self.classes)
                for i in range(len(dataset))
            )
            self.alpha = inverse_frequency(counts)

    def parameter_groups(self, model: SynergyNet) -> list[dict[str, Any]]:
        return model.enter(self.stage)

    def loss(self, model: SynergyNet, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the terms at the size of the decoder, and each term before weighting."""
        out = model.outputs(batch["image"], tasks=self.tasks)
        out = Outputs(*(None if x is None else x.float() for x in out))  # losses in float32 also under autocast
        size = next(x for x in out if x is not None).shape[-2:]
        target, valid = labels_at(size, batch["depth"], batch["valid"])
        labels = labels_at(size, scene_labels(batch["semantics"], self.classes))[0] if self.classes else None
        total, terms = torch.zeros((), device=target.device), {}
        if "berhu" in self.weights:
            terms["berhu"] = berhu_loss(out.depth, target, valid)
        if "cross_entropy" in self.weights:
            terms["cross_entropy"] = semantic_focal_loss(out.logits, labels, gamma=0.0, alpha=1.0)
        for name, term in terms.items():
            total = total + self.weights[name] * term
        if attended := {name: self.weights[name] for name in WEIGHTS if name in self.weights}:
            more, named = attention_driven_loss(
                out.depth,
                out.logits,
                target,
                valid,
                labels,
                max_depth=self.max_depth,
                weights=attended,
                alpha=self.alpha,
                **self.gradient,
            )
            total, terms = total + more, terms | named
        return total, terms
