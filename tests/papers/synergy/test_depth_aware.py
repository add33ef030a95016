"""The depth-aware loss: its learning state, its attention, its gradients."""

from __future__ import annotations

import math

import pytest
import torch
from synergy_parts import random_maps
from tensors import as_map
from torch import Tensor

from depthlib.losses import berhu_loss
from depthlib.papers.synergy.depth_aware import depth_attention, depth_aware_loss, learning_state


@pytest.mark.parametrize(
    ("pred", "target", "literal", "log1p", "ratio"),
    [  # the table of the spec
        (2, 4, 0.500, 0.317, 0.500),
        (8, 9, 0.054, 0.046, 0.111),
        (1, 1, math.nan, 0, 0),
        (0.9, 1.1, 2.105, 0.135, 0.182),
        (0.5, 0.99, -67.97, 0.411, 0.495),
        (1.01, 0.5, 70.66, 0.419, 0.505),
        (0.01, 5, 3.86, 0.994, 0.998),
        (0, 5, 1 - math.log(1e-3) / math.log(5), 1, 1),
    ],
)
def test_learning_state_where_the_literal_form_breaks(pred, target, literal, log1p, ratio) -> None:
    pred, target = torch.tensor(pred, dtype=torch.float64), torch.tensor(target, dtype=torch.float64)
    for mode, expected, tolerance in (("literal", literal, 5e-3), ("log1p", log1p, 6e-4), ("ratio", ratio, 6e-4)):
        for a, b in ((pred, target), (target, pred)):
            assert learning_state(a, b, mode).item() == pytest.approx(expected, abs=tolerance, nan_ok=True), mode
    safe = 0.0 if math.isnan(literal) else min(max(literal, 0.0), 1.0)
    assert learning_state(pred, target, "literal_safe").item() == pytest.approx(safe, abs=5e-3)


@pytest.mark.parametrize("mode", ["log1p", "ratio"])
def test_learning_state_does_what_the_text_says(mode: str) -> None:
    depth = torch.logspace(-3, 2, 60, dtype=torch.float64)
    state = learning_state(depth[:, None], depth[None, :], mode)
    assert ((state >= 0) & (state < 1)).all()
    assert torch.equal(state == 0, torch.eye(60, dtype=torch.bool))
    assert (state.diff(dim=1)[torch.ones(60, 59).triu().bool()] > 0).all()  # grows with the distance
    assert state[0, -1] > 0.99
    far = torch.tensor([1e4, 3e5], dtype=torch.float64)
    if mode == "log1p":
        literal = learning_state(far[0], far[1], "literal")
        torch.testing.assert_close(learning_state(far[0], far[1], mode), literal, rtol=1e-4, atol=0)
    with pytest.raises(ValueError, match="mode: found 'log', expected one of log1p, ratio, literal, literal_safe"):
        learning_state(far, far, "log")


def test_depth_aware_loss_weighs_each_pixel_before_the_mean() -> None:
    pred, target, valid = random_maps()
    pairs = list(zip(pred[valid].tolist(), target[valid].tolist(), strict=True))
    c = 0.2 * max(abs(p - t) for p, t in pairs)
    total = 0.0
    for p, t in pairs:
        e = abs(p - t)
        state = 1 - math.log(1 + min(p, t)) / math.log(1 + max(p, t))
        total += (min(t / 6, 1) + state) * (e if e <= c else (e * e + c * c) / (2 * c))
    assert depth_aware_loss(pred, target, valid, max_depth=6.0).item() == pytest.approx(total / len(pairs), rel=1e-12)


def test_depth_attention_is_of_the_data_set_and_bounded() -> None:
    assert depth_attention(as_map([[2, 5, 20]]), 10.0).flatten().tolist() == [0.2, 0.5, 1.0]
    pred, target, valid = random_maps()
    for image in (slice(0, 1), slice(1, 2)):
        near, far = (depth_aware_loss(pred[image], target[image], valid[image], max_depth=k) for k in (9, 90))
        assert near > far


def test_gradient_does_not_pass_the_learning_state_unless_asked() -> None:
    pred, target, valid = random_maps()
    slopes = {}
    for detach in (True, False):
        p = pred.clone().requires_grad_()
        depth_aware_loss(p, target, valid, max_depth=10.0, detach=detach).backward()
        slopes[detach] = p.grad
    p = pred.clone().requires_grad_()
    berhu_loss(p, target, valid).backward()
    weight = target / 10 + learning_state(pred, target)
    torch.testing.assert_close(slopes[True], weight * p.grad)
    assert not torch.allclose(slopes[True], slopes[False])
    # c is detached, so it must not move while a difference is taken: the largest error belongs to a pixel that is
    # fixed.
    fixed = torch.zeros_like(valid)
    fixed[0, 0, 4, 4] = True
    target[0, 0, 4, 4] = 50.0

    def loss(moving: Tensor) -> Tensor:
        return depth_aware_loss(torch.where(fixed, pred, moving), target, valid, max_depth=10.0, detach=False)

    assert torch.autograd.gradcheck(loss, (pred.clone().requires_grad_(),))


def test_depth_aware_loss_refuses() -> None:
    pred, target, valid = random_maps()
    with pytest.raises(ValueError, match="max_depth: found 0, expected a positive depth"):
        depth_aware_loss(pred, target, valid, max_depth=0)
    target[1, 0, 3, 3] = 0
    with pytest.raises(ValueError, match="target: found a value <= 0"):
        depth_aware_loss(pred, target, valid, max_depth=10)
    with pytest.raises(ValueError, match="valid: found no valid pixel"):
        depth_aware_loss(pred, target, torch.zeros_like(valid), max_depth=10)
