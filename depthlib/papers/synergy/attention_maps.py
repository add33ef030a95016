"""Where a network looks: pictures made of its activations."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def activation_attention(features: Tensor, power: float = 2.0) -> Tensor:
    """sum over channels of |A_c| ** power: [B,C,H,W] -> [B,1,H,W].

    Zagoruyko and Komodakis 2017, Sec. 3.1, as Fig. 5 of Look Deeper has it; they use powers 1, 2 and 4.
    Raises ValueError for a power that is not positive.
    """
    if power <= 0:
        raise ValueError(f"power must be positive, got {power}")
    return features.abs().pow(power).sum(dim=1, keepdim=True)


def for_display(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """[B,1,h,w] -> [B,1,*size], bilinear, each image stretched to [0, 1]; a map of one value becomes 0."""
    resized = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    low, high = resized.amin(dim=(2, 3), keepdim=True), resized.amax(dim=(2, 3), keepdim=True)
    span = high - low
    return (resized - low) / span.where(span > 0, 1)
