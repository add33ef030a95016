"""Feature reconstruction by hand, and where its literal form collapses."""

from __future__ import annotations

import math

import pytest
import torch
from tensors import F64

from depthlib import geometry as g
from depthlib.papers.dual.feature_reconstruction import feature_reconstruction_loss


def test_feature_reconstruction_by_hand() -> None:
    target = torch.zeros(1, 2, 2, 2, dtype=F64)
    target[0, 0] = 1.0
    first, second = target.clone(), 5 * target  # the second points the same way: no distance once scaled to length 1
    first[0, :, 0, 0] = torch.tensor([0.0, 3.0])  # at a right angle: sqrt 2
    pixels = g.pixel_grid(2, 2, dtype=F64).expand(1, 1, 2, 2, 2)
    assert feature_reconstruction_loss(target, first[:, None], pixels).item() == pytest.approx(
        math.sqrt(2) / 4, abs=1e-5
    )
    literal = feature_reconstruction_loss(target, first[:, None], pixels, detach=False)
    assert literal.item() == pytest.approx(math.sqrt(10) / 4, abs=1e-5)
    both, twice = torch.stack([first, second], dim=1), pixels.expand(1, 2, 2, 2, 2)
    assert feature_reconstruction_loss(target, both, twice).item() == pytest.approx(0, abs=1e-5)  # the minimum
    assert feature_reconstruction_loss(target, both, twice, detach=False).item() == pytest.approx(
        math.sqrt(10) / 4, abs=1e-5
    )
    with pytest.raises(ValueError, match="target, sources: found shapes"):
        feature_reconstruction_loss(target, first, pixels)


def test_literal_feature_reconstruction_collapses_and_the_detached_one_teaches_the_coordinates() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 3, 4, 8, 8, dtype=F64)
    pixels = (g.pixel_grid(8, 8, dtype=F64) + 0.3).expand(1, 2, 2, 8, 8).clone()
    sizes = {}
    for detach in (True, False):
        gain = torch.ones((), dtype=F64, requires_grad=True)  # what a network can always learn: to say less
        where = pixels.clone().requires_grad_()
        for _ in range(50):
            scaled = gain * features
            loss = feature_reconstruction_loss(scaled[:, 0], scaled[:, 1:], where, detach=detach)
            gradients = torch.autograd.grad(loss, (gain, where), allow_unused=True)
            assert gradients[1].abs().max() > 0
            assert (gradients[0] is None) == detach  # data, not variables
            if gradients[0] is not None:
                gain.data -= 0.02 * gradients[0]
        sizes[detach] = gain.item()
    assert sizes[True] == 1.0
    assert abs(sizes[False]) < 0.05


def test_feature_reconstruction_has_finite_gradients_where_features_agree() -> None:
    features = torch.ones(1, 4, 6, 6).requires_grad_()
    pixels = g.pixel_grid(6, 6).expand(1, 1, 2, 6, 6).clone().requires_grad_()
    for detach in (True, False):
        feature_reconstruction_loss(features, features[:, None], pixels, detach=detach).backward()
    assert features.grad.isfinite().all() and pixels.grad.isfinite().all()
