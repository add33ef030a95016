"""The sensor: the noise and the blur that it adds, in linear light."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from depthlib.scenes.sensor import sensed, sensor_seed

pytestmark = pytest.mark.usefixtures("own_cache")


def linear(value):
    """IEC 61966-2-1."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def test_noise_has_its_standard_deviation_and_grows_with_light():
    grey = torch.full((2, 3, 100, 120), 0.5, dtype=torch.float64)
    noisy = sensed(grey, [1, 2], 4.0, 0.0)
    assert noisy.std() * 255 == pytest.approx(4.0, rel=0.03) and noisy.mean() == pytest.approx(0.5, abs=2e-3)
    residue = (noisy - grey).numpy()
    for axis in (-1, -2):  # neighbours, images and channels are independent
        shifted = np.roll(residue, 1, axis)
        assert abs(np.corrcoef(residue.ravel(), shifted.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(residue.reshape(6, -1))[np.triu_indices(6, 1)]).max() < 0.03
    # variance of linear light: a straight line over the light, with a positive value in the dark
    levels = np.array([0.3, 0.5, 0.7])
    variances = [
        linear(sensed(torch.full((1, 3, 100, 120), level, dtype=torch.float64), [5], 2.0, 0.0).numpy()).var()
        for level in levels
    ]
    slopes = np.diff(variances) / np.diff(linear(levels))
    assert slopes[0] == pytest.approx(slopes[1], rel=0.1)
    assert 0 < variances[1] - slopes[0] * linear(0.5) < 0.1 * variances[1]
    black = sensed(torch.zeros(1, 3, 50, 50), [3], 4.0, 0.0)
    assert 0 < black.mean() < 0.05 and sensed(torch.ones(1, 3, 50, 50), [3], 4.0, 0.0).max() <= 1
    assert torch.allclose(sensed(grey.float(), [1, 2], 4.0, 0.0).double(), noisy, atol=1e-5)
    assert sensor_seed(7, "current") != sensor_seed(7, "next") != sensor_seed(8, "next")


@pytest.mark.parametrize("sigma", [0.4, 1.7])
def test_blur_is_gaussian_in_linear_light(sigma):
    image = torch.rand(2, 3, 20, 27, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    blurred = linear(sensed(image, [0, 0], 0.0, sigma).numpy())
    reach = max(1, math.ceil(3 * sigma))
    expected = gaussian_filter(linear(image.numpy()), (0, 0, sigma, sigma), mode="nearest", radius=reach)
    assert np.allclose(blurred, expected, atol=1e-6)
    assert sensed(image, [0, 0], 0.0, 0.0) is image
