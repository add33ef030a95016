"""The loss of the first lesson, by hand."""

from math import log

import numpy as np
import pytest
import torch

from depthlib.papers.start.loss import EDGES, log_depth_loss


def test_loss_of_a_map_that_is_too_far_by_one_factor_has_no_edges():
    target = 1 + 4 * torch.rand(2, 1, 5, 6)
    valid = torch.rand(target.shape) > 0.2
    total, terms = log_depth_loss(3 * target, target, valid)
    assert terms["edges"] == pytest.approx(0, abs=1e-5) and total.item() == pytest.approx(log(3) ** 2 / 2, rel=1e-5)


def test_loss_of_an_edge_that_is_not_there_by_numpy():
    rng = np.random.default_rng(0)
    pred, target = 1 + 4 * rng.random((2, 1, 5, 6)), 1 + 4 * rng.random((2, 1, 5, 6))
    d = np.log(pred) - np.log(target)
    depth = np.mean([(one**2).mean() - one.mean() ** 2 / 2 for one in d])
    edges = (np.abs(np.diff(d, axis=2)).sum() + np.abs(np.diff(d, axis=3)).sum()) / d.size
    valid = torch.ones(pred.shape, dtype=torch.bool)
    total, terms = log_depth_loss(torch.from_numpy(pred), torch.from_numpy(target), valid)
    assert terms["depth"].item() == pytest.approx(depth) and terms["edges"].item() == pytest.approx(EDGES * edges)
    assert total.item() == pytest.approx(depth + EDGES * edges)


def test_loss_has_a_finite_gradient_beside_pixels_without_label():
    pred = torch.rand(1, 1, 4, 4, requires_grad=True)
    target = torch.rand(1, 1, 4, 4) + 1
    valid = torch.rand(1, 1, 4, 4) > 0.4
    log_depth_loss(pred, torch.where(valid, target, 0), valid)[0].backward()
    assert pred.grad.isfinite().all() and (pred.grad[~valid] == 0).all()
