"""The sum of all losses: its weights, what its terms need, and that invalid pixels do not matter in any of them."""

from __future__ import annotations

import math

import pytest
import torch
from devices import DEVICES
from synergy_parts import random_maps
from tensors import random_logits
from torch.nn import functional as F

from depthlib.papers.synergy.attention_driven import attention_driven_loss, labels_at
from depthlib.papers.synergy.depth_aware import depth_aware_loss
from depthlib.papers.synergy.joint_gradient import joint_gradient_loss, semantic_gradient_loss, sobel_loss
from depthlib.papers.synergy.semantic_focal import semantic_focal_loss


def test_attention_driven_loss_is_the_weighted_sum() -> None:
    pred, target, valid = random_maps()
    logits, labels = random_logits()
    total, terms = attention_driven_loss(pred.requires_grad_(), logits, target, valid, labels, max_depth=10.0)
    expected = {
        "depth_aware": depth_aware_loss(pred, target, valid, max_depth=10.0),
        "joint_gradient": joint_gradient_loss(pred, target, valid, logits, max_depth=10.0),
        "semantic_focal": semantic_focal_loss(logits, labels),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {n: t.item() for n, t in expected.items()}
    )
    assert total.item() == pytest.approx(sum(t.item() for t in expected.values()))
    assert total.requires_grad
    assert not any(term.requires_grad for term in terms.values())
    weights = {"depth_aware": 2.0, "semantic_focal": 0.5, "joint_gradient": 0.0}
    options = {"lambda_mode": "ratio", "gamma": 0.0, "alpha": 1.0}
    total, terms = attention_driven_loss(
        pred, logits, target, valid, labels, max_depth=10.0, weights=weights, **options
    )
    assert list(terms) == ["depth_aware", "semantic_focal"]
    ratio = depth_aware_loss(pred, target, valid, max_depth=10.0, mode="ratio")
    assert total.item() == pytest.approx(
        2 * ratio.item() + 0.5 * F.cross_entropy(logits, labels, ignore_index=255).item()
    )


def test_attention_driven_loss_needs_only_what_its_terms_need() -> None:
    pred, target, valid = random_maps()
    logits, labels = random_logits()
    only = {"semantic_focal": 1.0}
    total, _ = attention_driven_loss(None, logits, target, valid, labels, max_depth=10.0, weights=only)
    assert total == semantic_focal_loss(logits, labels)
    depth = {"depth_aware": 1.0, "joint_gradient": 1.0}
    attention_driven_loss(pred, None, target, valid, None, max_depth=10.0, weights=depth, gradient_mode="none")
    for arguments, weights, message in (
        ((None, logits, target, valid, labels), {"depth_aware": 1.0}, "pred: found None, .* depth_aware"),
        ((pred, logits, target, valid, None), only, "labels: found None"),
        ((pred, logits, target, valid, labels), {"l1": 1.0}, "found l1, expected some of depth_aware, joint_gradient"),
        ((pred, logits, target, valid, labels), {}, "found none"),
        ((pred, logits, target, valid, labels), {"depth_aware": 0.0}, "found only 0"),
    ):
        with pytest.raises(ValueError, match=message):
            attention_driven_loss(*arguments, max_depth=10.0, weights=weights)


@pytest.mark.parametrize("size", [(128, 160), (114, 152), (57, 76), (228, 304), (500, 7)])
def test_labels_at_takes_the_nearest_centre(size: tuple[int, int]) -> None:
    depth = torch.rand(1, 1, 228, 304)
    labels = torch.randint(40, (1, 228, 304))
    small_depth, mask, small_labels = labels_at(size, depth, depth > 0.5, labels)
    expected = F.interpolate(depth, size=size, mode="nearest-exact")
    assert torch.equal(small_depth, expected)
    assert torch.equal(mask, expected > 0.5)
    assert torch.equal(small_labels.float(), F.interpolate(labels[None].float(), size=size, mode="nearest-exact")[0])


MASKED = {
    "depth_aware": lambda pred, target, valid: depth_aware_loss(pred, target, valid, max_depth=10.0),
    "sobel": sobel_loss,
    "prob_edge": lambda p, t, v: joint_gradient_loss(p, t, v, random_logits()[0], max_depth=10.0, semantic_weight=1.0),
    "argmax": lambda p, t, v: semantic_gradient_loss(p, random_logits()[0], v, max_depth=10.0, mode="argmax"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", MASKED)
def test_what_lies_in_invalid_pixels_does_not_matter(name: str, device: str) -> None:
    pred, target, valid = random_maps()
    expected = MASKED[name](pred, target, valid)
    assert (expected.shape, expected.dtype) == ((), torch.float64)
    if device == "cpu":
        for junk in (0.0, 1e9, math.nan, math.inf):
            p = torch.where(valid, pred, junk).requires_grad_()
            loss = MASKED[name](p, torch.where(valid, target, junk), valid)
            loss.backward()
            assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
            assert p.grad.isfinite().all()
            assert (p.grad[~valid] == 0).all()
    else:
        loss = depth_aware_loss(pred.to(device), target.to(device), valid.to(device), max_depth=10.0)
        assert loss.item() == pytest.approx(depth_aware_loss(pred, target, valid, max_depth=10.0).item())
    single = MASKED[name](pred.float(), target.float(), valid)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected.item(), rel=1e-5)
