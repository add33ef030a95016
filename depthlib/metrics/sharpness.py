"""Sharpness of a depth map: the Tenengrad measure of Table 5 of the dual networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.base.filters import sobel

REDUCTIONS = ("sum", "mean")


def sobel_magnitude(depth: Tensor) -> Tensor:
    """G = sqrt(Gx^2 + Gy^2) of Eq. 11, [B,1,H,W]: Sobel filters, not normalised (a slope of 1 per pixel gives 8), border repeated."""
    return torch.hypot(*sobel(depth))


def tenengrad(
    depth: Tensor,
    *,
    threshold: float = 0.0,
    power: float = 1.0,
    reduction: str = "sum",
    sobel_scale: float = 1.0,
    size: Sequence[int] | None = None,
) -> Tensor:
    """Sum of |G|^power over the pixels with |G| > threshold, for each image, [B]. Eqs. 10 and 11; spec dual_synergy, section 6.

    The paper leaves open the unit, the threshold and the size, and each can give any ratio between two networks (DN-10). Scale
    both to the true depth first (median scaling), compare at one `size`, and report several thresholds. With threshold 0 and
    power 1 this is total variation, which hardly sees blur: an edge costs its height, sharp or not.

    Args:
        depth: [B,1,H,W], in any unit; |G| has that unit per pixel, times 8 * sobel_scale.
        threshold: of |G|. 100 metres with sobel_scale 1 is a slope of 12.5 metres per pixel.
        power: 1 in Eq. 10; 2 in the usual definition.
        reduction: "sum", or "mean" over all pixels of the image.
        sobel_scale: factor on |G|, before the threshold; 1/8 gives units per pixel.
        size: (height, width) to resize to first, bilinearly, such as that of the true depth; None for the map as it is.

    Returns:
        [B], at least float32.

    Raises:
        TypeError: not a floating tensor.
        ValueError: another shape, a negative threshold, a power or scale that is not positive, another reduction.
    """
    if not isinstance(depth, Tensor) or not depth.is_floating_point():
        raise TypeError(f"depth: found {getattr(depth, 'dtype', type(depth).__name__)}, expected a floating tensor [B,1,H,W]")
    if depth.ndim != 4 or depth.shape[1] != 1:
        raise ValueError(f"depth: found shape {list(depth.shape)}, expected [B,1,H,W]")
    if not (threshold >= 0 and power > 0 and sobel_scale > 0):
        found = f"{threshold}, {power} and {sobel_scale}"
        raise ValueError(f"threshold, power, sobel_scale: found {found}, expected a number >= 0 and two above 0")
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction: found {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    depth = depth.to(torch.promote_types(depth.dtype, torch.float32))
    if size is not None:
        depth = F.interpolate(depth, size=tuple(size), mode="bilinear", align_corners=False)
    magnitude = sobel_magnitude(depth) * sobel_scale
    counted = torch.where(magnitude > threshold, magnitude**power, 0)
    return counted.sum(dim=(1, 2, 3)) if reduction == "sum" else counted.mean(dim=(1, 2, 3))
