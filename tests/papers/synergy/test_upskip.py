"""Up-skip connections: the sum of resized levels, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from synergy_parts import small
from torch import nn

from depthlib.papers.synergy.upskip import UpSkip, UpSkipConcat


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


def test_concatenation_keeps_the_levels_apart_until_the_last_convolution() -> None:
    block = UpSkipConcat([3, 2]).double()
    for conv in (*block.narrow, block.join):
        nn.init.zeros_(conv.weight)
    block.narrow[0].weight.data[0, 2] = 1.0  # the third channel of the coarse level
    block.narrow[1].weight.data[1, 0] = 1.0
    block.join.weight.data[0, 0, 1, 1], block.join.weight.data[1, 3, 1, 1] = 5.0, 7.0
    coarse, fine = torch.randn(1, 3, 2, 3, dtype=torch.float64), torch.randn(1, 2, 4, 6, dtype=torch.float64)
    out = block([coarse, fine]).detach().numpy()
    resized = ndimage.zoom(coarse[0, 2].numpy(), 2, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(out[0, 0], 5 * resized, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(out[0, 1], 7 * fine[0, 0].numpy(), rtol=1e-12)


def test_a_network_joins_its_levels_as_it_is_told() -> None:
    assert isinstance(small(skips="concat").branches["depth"].skips, UpSkipConcat)
    assert isinstance(small(skips=True).branches["depth"].skips, UpSkip)
    with pytest.raises(ValueError, match="skips: found 'product', expected True, False or one of sum, concat"):
        small(skips="product")
