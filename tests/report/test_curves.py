"""Curves: mean and spread over seeds."""

from __future__ import annotations

import numpy as np

from depthlib.report import seed_curves


def test_curves_show_mean_and_spread():
    values = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    (axis,) = seed_curves({"net": values}, [10, 20, 30], ylabel="loss").axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[10, 2], [20, 3], [30, 4]])
    band = axis.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band} >= {(10.0, 1.0), (10.0, 3.0), (30.0, 3.0), (30.0, 5.0)}
    assert axis.texts[0].get_text() == "net"
    (axis,) = seed_curves({"net": values[:1]}, [10, 20, 30], ylabel="loss", smooth=2).axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[20, 1.5], [30, 2.5]])
    assert not axis.collections and "mean of 2" in axis.get_ylabel()
