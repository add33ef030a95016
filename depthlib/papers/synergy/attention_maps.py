"""Spatial attention maps from activations."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def activation_attention(features: Tensor, power: float = 2.0) -> Tensor:
    """sum over channels of |A_c| ** power: [B,C,H,W] -> [B,1,H,W].

    Zagoruyko and Komodakis 2017, Sec. 3.1, as in Fig. 5 of Look Deeper; they use powers 1, 2 and 4.
    Raises ValueError for a power that is not positive.
    """
    if power <= 0:
        raise ValueError(f"power: found {power}, expected a positive number")
    return features.abs().pow(power).sum(dim=1, keepdim=True)


def for_display(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """[B,1,h,w] -> [B,1,*size], bilinear, each image rescaled to [0, 1]; a constant map becomes 0."""
    resized = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    low, high = resized.amin(dim=(2, 3), keepdim=True), resized.amax(dim=(2, 3), keepdim=True)
    span = high - low
    return (resized - low) / span.where(span > 0, 1)
