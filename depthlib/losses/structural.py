"""Loss on structural similarity."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from depthlib.losses.checks import check_maps, masked
from depthlib.metrics.ssim import WINDOW, ssim_map, whole_windows


def ssim_loss(pred: Tensor, target: Tensor, valid: Tensor, *, data_range: float, windows: str = "full") -> Tensor:
    """(1 - SSIM) / 2, the mean over the 11x11 windows that lie inside the map. Eq. 10 of ANUW, errata A7 and A10.

    Invalid pixels are set to 0 in both maps.
    Peak memory: about 15 times `pred` in the forward pass, 23 with backward.

    Args:
        data_range: L of the constants (0.01 L)^2 and (0.03 L)^2: the largest depth, 1 for normalised depth.
        windows: "full" counts a window only if all its 121 pixels are valid; "any" if at least one is, for labels too
            sparse to hold a full window (the zeros then pull SSIM towards 1).

    Raises ValueError or TypeError as `check_maps` does, and ValueError if the map is smaller than a window, if no
    window counts, or for an unknown value of `windows`.
    """
    check_maps(pred, target, valid)
    if min(pred.shape[-2:]) < WINDOW:
        raise ValueError(
            f"pred: found {pred.shape[-2]}x{pred.shape[-1]}, expected at least {WINDOW}x{WINDOW} pixels for SSIM"
        )
    if windows == "full":
        counted = whole_windows(valid)
    elif windows == "any":
        counted = F.max_pool2d(valid.to(pred.dtype), WINDOW, stride=1).bool()
    else:
        raise ValueError(f"windows: found {windows!r}, expected 'full' or 'any'")
    if not counted.any():
        raise ValueError(
            f"valid: found no fully valid {WINDOW}x{WINDOW} window, expected at least one: use windows='any' for "
            "sparse labels"
        )
    similarity = ssim_map(masked(pred, valid), masked(target, valid), data_range=data_range)
    return masked((1 - similarity) / 2, counted).sum() / counted.sum()
