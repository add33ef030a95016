"""The baseline that looks at nothing. A network that does not beat it has learned nothing from the image."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from depthlib.models.blocks import check_image


class MeanDepth(nn.Module):
    """The same depth for every pixel of every image: the middle of the range until `fit` has seen data.

    It has no parameters to train; the value is a buffer, so it is saved with the weights.
    """

    def __init__(self, *, max_depth: float = 40.0) -> None:
        super().__init__()
        self.register_buffer("depth", torch.tensor(max_depth / 2))

    @torch.no_grad()
    def fit(self, depths: Tensor | Iterable[Tensor]) -> MeanDepth:
        """Take the mean over all valid pixels, each counted once. Depths in metres, any shape, invalid = 0.

        Raises ValueError if no pixel is valid.
        """
        total, count = 0.0, 0
        for depth in [depths] if isinstance(depths, Tensor) else depths:
            valid = depth > 0
            total += torch.where(valid, depth, 0).sum(dtype=torch.float64).item()
            count += int(valid.sum())
        if count == 0:
            raise ValueError("depths has no valid pixel: expected at least one value above 0")
        self.depth.fill_(total / count)
        return self

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        return self.depth.to(image).expand(image.shape[0], 1, *image.shape[-2:]).clone()
