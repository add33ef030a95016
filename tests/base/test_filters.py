"""Filters against kornia and scipy."""

from __future__ import annotations

import kornia
import numpy as np
import pytest
import torch
from scipy import ndimage

from depthlib.base.filters import sobel


@pytest.mark.parametrize("normalized", [False, True])
def test_sobel_is_that_of_kornia_and_scipy(normalized: bool) -> None:
    maps = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    theirs = kornia.filters.spatial_gradient(maps, mode="sobel", normalized=normalized)
    for ours, expected in zip(sobel(maps, normalized=normalized), theirs.unbind(2), strict=True):
        torch.testing.assert_close(ours, expected)
    for ours, axis in zip(sobel(maps), (-1, -2), strict=True):
        np.testing.assert_allclose(
            ours[1, 2].numpy(), ndimage.sobel(maps[1, 2].numpy(), axis=axis, mode="nearest"), rtol=1e-12
        )
