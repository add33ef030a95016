"""Noise: continuous, and the same in both precisions."""

from __future__ import annotations

import pytest
import torch

from depthlib.scenes.noise import fractal2, noise2, noise3

pytestmark = pytest.mark.usefixtures("own_cache")


def test_noise_is_continuous_and_the_same_in_both_precisions():
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64)
    y = x * 0.37 + 3.1
    seed = torch.full_like(x, 123456789, dtype=torch.int64)
    fine = noise2(x, y, seed)
    assert 0 <= fine.min() < 0.1 and 0.9 < fine.max() <= 1 and fine.diff().abs().max() < 0.06
    assert (noise3(x, y, 2 * x, seed) - noise3(x.float(), y.float(), 2 * x.float(), seed)).abs().max() < 1e-4
    lattice = torch.arange(-5.0, 6.0, dtype=torch.float64)
    left, right = (noise3(lattice + e, lattice, lattice - e, seed[:11]) for e in (-1e-9, 1e-9))
    assert (left - right).abs().max() < 1e-7
    assert (noise2(x, y, seed) - noise2(x, y, seed + 1)).abs().mean() > 0.1
    assert fractal2(x, y, seed, 1.0, torch.full_like(x, 5.0)).abs().max() == 0  # finer than a pixel: gone
