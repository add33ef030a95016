"""Input validation of the losses: three maps of one shape, a bool mask, and at least one valid pixel."""

from __future__ import annotations

import torch
from torch import Tensor


def check_maps(pred: Tensor, target: Tensor, valid: Tensor) -> None:
    """Raise unless the maps can be compared pixel by pixel.

    Raises:
        TypeError: pred or target is not floating-point, or valid is not bool.
        ValueError: not all of one shape [B,1,H,W], or no pixel is valid.
    """
    if not (pred.is_floating_point() and target.is_floating_point()):
        raise TypeError(f"pred, target: found {pred.dtype} and {target.dtype}, expected floating-point tensors")
    if valid.dtype != torch.bool:
        raise TypeError(f"valid: found {valid.dtype}, expected a bool mask such as target > 0")
    if pred.ndim != 4 or pred.shape[1] != 1 or not pred.shape == target.shape == valid.shape:
        shapes = f"{list(pred.shape)}, {list(target.shape)} and {list(valid.shape)}"
        raise ValueError(f"pred, target, valid: found shapes {shapes}, expected one shape [B,1,H,W]")
    if not valid.any():
        raise ValueError("valid: found no valid pixel, expected at least one in the batch")


def masked(values: Tensor, valid: Tensor) -> Tensor:
    """`values` with 0 where invalid, by selection, since a NaN times 0 is NaN."""
    return torch.where(valid, values, torch.zeros((), dtype=values.dtype, device=values.device))
