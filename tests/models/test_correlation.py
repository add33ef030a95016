"""Correlation of two views: its peak, by hand, and its block."""

from __future__ import annotations

import pytest
import torch
from devices import DEVICES
from layers import norm_relu, randomise
from torch.autograd import gradcheck
from torch.nn import functional as F

from depthlib.geometry import warp_disparity
from depthlib.models.correlation import CorrelationBlock, correlation


@pytest.mark.parametrize("device", DEVICES)
def test_correlation_peaks_at_the_true_disparity(device: str) -> None:
    torch.manual_seed(0)
    right = torch.randn(2, 64, 8, 40, device=device)
    truth = torch.tensor([[3.0] * 4 + [11.0] * 4] * 2).view(2, 1, 8, 1).expand(2, 1, 8, 40).to(device)
    left, visible = warp_disparity(right, truth)
    found = correlation(left, right).argmax(dim=1, keepdim=True)
    assert torch.equal(found[visible], truth[visible].long())
    assert visible.sum() == 2 * (4 * 37 + 4 * 29)


def test_correlation_by_hand() -> None:
    left = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view(1, 2, 1, 3)
    right = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]).view(1, 2, 1, 3)
    expected = torch.tensor(
        [
            [1 / 2, 5 / 2, 12 / 2],  # 1 + 0, 0 + 5, 6 + 6
            [0, 2 / 2, 6 / 2],  # left at 1, 2 with right at 0, 1
            [0, 0, 3 / 2],
            [0, 0, 0],
            [0, 0, 0],
        ]
    )
    assert torch.equal(correlation(left, right, 4)[0, :, 0], expected)
    views = [x.double().requires_grad_() for x in (left, right)]
    assert gradcheck(lambda a, b: correlation(a, b, 4), views)
    with pytest.raises(ValueError, match=r"right: found shape \[1, 2, 1, 2\]"):
        correlation(left, right[..., :2])
    with pytest.raises(ValueError, match="max_displacement: found -1, expected at least 0"):
        correlation(left, right, -1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_correlation_is_the_mean_over_channels_in_full_precision(layout: torch.memory_format) -> None:
    left, right = (x.to(memory_format=layout) for x in torch.randn(2, 2, 3, 4, 6, dtype=torch.float64))
    expected = torch.zeros(2, 8, 4, 6, dtype=torch.float64)
    for d in range(6):
        for x in range(d, 6):
            expected[:, d, :, x] = sum(left[:, c, :, x] * right[:, c, :, x - d] for c in range(3)) / 3
    torch.testing.assert_close(correlation(left, right, 7), expected, rtol=1e-12, atol=1e-12)
    assert correlation(left.bfloat16(), right.bfloat16(), 2).dtype == torch.bfloat16


def test_correlation_block_is_its_formula() -> None:
    module = randomise(CorrelationBlock(8, 5)).double().eval()
    left, right = torch.randn(2, 2, 8, 6, 9, dtype=torch.float64)
    volume = F.conv2d(correlation(left, right, 5), module.matching[0].weight, padding=1)
    features = F.conv2d(left, module.left[0].weight, padding=1)
    expected = torch.cat([norm_relu(volume, module.matching[1]), norm_relu(features, module.left[1])], 1)
    assert (volume.shape[1], features.shape[1]) == (2, 6)
    torch.testing.assert_close(module(left, left, right), expected)


def test_finer_maps_are_matched_at_their_own_size_and_give_features_of_the_coarse_one() -> None:
    module = randomise(CorrelationBlock(8, 5, fine=3)).double().eval()
    features, (left, right) = torch.randn(2, 8, 6, 9, dtype=torch.float64), torch.randn(2, 2, 3, 12, 18).double()
    described = [F.conv2d(x, module.describe.weight, padding=1) for x in (left, right)]
    volume = F.conv2d(correlation(*described, 5), module.matching[0].weight, stride=2, padding=1)
    own = F.conv2d(features, module.left[0].weight, padding=1)
    expected = torch.cat([norm_relu(volume, module.matching[1]), norm_relu(own, module.left[1])], 1)
    torch.testing.assert_close(module(features, left, right), expected)
