"""Depth without a network: an empty street, and the mean of a data set."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from depthlib.models.baselines import empty_street, mean_depth
from depthlib.models.floors import FixedMap


def test_floor(test_streets):
    depth = empty_street(test_streets[0]["K"], 64, 128)
    K = test_streets[0]["K"]
    bottom = 1.6 / ((63 - K[1, 2]) / K[1, 1])
    assert depth[0, 63, 64] == pytest.approx(float(bottom), rel=1e-5) and depth.max() <= 60.001
    torch.testing.assert_close(FixedMap(depth)(torch.rand(2, 3, 64, 128)), depth.expand(2, 1, 64, 128))
    mean = mean_depth(test_streets)
    stack = np.stack([test_streets[i]["depth"][0].numpy() for i in range(3)])
    known = (stack > 0).any(axis=0)
    expected = stack.sum(axis=0) / np.maximum((stack > 0).sum(axis=0), 1)
    np.testing.assert_allclose(mean[0].numpy()[known], expected[known], rtol=1e-5)
