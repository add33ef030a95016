"""Reductions over images against one large image, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from depth_maps import maps

from depthlib.metrics import benchmark
from depthlib.protocols.reduction import reduce, reduced_interval


def test_reductions_against_one_large_image():
    pred, target, valid = maps(batch=3)
    valid[1, :, :30] = False
    names = ("abs_rel", "rmse", "delta1", "log10", "rmse_log10", "irmse")
    each = benchmark.errors(pred, target, valid, names)
    p, t, m = (torch.cat(list(x), dim=1)[None] for x in (pred, target, valid))
    together = benchmark.errors(p, t, m, names)
    pixels = valid.sum(dim=(1, 2, 3)).tolist()
    for name in names:
        values = each[name].tolist()
        assert reduce(name, values, pixels, "pooled pixels") == pytest.approx(together[name].item(), rel=1e-12), name
        assert reduce(name, values, pixels, "mean over images") == pytest.approx(np.mean(values))
    assert reduce("rmse", [3, 4], [1, 99], "mean over images, roots last") == pytest.approx(np.sqrt(12.5))
    assert reduce("abs_rel", [3, 4], [1, 99], "mean over images, roots last") == 3.5


@pytest.mark.parametrize("reduction", ["mean over images", "mean over images, roots last", "pooled pixels"])
def test_the_interval_holds_the_estimate_and_has_the_right_width(reduction):
    rng = np.random.default_rng(0)
    values, pixels = rng.uniform(1, 2, 400), rng.integers(500, 1500, 400)
    found = reduced_interval("rmse", values, pixels, reduction)
    assert found.low < found.mean < found.high and found.mean == reduce("rmse", values, pixels, reduction)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.2)
    one = reduced_interval("rmse", [1.5], [10], reduction)
    assert one.low == pytest.approx(1.5) and one.high == pytest.approx(1.5)
