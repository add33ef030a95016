"""Errors along depth borders against errors inside surfaces: where a paper on the borders of objects must be better."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.protocols.inference import Batch, Evaluation, Measure, true_depth
from depthlib.protocols.protocol import load_protocol

JUMP, REACH = 1.25, 2


def grown(mask: Tensor, reach: int) -> Tensor:
    """All pixels within `reach` rows and columns of a true pixel of the bool mask [B,1,H,W]."""
    return F.max_pool2d(mask.float(), 2 * reach + 1, stride=1, padding=reach) > 0


def depth_borders(depth: Tensor, instances: Tensor, *, jump: float = JUMP) -> Tensor:
    """Pixels at the border of two objects of different depth, bool [B,1,H,W].

    A pixel and one of its four neighbours show different objects, and their depths differ by more than the factor
    `jump`. Without the objects the road would be full of borders: far away its depth, too, grows by such factors from
    row to row.

    Args:
        depth: [B,1,H,W] metres, 0 where there is none. instances: ids of objects, [B,1,H,W].

    Raises ValueError for other shapes or a jump that is not above 1.
    """
    if depth.shape != instances.shape or depth.ndim != 4 or depth.shape[1] != 1:
        raise ValueError(
            f"depth, instances: found shapes {list(depth.shape)} and {list(instances.shape)}, expected [B,1,H,W]"
        )
    if jump <= 1:
        raise ValueError(f"jump: found {jump}, expected a factor above 1")
    found = torch.zeros_like(depth, dtype=torch.bool)
    for axis in (2, 3):
        count = depth.shape[axis] - 1
        near, far = depth.narrow(axis, 0, count), depth.narrow(axis, 1, count)
        low, high = torch.minimum(near, far), torch.maximum(near, far)
        other = instances.narrow(axis, 0, count) != instances.narrow(axis, 1, count)
        border = other & (low > 0) & (high > jump * low)
        found.narrow(axis, 0, count).logical_or_(border)
        found.narrow(axis, 1, count).logical_or_(border)
    return found


def regions(depth: Tensor, instances: Tensor, *, jump: float = JUMP, reach: int = REACH) -> tuple[Tensor, Tensor]:
    """The band along depth borders, and the inside of surfaces: two bool maps [B,1,H,W]. Arguments as `depth_borders`.

    The band is what lies within `reach` pixels of a border pixel. What lies as near, and one pixel more, to a pixel
    without depth (the sky) is in neither: how large that jump is nobody knows.
    """
    band = grown(depth_borders(depth, instances, jump=jump), reach)
    known = ~grown(depth <= 0, reach + 1)
    return band & known, ~band & known


def gradient_error(prediction: Tensor, depth: Tensor, band: Tensor) -> Tensor:
    """How far the slope of log depth is from the true one at the borders, in place and direction, [B]. NaN without any.

    The squared difference of the two gradients over the squared true gradient, both summed over the band: 0 for the
    truth, 1 for a flat map. A step that is blurred, in another place, of the other sign or drowned in noise adds to it;
    the scale of the prediction plays no role.

    Args:
        prediction, depth: [B,1,H,W] metres, positive where `band` is. band: bool, from `regions`.
    """
    wrong, size = 0.0, 0.0
    for axis in (2, 3):
        count = depth.shape[axis] - 1
        inside = band.narrow(axis, 0, count) & band.narrow(axis, 1, count)
        slopes = [
            torch.where(inside, (logs.narrow(axis, 1, count) - logs.narrow(axis, 0, count)), 0)
            for logs in (values.clamp(min=1e-3).log() for values in (prediction, depth))
        ]
        wrong = wrong + (slopes[0] - slopes[1]).square().sum(dim=(1, 2, 3))
        size = size + slopes[1].square().sum(dim=(1, 2, 3))
    return wrong / size


class BorderErrors(Measure):
    """A measure: abs_rel in the band along depth borders and inside surfaces, and how well slopes match at the borders.

    Metrics of an image: `border_abs_rel`, `inside_abs_rel`, both signs of their difference (a claim needs the one that
    should be smaller), and `gradient_error`. Images without a band or an inside are skipped. Items need `instances`.

    Args:
        protocol: which pixels count and how a prediction is prepared.
        window: see `Measure`.
        jump, reach: see `regions`.
    """

    def __init__(
        self, protocol: str, window: Sequence[int] | None = None, *, jump: float = JUMP, reach: int = REACH
    ) -> None:
        self.protocol, self.window, self.jump, self.reach = load_protocol(protocol), window, jump, reach
        self.title = f"borders of {self.protocol.name}"

    def update(self, batch: Batch, prediction: Tensor) -> None:
        scores = self.score(prediction.float(), true_depth(batch), batch["instances"].unsqueeze(1))
        for i, name in enumerate(batch["name"]):
            values = {metric: value[i].item() for metric, value in scores.items()}
            self.found.add(name, None if any(map(isnan, values.values())) else values)

    def compute(self) -> Evaluation:
        if not self.found.images:
            raise ValueError(
                f"{self.title}: found no image with both a depth border and an inside of a surface, expected one"
            )
        return self.found

    def score(self, prediction: Tensor, depth: Tensor, instances: Tensor) -> dict[str, Tensor]:
        """The metrics of each image, name -> [B]; NaN where an image lacks a region. All [B,1,H,W]."""
        prediction, target, counted = self.protocol.prepare(prediction, depth, depth > 0)
        band, inside = (region & counted for region in regions(target, instances, jump=self.jump, reach=self.reach))
        error = (prediction - target).abs() / target.clamp(min=1e-3)
        at, off = (
            torch.where(region, error, 0).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3)) for region in (band, inside)
        )
        return {
            "border_abs_rel": at,
            "inside_abs_rel": off,
            "border_minus_inside": at - off,
            "inside_minus_border": off - at,
            "gradient_error": gradient_error(prediction, target, band),
        }
