"""Edge-aware smoothness."""

from __future__ import annotations

import torch
from torch import Tensor


def edge_aware_smoothness(values: Tensor, image: Tensor) -> Tensor:
    """mean |dx v| exp(-mean_c |dx I|) + mean |dy v| exp(-mean_c |dy I|). Eq. 7 of the dual networks.

    dx and dy are forward differences; means are over the batch, so the weight of the loss does not depend on the size
    (DN-2). The paper smooths depth, whose scale is arbitrary; pass disparity divided by its mean instead (DN-4).

    Peak memory: about 7 times `values` in the forward pass, 10 with backward, for an image of 3 channels.

    Args:
        values: [B,1,H,W], disparity or depth. The loss has its unit.
        image: [B,C,H,W], in [0,1].

    Returns:
        a scalar.

    Raises:
        TypeError: not floating tensors.
        ValueError: wrong shapes, or fewer than 2x2 pixels.
    """
    for name, tensor in (("values", values), ("image", image)):
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            found = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(f"{name}: found {found}, expected a floating tensor [B,C,H,W]")
    fits = values.ndim == 4 and image.ndim == 4 and values.shape[1] == 1 and values.shape[0] == image.shape[0]
    if not fits or values.shape[2:] != image.shape[2:] or min(values.shape[2:]) < 2:
        found = f"{list(values.shape)} and {list(image.shape)}"
        raise ValueError(
            f"values, image: found shapes {found}, expected [B,1,H,W] and [B,C,H,W] of one size, at least 2x2"
        )
    terms = [
        (values.diff(dim=axis).abs() * torch.exp(-image.diff(dim=axis).abs().mean(dim=1, keepdim=True))).mean()
        for axis in (3, 2)
    ]
    return terms[0] + terms[1]
