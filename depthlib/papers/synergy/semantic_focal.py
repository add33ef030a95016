"""The semantic focal loss of Look Deeper, and class weights that balance the classes, as its text describes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from depthlib.base.labels import IGNORE


def semantic_focal_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | Sequence[float] | Tensor = 0.25,
    ignore: int = IGNORE,
) -> Tensor:
    """Mean of -alpha_k (1 - p_k)^gamma ln p_k over the labelled pixels of the batch, k the class, p the softmax. Eq. 6.

    gamma = 0 and alpha = 1 give the cross entropy. A single alpha only scales the loss (erratum LD-7); weights from
    `inverse_frequency` balance the classes.

    Args:
        logits: [B,K,H,W]. labels: int64 [B,H,W], 0 to K-1, or `ignore`.
        gamma: 0, or at least 1: between 0 and 1 the gradient at p = 1 is unbounded.
        alpha: one weight for all classes, or [K].

    Raises:
        TypeError: logits not floating-point or labels not integers.
        ValueError: shapes or labels that do not fit, no labelled pixel, or another gamma or number of weights.
    """
    _check(logits, labels, ignore)
    if gamma != 0 and gamma < 1:
        raise ValueError(f"gamma: found {gamma}, expected 0 or at least 1")
    labelled = labels != ignore
    known = torch.where(labelled, labels, 0)
    # Selected rather than multiplied, so that a NaN at an unlabelled pixel does not spread.
    logits = torch.where(labelled[:, None], logits.to(torch.promote_types(logits.dtype, torch.float32)), 0)
    log_p = logits.log_softmax(dim=1).gather(1, known[:, None])[:, 0]
    weight = torch.as_tensor(alpha, dtype=log_p.dtype, device=log_p.device)
    if weight.ndim:
        if weight.shape != logits.shape[1:2]:
            raise ValueError(f"alpha: found shape {list(weight.shape)}, expected a number or [{logits.shape[1]}]")
        weight = weight[known]
    loss = -weight * (-log_p.expm1()) ** gamma * log_p  # -expm1(ln p) is 1 - p without cancellation
    return torch.where(labelled, loss, 0).sum() / labelled.sum()


def label_counts(labels: Tensor, classes: int, *, ignore: int = IGNORE) -> Tensor:
    """Pixels per class: integer labels of any shape -> int64 [classes]. Raises ValueError for labels out of range."""
    labels = labels[labels != ignore].long()
    _require_known(labels, classes, ignore)
    return labels.bincount(minlength=classes)


def inverse_frequency(counts: Tensor, *, scale: float = 0.25) -> Tensor:
    """Weights [K] against a long tail: scale * median / count, median over the classes that occur; 0 for the others.

    The class of median frequency keeps the paper's 0.25, rarer ones weigh more. Take the counts from the whole training
    set (sum `label_counts` over it): those of a batch would change from step to step.

    Raises ValueError unless counts is [K] with a positive entry.
    """
    if counts.ndim != 1 or not (counts > 0).any() or (counts < 0).any():
        raise ValueError(f"counts: found {counts.tolist()}, expected [K] numbers of pixels, not all 0")
    counts = counts.to(torch.get_default_dtype())
    middle = counts[counts > 0].quantile(0.5)
    return torch.where(counts > 0, scale * middle / counts.clamp_min(1), 0)


def _check(logits: Tensor, labels: Tensor, ignore: int) -> None:
    if not logits.is_floating_point() or labels.is_floating_point() or labels.dtype == torch.bool:
        raise TypeError(f"logits, labels: found {logits.dtype} and {labels.dtype}, expected floating-point and integer")
    if logits.ndim != 4 or labels.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(
            f"logits, labels: found shapes {list(logits.shape)} and {list(labels.shape)}, "
            "expected [B, K, H, W] and [B, H, W]"
        )
    known = labels[labels != ignore]
    if not known.numel():
        raise ValueError("labels: found no labelled pixel, expected at least one in the batch")
    _require_known(known, logits.shape[1], ignore)


def _require_known(labels: Tensor, classes: int, ignore: int) -> None:
    strange = labels[(labels < 0) | (labels >= classes)]
    if strange.numel():
        raise ValueError(f"labels: found {int(strange[0])}, expected 0 to {classes - 1}, or {ignore} for no label")
