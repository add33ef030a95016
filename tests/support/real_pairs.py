"""Real stereo pairs: grey levels, and how far a warp is from the other image."""

from __future__ import annotations

import torch

from depthlib.geometry import warp_disparity


def grey(image: torch.Tensor) -> torch.Tensor:
    """Luma on the 0..255 scale, [1, H, W]."""
    return (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True) * 255


def warp_errors(
    left: torch.Tensor, right: torch.Tensor, disparity: torch.Tensor, valid: torch.Tensor
) -> tuple[float, float]:
    """Mean absolute grey difference of the right image to the left one, warped and not, over the pixels of the warp."""
    warped, visible = warp_disparity(grey(right)[None], disparity[None])
    seen = visible[0] & valid
    return tuple(float((other - grey(left)).abs()[seen].mean()) for other in (warped[0], grey(right)))
