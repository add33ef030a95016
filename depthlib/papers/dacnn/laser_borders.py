"""Errors at jumps of depth against errors elsewhere, for frames in which a laser knows some depths and no objects."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.papers.dacnn.borders import JUMP
from depthlib.protocols.inference import Batch, Measure, true_depth
from depthlib.protocols.protocol import load_protocol

REACH = 4  # columns; one pixel in five of KITTI's annotated depth is known


def jumps_along_rows(depth: Tensor, *, jump: float = JUMP, reach: int = REACH) -> Tensor:
    """Known pixels that have a jump of depth beside them in their row, bool [B,1,H,W].

    Among the known pixels of its row, up to `reach` columns away and itself included, the farthest is more than `jump`
    times as far as the nearest. Along a row the depth of a road hardly changes, as it does from row to row, so jumps
    are borders of objects, and nobody has to know the objects.

    Args:
        depth: [B,1,H,W] metres, 0 where unknown.

    Raises ValueError for another shape, a jump that is not above 1 or a reach below 1.
    """
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise ValueError(f"depth: found shape {list(depth.shape)}, expected [B,1,H,W]")
    if jump <= 1 or reach < 1:
        raise ValueError(f"jump, reach: found {jump} and {reach}, expected a factor above 1 and at least 1 column")
    window = {"kernel_size": (1, 2 * reach + 1), "stride": 1, "padding": (0, reach)}
    far = F.max_pool2d(depth, **window)
    near = 1 / F.max_pool2d(torch.where(depth > 0, 1 / depth, 0), **window)
    return (depth > 0) & (far > jump * near)


def step_error(prediction: Tensor, depth: Tensor, known: Tensor, reach: int = REACH) -> Tensor:
    """How far steps of log depth along rows are from the true ones, in place and direction, [B]; NaN without any.

    As `borders.gradient_error`, of all pairs in a row that are both `known` and at most `reach` columns apart: the
    neighbour of a pixel that the laser knows is seldom known. 0 for the truth, 1 for a flat map.

    Args:
        prediction, depth: [B,1,H,W] metres, positive where `known`. known: bool.
    """
    wrong, size = 0.0, 0.0
    for apart in range(1, reach + 1):
        both = known[..., apart:] & known[..., :-apart]
        steps = [
            torch.where(both, logs[..., apart:] - logs[..., :-apart], 0)
            for logs in (values.clamp(min=1e-3).log() for values in (prediction, depth))
        ]
        wrong = wrong + (steps[0] - steps[1]).square().sum(dim=(1, 2, 3))
        size = size + steps[1].square().sum(dim=(1, 2, 3))
    return wrong / size


class LaserBorders(Measure):
    """A measure: abs_rel beside jumps of depth along a row, abs_rel elsewhere, and both signs of their difference.

    And `gradient_error`, how far steps of log depth are from the true ones. The metrics have the names of
    `borders.BorderErrors`, which knows the objects. Images without a jump, or with nothing else, are skipped.

    Args:
        protocol: which pixels count and how a prediction is prepared.
        window: see `Measure`.
        jump, reach: see `jumps_along_rows`.
    """

    def __init__(
        self, protocol: str, window: Sequence[int] | None = None, *, jump: float = JUMP, reach: int = REACH
    ) -> None:
        self.protocol, self.window, self.jump, self.reach = load_protocol(protocol), window, jump, reach
        self.title = f"jumps along rows of {self.protocol.name}"

    def update(self, batch: Batch, prediction: Tensor) -> None:
        scores = self.score(prediction.float(), true_depth(batch))
        for i, name in enumerate(batch["name"]):
            values = {metric: value[i].item() for metric, value in scores.items()}
            self.found.add(name, None if any(map(isnan, values.values())) else values)

    def score(self, prediction: Tensor, depth: Tensor) -> dict[str, Tensor]:
        """The metrics of each image, name -> [B]; NaN where an image lacks a region. Both [B,1,H,W]."""
        prediction, target, counted = self.protocol.prepare(prediction, depth, depth > 0)
        jumps = jumps_along_rows(torch.where(depth > 0, target, 0), jump=self.jump, reach=self.reach)
        error = (prediction - target).abs() / target.clamp(min=1e-3)
        at, off = (
            torch.where(region, error, 0).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))
            for region in (jumps & counted, ~jumps & counted)
        )
        return {
            "border_abs_rel": at,
            "inside_abs_rel": off,
            "border_minus_inside": at - off,
            "inside_minus_border": off - at,
            "gradient_error": step_error(prediction, target, jumps & counted, self.reach),
        }
