"""Losses on pixel values: (pred, target, valid), each [B,1,H,W], to one scalar for the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.losses.checks import check_maps, masked


def l1_loss(pred: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |pred - target| over the valid pixels of the batch, in the unit of the maps. Eq. 8 of ANUW, erratum A8.

    Raises ValueError or TypeError as `check_maps` does.
    """
    check_maps(pred, target, valid)
    return masked(pred - target, valid).abs().sum() / valid.sum()


def berhu_loss(pred: Tensor, target: Tensor, valid: Tensor, *, fraction: float = 0.2) -> Tensor:
    """Mean of `berhu` over the valid pixels of the batch, in metres. Laina et al. 2016, Eq. 2 and the text below it.

    Raises ValueError or TypeError as `check_maps` does.
    """
    check_maps(pred, target, valid)
    return berhu(masked(pred - target, valid), fraction).sum() / valid.sum()


def berhu(error: Tensor, fraction: float = 0.2) -> Tensor:
    """Reverse Huber of each error: |e| up to c, (e^2 + c^2) / (2c) beyond; value and slope are continuous at c.

    c is `fraction` times the largest |e|, and no gradient flows through it. "Reverse smooth L1" in Look Deeper.
    """
    error = error.abs()
    # For a perfect prediction c would be 0; the smallest positive number keeps loss and gradient at 0 instead of 0/0.
    c = (fraction * error.detach().max()).clamp_min(torch.finfo(error.dtype).tiny)
    return torch.where(error <= c, error, (error.square() + c.square()) / (2 * c))


def scale_invariant_log_loss(pred: Tensor, target: Tensor, valid: Tensor, *, variance_focus: float = 0.5) -> Tensor:
    """mean(d^2) - variance_focus * mean(d)^2 with d = ln pred - ln target, for each image, then the mean over images.

    `variance_focus` 1 makes it invariant to the scale of each prediction; 0 is the squared log error. Images without a
    valid pixel do not count. Eigen et al. 2014, Eq. 4 (there 0.5).
    Peak memory: about 3 times `pred` in the forward pass, 5 with backward.

    Raises ValueError or TypeError as `check_maps` does, and ValueError if a valid pred or target is not positive.
    """
    check_maps(pred, target, valid)
    for name, depth in (("pred", pred), ("target", target)):
        if ((depth <= 0) & valid).any():
            raise ValueError(
                f"{name}: found a value <= 0 at a valid pixel, expected values > 0, since the logarithm is taken"
            )
    d = torch.where(valid, pred, 1).log() - torch.where(valid, target, 1).log()
    pixels = valid.sum(dim=(1, 2, 3))
    n = pixels.clamp_min(1)
    per_image = d.square().sum(dim=(1, 2, 3)) / n - variance_focus * (d.sum(dim=(1, 2, 3)) / n).square()
    return per_image.sum() / (pixels > 0).sum()
