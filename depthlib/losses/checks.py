"""The guard that every loss shares: three maps of one shape, a bool mask, and something to learn from."""

from __future__ import annotations

import torch
from torch import Tensor


def check_maps(pred: Tensor, target: Tensor, valid: Tensor) -> None:
    """Refuse maps that cannot be compared pixel by pixel.

    Raises:
        TypeError: pred or target is not floating-point, or valid is not bool.
        ValueError: not all of one shape [B,1,H,W], or no pixel is valid.
    """
    if not (pred.is_floating_point() and target.is_floating_point()):
        raise TypeError(f"pred and target must be floating-point, got {pred.dtype} and {target.dtype}")
    if valid.dtype != torch.bool:
        raise TypeError(f"valid must be a bool mask, got {valid.dtype}: use target > 0")
    if pred.ndim != 4 or pred.shape[1] != 1 or not pred.shape == target.shape == valid.shape:
        shapes = f"{list(pred.shape)}, {list(target.shape)} and {list(valid.shape)}"
        raise ValueError(f"pred, target and valid must share one shape [B, 1, H, W], got {shapes}")
    if not valid.any():
        raise ValueError("valid marks no pixel: expected at least one valid pixel in the batch")


def masked(values: Tensor, valid: Tensor) -> Tensor:
    """`values` with 0 where invalid. Selects rather than multiplies, so that a NaN in an invalid pixel stays there."""
    return torch.where(valid, values, torch.zeros((), dtype=values.dtype, device=values.device))
