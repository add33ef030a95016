"""The attention-driven loss of Look Deeper: the sum of its three terms, and labels at the size of the decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from depthlib.base.labels import IGNORE
from depthlib.papers.synergy.depth_aware import depth_aware_loss
from depthlib.papers.synergy.joint_gradient import joint_gradient_loss
from depthlib.papers.synergy.semantic_focal import semantic_focal_loss

WEIGHTS = {"depth_aware": 1.0, "joint_gradient": 1.0, "semantic_focal": 1.0}  # Eq. 7


def attention_driven_loss(
    pred: Tensor | None,
    logits: Tensor | None,
    target: Tensor,
    valid: Tensor,
    labels: Tensor | None,
    *,
    max_depth: float,
    weights: Mapping[str, float] = WEIGHTS,
    lambda_mode: str = "log1p",
    gradient_mode: str = "prob_edge",
    semantic_weight: float = 0.1,
    gamma: float = 2.0,
    alpha: float | Sequence[float] | Tensor = 0.25,
    ignore: int = IGNORE,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_DA + L_JG + L_semF. Look Deeper Eq. 7; weights, since the units differ (erratum LD-15).

    With unnormalised Sobel kernels L_JG has 8 times the unit of L_DA, and a constant map minimises it: with weight 1 a
    short training with Adam can stay at a constant depth. 1/8 is equivalent to normalised kernels.

    Peak memory: about 80 times `pred` in the forward pass, 86 with backward, for 13 classes.

    Args:
        pred: depth [B,1,H,W] in metres; logits: [B,K,H,W]. None if no weighted term needs it.
        target, valid: [B,1,H,W], metres and bool mask. labels: int64 [B,H,W]. All of the size of pred, see `labels_at`.
        max_depth: metres, the largest depth of the data set.
        weights: of each term by name. A term that is missing or 0 is not computed.
        lambda_mode: see `learning_state`. gradient_mode, semantic_weight: see `joint_gradient_loss`.
        gamma, alpha, ignore: see `semantic_focal_loss`.

    Returns:
        The weighted sum, and the terms before weighting, detached, by name.

    Raises ValueError or TypeError as the three losses do, and ValueError for unknown weights or a missing input.
    """
    if not weights or not weights.keys() <= WEIGHTS.keys():
        raise ValueError(f"weights: found {', '.join(weights) or 'none'}, expected some of {', '.join(WEIGHTS)}")
    wanted = [name for name, weight in weights.items() if weight]
    if not wanted:
        raise ValueError("weights: found only 0, expected at least one positive weight")
    _require(wanted, pred, logits, labels)
    losses = {
        "depth_aware": lambda: depth_aware_loss(pred, target, valid, max_depth=max_depth, mode=lambda_mode),
        "joint_gradient": lambda: joint_gradient_loss(
            pred, target, valid, logits, max_depth=max_depth, mode=gradient_mode, semantic_weight=semantic_weight
        ),
        "semantic_focal": lambda: semantic_focal_loss(logits, labels, gamma=gamma, alpha=alpha, ignore=ignore),
    }
    terms = {name: losses[name]() for name in wanted}
    total = sum(weights[name] * term for name, term in terms.items())
    return total, {name: term.detach() for name, term in terms.items()}


def labels_at(size: tuple[int, int], *maps: Tensor) -> tuple[Tensor, ...]:
    """Each map [...,H,W], of any dtype, at `size`, by the nearest pixel centre: depths are not averaged across edges.

    The losses compare at the size of the decoder, as FCRN does (erratum LD-14):
    `depth, valid, labels = labels_at(pred.shape[-2:], depth, valid, labels)`.
    """
    return tuple(_nearest(_nearest(x, size[0], -2), size[1], -1) for x in maps)


def _nearest(x: Tensor, length: int, dim: int) -> Tensor:
    # Integer arithmetic: no rounding, so no ties that differ between devices.
    index = (2 * torch.arange(length, device=x.device) + 1) * x.shape[dim] // (2 * length)
    return x.index_select(dim, index)


def _require(wanted: list[str], pred: Tensor | None, logits: Tensor | None, labels: Tensor | None) -> None:
    for term in wanted:
        needed = {"logits": logits, "labels": labels} if term == "semantic_focal" else {"pred": pred}
        for name, value in needed.items():
            if value is None:
                raise ValueError(f"{name}: found None, expected a tensor for the term {term}")
