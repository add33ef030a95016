"""Sharpness of a depth map: the Tenengrad measure of Table 5 of the dual networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.base.filters import sobel

REDUCTIONS = ("sum", "mean")


def sobel_magnitude(depth: Tensor) -> Tensor:
    """G = sqrt(Gx^2 + Gy^2) of Eq. 11, [B,1,H,W]: plain Sobel kernels (a slope of 1 gives 8), border repeated."""
    return torch.hypot(*sobel(depth))


def tenengrad(
    depth: Tensor,
    *,
    threshold: float = 0.0,
    power: float = 1.0,
    reduction: str = "sum",
    size: Sequence[int] | None = None,
) -> Tensor:
    """Sum of |G|^power over the pixels with |G| > threshold, for each image, [B]. Eqs. 10 and 11 of the dual networks.

    The paper does not state unit, threshold and size, and each can give any ratio between two networks (DN-10). Scale
    both to the true depth first (median scaling), compare at one `size`, and report several thresholds. With threshold
    0 and power 1 this is total variation, which is nearly insensitive to blur: an edge counts its height, sharp or not.

    Args:
        depth: [B,1,H,W], in any unit; |G| is 8 times the slope in that unit per pixel.
        threshold: of |G|. 100 metres is a slope of 12.5 metres per pixel.
        power: 1 in Eq. 10; 2 in the usual definition.
        reduction: "sum", or "mean" over all pixels of the image.
        size: (height, width) to resize to first, bilinearly, such as that of the true depth; None: no resizing.

    Returns:
        [B], at least float32.

    Raises:
        TypeError: not a floating tensor.
        ValueError: a wrong shape, a negative threshold, a power that is not positive, an unknown reduction.
    """
    if not isinstance(depth, Tensor) or not depth.is_floating_point():
        raise TypeError(f"depth: found {getattr(depth, 'dtype', type(depth))}, expected a floating tensor [B,1,H,W]")
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise ValueError(f"depth: found shape {list(depth.shape)}, expected [B,1,H,W]")
    if not (threshold >= 0 and power > 0):
        raise ValueError(f"threshold, power: found {threshold} and {power}, expected threshold >= 0 and power > 0")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction: found {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    depth = depth.to(torch.promote_types(depth.dtype, torch.float32))
    if size is not None:
        depth = F.interpolate(depth, size=tuple(size), mode="bilinear", align_corners=False)
    magnitude = sobel_magnitude(depth)
    counted = torch.where(magnitude > threshold, magnitude**power, 0)
    return counted.sum(dim=(1, 2, 3)) if reduction == "sum" else counted.mean(dim=(1, 2, 3))
