"""How hard each term of the loss pulls at the depth: what a weight in front of it comes to."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from depthlib.papers.synergy.depth_aware import depth_aware_loss
from depthlib.papers.synergy.joint_gradient import semantic_gradient_loss, sobel_loss


def shares_of_gradient(
    depth: Tensor,
    logits: Tensor,
    target: Tensor,
    valid: Tensor,
    *,
    max_depth: float,
    weights: Mapping[str, float],
    semantic_weight: float,
) -> dict[str, float]:
    """The share of each term of L_DA + L_JG in the sum of their gradients' norms with respect to the depth.

    Args:
        depth: [B,1,H,W] metres, predicted; logits: [B,K,H,W]; target, valid: [B,1,H,W], all of one size.
        weights, semantic_weight: see `attention_driven_loss` and `joint_gradient_loss`.

    Returns:
        "L_DA", "L_g(d, gt)" and "L_g(d, s)", which add up to 1.

    Raises ValueError where no term pulls.
    """
    depth = depth.detach().requires_grad_()
    slopes = weights["joint_gradient"]
    terms = {
        "L_DA": (weights["depth_aware"], lambda: depth_aware_loss(depth, target, valid, max_depth=max_depth)),
        "L_g(d, gt)": (slopes, lambda: sobel_loss(depth, target, valid)),
        "L_g(d, s)": (
            slopes * semantic_weight,
            lambda: semantic_gradient_loss(depth, logits, valid, max_depth=max_depth),
        ),
    }
    norms = {
        name: weight * torch.autograd.grad(term(), depth)[0].norm().item() for name, (weight, term) in terms.items()
    }
    total = sum(norms.values())
    if not total > 0:
        raise ValueError("terms: found none with a gradient, expected a prediction that is not perfect")
    return {name: norm / total for name, norm in norms.items()}
