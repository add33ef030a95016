"""The joint gradient loss of Look Deeper: depth gradients match the ground truth, depth edges match class edges."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from depthlib.base.filters import sobel
from depthlib.losses.checks import check_maps, masked
from depthlib.metrics.ssim import whole_windows

MODES = ("prob_edge", "argmax", "none")


def sobel_loss(pred: Tensor, target: Tensor, valid: Tensor, *, normalized: bool = False) -> Tensor:
    """L_g of Eq. 5: mean of |dx pred - dx target| + |dy pred - dy target|, d. by `sobel`, in the unit of the maps.

    The mean is over the pixels of the batch whose 3x3 neighbours inside the map are all valid, and of both terms
    (erratum LD-5). 0 if there is none, so isolated labels (LiDAR) contribute nothing.

    Args:
        pred, target, valid: [B,1,H,W] and bool mask.
        normalized: see `sobel`.

    Raises ValueError or TypeError as `check_maps` does.
    """
    check_maps(pred, target, valid)
    along_x, along_y = sobel(masked(pred - target, valid), normalized=normalized)
    return _mean(along_x.abs() + along_y.abs(), valid)


def class_edges(logits: Tensor, *, normalized: bool = False) -> tuple[Tensor, Tensor]:
    """How sharply the class changes along x and along y: [B,K,H,W] -> twice [B,1,H,W].

    Half the sum of |sobel| of each class's probability. A step from one certain class to another gives what `sobel`
    gives for a step of 1, whichever classes they are.
    """
    edges = sobel(logits.softmax(dim=1), normalized=normalized)
    return tuple(edge.abs().sum(dim=1, keepdim=True) / 2 for edge in edges)


def semantic_gradient_loss(
    pred: Tensor, logits: Tensor, valid: Tensor, *, max_depth: float, mode: str = "prob_edge", normalized: bool = False
) -> Tensor:
    """L_g(d, s) of the joint gradient loss: depth edges should lie on class edges.
    The logits get no gradient.

    "prob_edge" compares |sobel(pred)| / max_depth with `class_edges`, mean over pixels as in `sobel_loss`.
    "argmax" is the literal form: `sobel_loss` against class number / (K - 1). It compares metres with class numbers,
    and its value depends on the order of the classes (erratum LD-6).

    Args:
        pred, valid: [B,1,H,W], metres and bool mask. logits: [B,K,H,W], K >= 2.
        max_depth: metres; unused by "argmax".

    Raises ValueError or TypeError as `check_maps` does, and for logits of another shape, an unknown mode or max_depth
    <= 0.
    """
    check_maps(pred, pred, valid)
    if logits.ndim != 4 or logits.shape[1] < 2 or (len(logits), *logits.shape[2:]) != (len(pred), *pred.shape[2:]):
        expected = f"[{len(pred)}, K >= 2, {pred.shape[2]}, {pred.shape[3]}]"
        raise ValueError(f"logits: found shape {list(logits.shape)}, expected {expected}, as pred")
    if mode not in ("prob_edge", "argmax"):
        raise ValueError(f"mode: found {mode!r}, expected 'prob_edge' or 'argmax'")
    if max_depth <= 0:
        raise ValueError(f"max_depth: found {max_depth}, expected a positive depth")
    logits = logits.detach().to(pred.dtype)
    if mode == "argmax":
        classes = logits.argmax(dim=1, keepdim=True).to(pred.dtype) / (logits.shape[1] - 1)
        return sobel_loss(pred, classes, valid, normalized=normalized)
    bends = (edge.abs() / max_depth for edge in sobel(masked(pred, valid), normalized=normalized))
    difference = [
        (bend - edge).abs() for bend, edge in zip(bends, class_edges(logits, normalized=normalized), strict=True)
    ]
    return _mean(sum(difference), valid)


def joint_gradient_loss(
    pred: Tensor,
    target: Tensor,
    valid: Tensor,
    logits: Tensor | None = None,
    *,
    max_depth: float,
    mode: str = "prob_edge",
    semantic_weight: float = 0.1,
    normalized: bool = False,
) -> Tensor:
    """L_JG = L_g(d, gt) + semantic_weight * L_g(d, s). Look Deeper, below Eq. 5; erratum LD-6.

    Args:
        pred, target, valid: [B,1,H,W], metres and bool mask.
        logits: [B,K,H,W] of the semantic branch; None is allowed in mode "none" only.
        mode: "prob_edge" or "argmax", see `semantic_gradient_loss`; "none" leaves the second term out.
        semantic_weight: 1 is the paper's.

    Raises ValueError or TypeError as the two losses do, and ValueError if the mode needs logits and there are none.
    """
    loss = sobel_loss(pred, target, valid, normalized=normalized)
    if mode == "none":
        return loss
    if mode not in MODES:
        raise ValueError(f"mode: found {mode!r}, expected one of {', '.join(MODES)}")
    if logits is None:
        raise ValueError(f"logits: found None, expected those of the semantic branch for mode {mode!r}")
    options = {"max_depth": max_depth, "mode": mode, "normalized": normalized}
    return loss + semantic_weight * semantic_gradient_loss(pred, logits, valid, **options)


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the pixels whose neighbours inside the map are all valid."""
    counted = whole_windows(F.pad(valid, (1, 1, 1, 1), value=True), 3)
    return masked(values, counted).sum() / counted.sum().clamp_min(1)
