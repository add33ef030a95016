"""What is asked of the networks of ANUW besides their errors: in the gaps of labels, at borders, without affinities."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from depthlib.data.changed import Changed
from depthlib.papers.anuw.attention import PSNL
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Batch, Evaluation, Measure

REACH = 2  # pixels


class GapsOnly(Changed):
    """The same frames with ground truth only where the label is missing, to score a network there.

    Args:
        dataset: items with `depth_true` and `defect`, that is a set whose labels have gaps.
    """

    what = "gaps of "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        if "defect" not in item:
            raise ValueError(
                f"image {item.get('name', index)!r}: found no 'defect', expected a set with defect_share > 0"
            )
        return {"depth_true": torch.where(item["defect"], item["depth_true"], 0)}


class BordersOnly(Changed):
    """The same frames with ground truth only within `REACH` pixels of a step in depth by more than a factor of 1.25."""

    what = "beside steps of "

    def change(self, item: dict[str, Any], index: int) -> dict[str, Any]:
        truth = item.get("depth_true", item["depth"])
        return {"depth_true": torch.where(near_steps(truth, REACH), truth, 0)}


def near_steps(depth: Tensor, reach: int, factor: float = 1.25) -> Tensor:
    """Pixels within `reach` rows and columns of which the known depths differ by more than `factor`: [1,H,W] -> bool.

    depth: metres, 0 where it is not known.
    """
    known, side = depth > 0, 2 * reach + 1
    farthest = F.max_pool2d(depth, side, 1, reach)
    nearest = -F.max_pool2d(torch.where(known, -depth, -torch.inf), side, 1, reach)
    return known & (farthest > factor * nearest)


class PSNLWithoutAffinities(Measure):
    """How much of what PSNL brings hangs on which pixels are alike: errors of a trained network, changed afterwards.

    Metrics: those of the protocol, of the network as trained, and with two endings: `_uniform`, each pixel attends to
    all pixels of its quadrant alike, so that X of Eq. 4 says nothing, and `_off`, without PSNL.

    Args:
        protocol: of the errors.

    Raises ValueError for a network without PSNL.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol, self.title = protocol, f"{protocol}, PSNL as trained, uniform and off"

    def begin(self, model: nn.Module, dataset: Dataset) -> None:
        super().begin(model, dataset)
        if not isinstance(getattr(model, "psnl", None), PSNL):
            raise ValueError(f"model: found a {type(model).__name__} without PSNL, expected one with it")
        uniform, off = copy.deepcopy(model), copy.deepcopy(model)
        uniform.psnl.attend = uniform_attention
        off.psnl = nn.Identity()
        self.changed = {"_uniform": uniform.eval(), "_off": off.eval()}
        self.errors = {ending: ProtocolErrors(self.protocol) for ending in ("", *self.changed)}
        for errors in self.errors.values():
            errors.begin(model, dataset)

    def update(self, batch: Batch, prediction: Tensor) -> None:
        self.errors[""].update(batch, prediction)
        for ending, model in self.changed.items():
            self.errors[ending].update(batch, model(batch["image"]))

    def compute(self) -> Evaluation:
        found = {ending: errors.compute() for ending, errors in self.errors.items()}
        metrics = {name + ending: values for ending, one in found.items() for name, values in one.metrics.items()}
        as_trained = found[""]
        return Evaluation(self.title, as_trained.images, metrics, as_trained.skipped, as_trained.pixels)


def uniform_attention(b: Tensor, d: Tensor) -> Tensor:
    """`second_order_attention` with equal affinities: each of the n pixels gets the mean of D. [B,n,M] -> [B,n,M]."""
    return d.mean(dim=1, keepdim=True).expand_as(b)
