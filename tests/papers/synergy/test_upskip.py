"""Up-skip connections: the sum of resized levels, by hand."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from depthlib.papers.synergy.upskip import UpSkip


def test_up_skip_sums_the_resized_levels() -> None:
    block = UpSkip([3, 2, 2]).double()
    for conv in block.convs:
        nn.init.zeros_(conv.weight)
        for channel in range(2):  # the middle tap alone: the convolution passes channels on as they are
            conv.weight.data[channel, channel, 1, 1] = 1.0
    levels = [torch.randn(1, c, h, w, dtype=torch.float64) for c, h, w in ((3, 2, 3), (2, 4, 6), (2, 8, 12))]
    expected = sum(
        ndimage.zoom(f[0, :2].numpy(), (1, factor, factor), order=1, mode="nearest", grid_mode=True)
        for f, factor in zip(levels, (4, 2, 1), strict=True)
    )
    np.testing.assert_allclose(block(levels)[0].detach().numpy(), expected, rtol=1e-12, atol=1e-12)


def test_up_skip_resizes_before_it_convolves() -> None:
    block = UpSkip([1, 1]).double()
    nn.init.zeros_(block.convs[1].weight)
    nn.init.zeros_(block.convs[0].weight)
    block.convs[0].weight.data[0, 0, 1, 2] = 1.0  # one pixel to the left, of the large map
    level = torch.arange(4.0, dtype=torch.float64).view(1, 1, 1, 4)
    expected = ndimage.zoom(level[0, 0].numpy(), (1, 2), order=1, mode="nearest", grid_mode=True)
    out = block([level, torch.zeros(1, 1, 1, 8, dtype=torch.float64)])
    np.testing.assert_allclose(out[0, 0].detach().numpy()[:, :-1], expected[:, 1:], rtol=1e-12)
