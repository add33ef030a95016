"""The shares of the terms in the gradient of the depth, against finite differences."""

import pytest
import torch
from synergy_parts import random_maps

from depthlib.papers.synergy.attention_driven import attention_driven_loss
from depthlib.papers.synergy.pull import shares_of_gradient

WEIGHTS = {"depth_aware": 1.0, "joint_gradient": 0.125}


def shares(semantic_weight, **weights):
    pred, target, valid = random_maps()
    logits = torch.randn(2, 4, 9, 10, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    options = {"max_depth": 10.0, "weights": WEIGHTS | weights, "semantic_weight": semantic_weight}
    return shares_of_gradient(pred, logits, target, valid, **options)


def test_shares_add_up_and_grow_with_their_weight():
    few, many = shares(0.1), shares(5.0)
    assert sum(few.values()) == pytest.approx(1) == sum(many.values())
    assert few["L_g(d, s)"] < 0.02 < 0.1 < many["L_g(d, s)"]
    ratio = (many["L_g(d, s)"] / many["L_DA"]) / (few["L_g(d, s)"] / few["L_DA"])
    assert ratio == pytest.approx(50)


def test_the_terms_are_those_of_the_loss():
    """Their gradients add up to that of the whole; the logits have none of it."""
    pred, target, valid = random_maps()
    logits = torch.randn(2, 4, 9, 10, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    pred.requires_grad_()
    options = {"max_depth": 10.0, "weights": WEIGHTS, "semantic_weight": 0.0}
    total, _ = attention_driven_loss(pred, logits, target, valid, None, **options)
    whole = torch.autograd.grad(total, pred)[0]
    options = {"max_depth": 10.0, "weights": {"depth_aware": 1.0}, "semantic_weight": 0.0}
    aware = torch.autograd.grad(attention_driven_loss(pred, None, target, valid, None, **options)[0], pred)[0]
    found = shares(0.0)
    assert found["L_g(d, s)"] == 0
    expected = aware.norm() / (aware.norm() + (whole - aware).norm())
    assert found["L_DA"] == pytest.approx(expected.item())


def test_no_term_that_pulls_is_an_error():
    flat = torch.full((1, 1, 4, 4), 2.0)
    logits = torch.zeros(1, 4, 4, 4)
    with pytest.raises(ValueError, match="terms: found none with a gradient"):
        shares_of_gradient(flat, logits, flat, flat > 0, max_depth=10.0, weights=WEIGHTS, semantic_weight=0.0)
