"""What the photometric loss makes of things that move by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from depthlib.losses.photometric import photometric_error
from depthlib.papers.dual.figures import triplet, warped

TOO_FAR = 1.5  # times the true depth


def lesson_of(item: Mapping[str, Any], where: Tensor, depths: Sequence[float]) -> dict[str, Tensor]:
    """What a triplet of the scenes teaches at some of its pixels under the true motion of the camera.

    Args:
        item: with `image`, `previous`, `next`, `depth` and their poses. where: bool [H,W], of pixels with a depth.
        depths: metres, of planes.

    Returns:
        of these pixels, [N] each: "error", the photometric error of the true depth; "too far" and "too near", whether
        the plane with the lowest error is so by a factor of `TOO_FAR`; "masked", whether automasking leaves them out,
        since a neighbour fits better as it is than warped with the true depth.
    """
    truth = item["depth"]
    _, errors = warped(item, torch.where(truth > 0, truth, 80.0)[None])
    error = errors.amin(dim=0)
    costs = [warped(item, torch.full_like(truth, depth)[None])[1].amin(dim=0) for depth in depths]
    best = torch.tensor(list(depths))[torch.stack(costs).argmin(dim=0)][where] / truth[0][where]
    target, sources, _, _ = triplet(item)
    unmoved = photometric_error(target.expand_as(sources[0]), sources[0])[:, 0].amin(dim=0)
    return {
        "error": error[where],
        "too far": (best > TOO_FAR).float(),
        "too near": (best < 1 / TOO_FAR).float(),
        "masked": (unmoved < error)[where].float(),
    }
