"""The depth-aware loss of Look Deeper: far pixels, and pixels with large errors, get larger weights."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.losses.checks import check_maps, masked
from depthlib.losses.regression import berhu

MODES = ("log1p", "ratio", "literal", "literal_safe")
FLOOR = 1e-3  # metres; smaller predictions would dominate the logarithm


def depth_attention(target: Tensor, max_depth: float) -> Tensor:
    """alpha of Eq. 1: target / max_depth, clamped to [0, 1]. max_depth: of the data set, metres (erratum LD-4).

    With a maximum per image, an image of near surfaces would weigh as much as one of far surfaces.
    """
    return (target / max_depth).clamp(0, 1)


def learning_state(pred: Tensor, target: Tensor, mode: str = "log1p") -> Tensor:
    """lambda of Eq. 2 for each pixel: 0 where the prediction is right, approaching 1 as the error grows.

    ============  ================================================  ==========================================
    mode          1 - min(a, b) / max(a, b) of a, b =               values
    ============  ================================================  ==========================================
    log1p         ln(1 + depth)                                     [0, 1)
    ratio         depth                                             [0, 1)
    literal       ln(depth), as printed                             0/0 at 1 m; any number, also negative, below
    literal_safe  the same, 0 for 0/0, clamped to [0, 1]            [0, 1]
    ============  ================================================  ==========================================

    Only the first two behave as the text describes (errata LD-1, LD-3). Depths below 1 mm count as 1 mm.

    Args:
        pred, target: metres, same shape.

    Raises ValueError for another mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode: found {mode!r}, expected one of {', '.join(MODES)}")
    a, b = pred.clamp_min(FLOOR), target.clamp_min(FLOOR)
    if mode == "log1p":
        a, b = a.log1p(), b.log1p()
    elif mode != "ratio":
        a, b = a.log(), b.log()
    state = 1 - torch.minimum(a, b) / torch.maximum(a, b)
    return state.nan_to_num(nan=0.0).clamp(0, 1) if mode == "literal_safe" else state


def depth_aware_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor,
    *,
    max_depth: float,
    mode: str = "log1p",
    detach: bool = True,
    fraction: float = 0.2,
) -> Tensor:
    """Mean of (alpha + lambda) * berHu over the valid pixels of the batch, metres. Look Deeper Eqs. 1 and 2, erratum
    LD-2.

    Args:
        pred, target, valid: [B,1,H,W], metres and bool mask.
        max_depth: metres, the largest depth of the data set: 10 for NYU, 80 for KITTI. See `depth_attention`.
        mode: see `learning_state`.
        detach: treat lambda as a constant weight. False backpropagates through it (not defined for the literal forms).
        fraction: of the largest error, see `berhu`.

    Raises ValueError or TypeError as `check_maps` and `learning_state` do, for max_depth <= 0, or for a valid target <=
    0.
    """
    check_maps(pred, target, valid)
    if max_depth <= 0:
        raise ValueError(f"max_depth: found {max_depth}, expected a positive depth")
    if ((target <= 0) & valid).any():
        raise ValueError("target: found a value <= 0 in a valid pixel, expected positive depths")
    d, gt = torch.where(valid, pred, 1), torch.where(valid, target, 1)
    state = learning_state(d, gt, mode)
    weight = depth_attention(gt, max_depth) + (state.detach() if detach else state)
    return masked(weight * berhu(d - gt, fraction), valid).sum() / valid.sum()
