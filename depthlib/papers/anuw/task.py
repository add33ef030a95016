"""Training with missing labels that are stored as 0: three treatments.

* use them as 0 m (`BelievedZeros`): ANUW's variants A to D;
* mask them: `depthlib.training.tasks.Supervised`, a control that the paper lacks;
* replace them by an earlier prediction of the network (`SoftLabels`): ANUW Sec. 3.3.

Labels on disk and in the data set are never overwritten: soft labels are kept in the task.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.base.build import resolve
from depthlib.training.tasks import BaseTask, Supervised


class BelievedZeros(Supervised):
    """Supervised training that uses missing labels as 0 m. Arguments of `Supervised`."""

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        return super().loss(model, batch | {"valid": torch.ones_like(batch["valid"])})


class SoftLabels(BaseTask):
    """Soft labels where the ground truth is missing. ANUW Sec. 3.3 in the form of erratum A18.

    W is the set of pixels without a label. For each image of a batch, at each step:

    1. the target is the label outside W and the image's soft label inside; before there is one, W is masked (or 0 m
       with `literal_zeros`, which is what the text of the paper implies);
    2. the same loss is computed for this image outside W, where the target never changes, so that its values can be
       compared between visits. (The loss on the whole target falls whenever the target is replaced.)
    3. if it is the lowest so far, the prediction becomes the soft label: inside W, clamped, without gradient.

    Inside W the network is thus only regularised towards its own earlier output. A gain over zeros as labels may come
    from their absence alone: compare with masking before attributing it to the soft labels.

    The labels of an image must stay on their pixels: `Plan(flip=0)` and no random crops. Flips are not recorded in a
    batch, but W is compared with that of the last visit.

    `soft_label` gives the labels after a training, or during it from `on_step` of `fit`.

    Args:
        loss, options: as for `Supervised`; the function must be defined on a single image outside W.
        max_depth, min_depth: metres; soft labels are clamped to this range.
        literal_zeros: see 1.
    """

    def __init__(
        self,
        loss: str,
        options: dict[str, Any] | None = None,
        *,
        max_depth: float,
        min_depth: float = 1e-3,
        literal_zeros: bool = False,
    ) -> None:
        if not 0 < min_depth < max_depth <= torch.finfo(torch.float16).max:
            raise ValueError(
                f"min_depth, max_depth: found {min_depth} and {max_depth}, expected 0 < min_depth < max_depth <= 65504"
            )
        self.function, self.options = resolve(loss), options or {}
        self.range, self.literal_zeros = (min_depth, max_depth), literal_zeros
        self._forget()

    def _forget(self) -> None:
        self.best: dict[str, float] = {}  # image -> lowest loss outside W so far
        # image -> depth of the pixels of W in reading order, half precision, on the CPU
        self.soft: dict[str, Tensor] = {}
        self.where: dict[str, int] = {}  # image -> checksum of W

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        self._forget()  # soft labels of an earlier training belong to another network

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss on the filled labels. Besides its own terms: `outside`, the mean loss outside W, and `updated`, the
        share of the batch that got new soft labels; where the batch tells the truth, also `label_errors`.

        Raises ValueError when the gaps of an image have changed.
        """
        prediction = model(batch["image"]).float()
        target, counted = self.targets(batch)
        if not counted.any():  # a batch without any label
            return 0 * prediction.sum(), {}
        total, terms = self._evaluate(prediction, target, counted)
        known = self.label_errors(batch, target)
        losses, updated = self._update(prediction.detach(), batch)
        finite = [value for value in losses if math.isfinite(value)]
        terms = terms | {
            "outside": torch.tensor(sum(finite) / max(1, len(finite))),
            "updated": torch.tensor(sum(updated) / len(updated)),
        }
        return total, terms | known

    def targets(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """The target of the next step: depth [B,1,H,W] in metres, and the bool mask of the pixels in the loss."""
        target, counted = batch["depth"].clone(), batch["valid"].clone()
        for i, name in enumerate(batch["name"]):
            gap = ~batch["valid"][i]
            if name in self.soft:
                self._check(name, gap)
                target[i, gap] = self.soft[name].to(target)
                counted[i] = True
            elif self.literal_zeros:
                counted[i] = True
        return target, counted

    def label_errors(self, batch: dict[str, Any], target: Tensor) -> dict[str, Tensor]:
        """How wrong the soft labels of this step are where the scene says so: nothing that the training could see.

        Terms of the curve: `label_abs_rel`, the mean of |label - truth| / truth, and `label_wrong`, the share that is
        off by more than a factor of 1.25, over the pixels of W with a true depth. None without soft labels or truth.
        """
        if "depth_true" not in batch:
            return {}
        filled = torch.tensor([name in self.soft for name in batch["name"]], device=target.device).view(-1, 1, 1, 1)
        where = ~batch["valid"] & (batch["depth_true"] > 0) & filled
        if not where.any():
            return {}
        label, truth = target[where], batch["depth_true"].to(target)[where]
        wrong = torch.maximum(label / truth, truth / label) > 1.25
        return {"label_abs_rel": ((label - truth).abs() / truth).mean(), "label_wrong": wrong.float().mean()}

    def soft_label(self, name: str, depth: Tensor, valid: Tensor) -> Tensor:
        """The current label of one image: depth [1,H,W] in metres, with its gaps filled if it has soft labels.

        Args:
            name, depth, valid: of the sample from the data set; `depth` is not changed.
        """
        return self.targets({"depth": depth[None], "valid": valid[None], "name": [name]})[0][0]

    def _evaluate(self, prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        result = self.function(prediction, target, valid, **self.options)
        return result if isinstance(result, tuple) else (result, {})

    @torch.no_grad()
    def _update(self, prediction: Tensor, batch: dict[str, Any]) -> tuple[list[float], list[bool]]:
        """Loss of each image outside W (infinite where it is not defined), and whether its soft label was renewed."""
        losses, updated = [], []
        for i, name in enumerate(batch["name"]):
            value = self._outside(prediction[i : i + 1], batch["depth"][i : i + 1], batch["valid"][i : i + 1])
            better = value < self.best.get(name, math.inf)
            if better:
                gap = ~batch["valid"][i]
                self.best[name], self.where[name] = value, checksum(gap)
                self.soft[name] = prediction[i][gap].clamp(*self.range).half().cpu()
            losses.append(value)
            updated.append(better)
        return losses, updated

    def _outside(self, prediction: Tensor, depth: Tensor, valid: Tensor) -> float:
        """Loss of one image on its labels; infinite if it has too few for the loss (no whole window of SSIM)."""
        if not valid.any():
            return math.inf
        try:
            return float(self._evaluate(prediction, depth, valid)[0])
        except ValueError:
            if valid.all():  # then the gaps are not the reason
                raise
            return math.inf

    def _check(self, name: str, gap: Tensor) -> None:
        if checksum(gap) != self.where[name]:
            raise ValueError(
                f"image {name!r}: found other gaps than before, expected no flips, no random crops and unique names"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"best": dict(self.best), "soft": dict(self.soft), "where": dict(self.where)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.where = dict(state["best"]), dict(state["where"])
        self.soft = {name: value.cpu() for name, value in state["soft"].items()}


def checksum(mask: Tensor) -> int:
    """A checksum of a mask: the sum of the squared positions of its true pixels."""
    return int((mask.flatten().nonzero() + 1).square().sum())
