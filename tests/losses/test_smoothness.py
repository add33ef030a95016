"""Smoothness against kornia."""

from __future__ import annotations

import math

import kornia
import pytest
import torch
from loss_maps import pair
from tensors import F64

from depthlib.losses import edge_aware_smoothness


def test_smoothness_is_that_of_kornia_and_free_at_edges() -> None:
    image, other = pair()
    disparity = other[:, :1]
    expected = kornia.losses.inverse_depth_smoothness_loss(disparity, image)
    torch.testing.assert_close(edge_aware_smoothness(disparity, image), expected)
    assert edge_aware_smoothness(torch.full_like(disparity, 3.0), image) == 0
    step = torch.zeros(1, 1, 4, 6, dtype=F64)
    step[..., 3:] = 1.0
    # One edge of height 1 between 5 columns: 1/5; an image edge of height 2 in the same place leaves e^-2 of it.
    assert edge_aware_smoothness(step, torch.zeros(1, 3, 4, 6, dtype=F64)).item() == pytest.approx(1 / 5)
    assert edge_aware_smoothness(step, 2 * step.expand(-1, 3, -1, -1)).item() == pytest.approx(math.exp(-2) / 5)
    for bad in (disparity[..., 1:], image):
        with pytest.raises(ValueError, match="expected .B,1,H,W. and"):
            edge_aware_smoothness(bad, image)
    with pytest.raises(TypeError, match="values: found torch.int64"):
        edge_aware_smoothness(disparity.long(), image)
