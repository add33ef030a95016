"""Errors in the units of benchmarks, by hand."""

from __future__ import annotations

import pytest
import torch
from depth_maps import maps

from depthlib.metrics import benchmark
from depthlib.metrics.benchmark import disparity_outliers


def test_d1_counts_errors_that_are_large_in_both_ways() -> None:
    truth = torch.tensor([10.0, 10, 100, 100, 10])
    estimate = torch.tensor([12.9, 13.1, 104.9, 105.1, 99])
    valid = torch.tensor([True, True, True, True, False])
    assert disparity_outliers(*(x.view(1, 1, 1, -1) for x in (estimate, truth, valid))).item() == 0.5


def test_benchmark_units_by_hand():
    """10 m predicted as 20 m: 100 %, 100 %, and 1/10 - 1/20 = 0.05 1/m = 50 1/km. Eigen's sq_rel is 10 m for the
    same.
    """
    target = torch.full((1, 1, 2, 2), 10.0)
    names = ("abs_error_rel", "sq_error_rel", "irmse", "sq_rel", "mae", "rmse_log10")
    found = benchmark.errors(2 * target, target, target > 0, names)
    assert [round(v.item(), 4) for v in found.values()] == [100, 100, 50, 10, 10, 0.301]
    pred, target, valid = maps()
    si = benchmark.errors(pred, target, valid, ("si_mse", "si_rmse", "si_rmse_pairs"))
    torch.testing.assert_close(si["si_mse"] * 2, si["si_rmse_pairs"] ** 2)
    d = (pred.log() - target.clamp(min=1e-9).log())[0][valid[0]]
    pairs = (d[:, None] - d[None]) ** 2
    assert si["si_rmse_pairs"][0].item() == pytest.approx(pairs.mean().sqrt().item(), rel=1e-9)
