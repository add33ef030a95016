"""Ranking losses on pairs of points, from human annotations (DIW) or from relative depth (ReDWeb)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.losses.checks import check_maps

ORIENTATIONS = ("depth", "inverse_depth")
# ReDWeb: pairs an image, ratio of depths that count as equal, share of easy pairs
PAIRS, TAU, DROPPED = 3000, 0.02, 0.25
TINY = 1e-11  # makes the ratio of two zeros 1


def ranking_loss(pred: Tensor, points: Tensor, relation: Tensor, *, orientation: str = "depth") -> Tensor:
    """Mean over pairs of softplus(-r (z_A - z_B)), or (z_A - z_B)^2 where r = 0. Eq. 2; Chen et al. 2016.

    Invariant to a constant added to the map of an image; never 0 for r = +-1, since a larger difference is always
    better. Peak memory: about 0 times `pred` in the forward pass, 3 with backward, and 20 bytes a pair.

    Args:
        pred: [B,1,H,W], relative depth, larger = farther.
        points: int64 [B,P,4] rows (yA, xA, yB, xB), counted from 0, in pixels of `pred`.
        relation: [B,P]: +1 where A is farther, -1 where B is, 0 where they are equally far.
        orientation: "depth", or "inverse_depth" for Eq. 2 as printed, where r = +1 means "closer" but the loss favours
            z_A > z_B: the map then is larger where it is nearer (erratum MB-1).

    Raises:
        TypeError: pred is not floating-point or points are not int64.
        ValueError: wrong shapes, points outside the map, an invalid relation, no pair, an unknown orientation.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation: found {orientation!r}, expected one of {', '.join(ORIENTATIONS)}")
    return pair_losses(pair_differences(pred if orientation == "depth" else -pred, points), relation).mean()


def improved_ranking_loss(
    pred: Tensor,
    relative: Tensor,
    valid: Tensor,
    *,
    pairs: int = PAIRS,
    tau: float = TAU,
    dropped: float = DROPPED,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The ranking loss on random pairs of each image, without the easiest of them. Eq. 3; Xian et al. 2018.

    Eq. 3 leaves out the weights of the pairs, which the originals have (footnote 1, erratum MB-2): of the unequal pairs
    of an image the share `dropped` with the smallest losses has weight 0, all other pairs have weight 1. The result is
    the weighted mean over pairs, then the mean over the images that have a valid pixel.

    Args:
        pred: [B,1,H,W], relative depth, larger = farther.
        relative: [B,1,H,W], at least 0, larger = farther; A and B count as equal if their ratio is below 1 + tau.
            For ReDWeb the stored number, or that / 255: ratios are the same.
        valid: bool [B,1,H,W]; points are drawn from valid pixels only.
        pairs: drawn in each image, A and B independently and uniformly.
        generator: on the device of `pred`; torch's default if None.

    Raises ValueError or TypeError as `check_maps` does, and ValueError for invalid options or negative relative values.
    """
    check_maps(pred, relative, valid)
    if pairs < 1 or tau < 0 or not 0 <= dropped < 1:
        raise ValueError(
            f"pairs, tau, dropped: found {pairs}, {tau} and {dropped}, expected pairs >= 1, tau >= 0, 0 <= dropped < 1"
        )
    some = valid.flatten(1).any(1)
    a, b = sample_pixels(valid[some], 2 * pairs, generator).chunk(2, dim=1)
    first, second = (relative[some].flatten(1).gather(1, index) for index in (a, b))
    relation = relations(first, second, tau)
    values = pred[some].flatten(1)
    losses = pair_losses(values.gather(1, a) - values.gather(1, b), relation)
    weight = hard_pair_weights(losses.detach(), relation, dropped)
    return ((losses * weight).sum(1) / weight.sum(1)).mean()


def pair_differences(pred: Tensor, points: Tensor) -> Tensor:
    """z_A - z_B of each pair, [B,P]. Raises as `ranking_loss` does."""
    if not pred.is_floating_point() or points.dtype != torch.int64:
        raise TypeError(f"pred, points: found {pred.dtype} and {points.dtype}, expected floating-point and int64")
    fits = pred.ndim == 4 and pred.shape[1] == 1 and points.ndim == 3 and points.shape[::2] == (len(pred), 4)
    if not fits or not points.numel():
        shapes = f"{list(pred.shape)} and {list(points.shape)}"
        raise ValueError(f"pred, points: found shapes {shapes}, expected [B,1,H,W] and [B,P,4] with at least one pair")
    height, width = pred.shape[-2:]
    limit = torch.tensor([height, width, height, width], device=points.device)
    if ((points < 0) | (points >= limit)).any():
        raise ValueError(
            f"points: found coordinates outside {height}x{width}, expected them counted from 0 (DIW counts from 1)"
        )
    values = pred.flatten(1)
    a, b = (values.gather(1, points[..., k] * width + points[..., k + 1]) for k in (0, 2))
    return a - b


def pair_losses(difference: Tensor, relation: Tensor) -> Tensor:
    """softplus(-r d), or d^2 where r = 0: [B,P], [B,P] -> [B,P]. Raises ValueError for invalid relations."""
    if difference.shape != relation.shape:
        raise ValueError(
            f"relation: found shape {list(relation.shape)}, expected one relation per pair, {list(difference.shape)}"
        )
    if not ((relation == 0) | (relation.abs() == 1)).all():
        raise ValueError(f"relation: found {relation.unique().tolist()}, expected -1, 0 or 1")
    equal = relation == 0
    # Each branch gets zeros for the pairs of the other: an infinite d^2 would enter the gradient as 0 * inf.
    ordered = F.softplus(-relation * torch.where(equal, 0, difference))
    return torch.where(equal, torch.where(equal, difference, 0).square(), ordered)


def relations(a: Tensor, b: Tensor, tau: float = TAU) -> Tensor:
    """+1 where a / b >= 1 + tau, -1 where b / a >= 1 + tau, else 0. Raises ValueError for negative a or b."""
    if ((a < 0) | (b < 0)).any():
        raise ValueError("relative: found a negative value, expected values >= 0, since pairs are compared by ratio")
    a, b = a.float() + TINY, b.float() + TINY
    limit = (1 + tau) * (1 - 1e-6)  # 51 / 50 of an 8-bit map counts as 1.02 in spite of rounding
    return (a / b >= limit).long() - (b / a >= limit).long()


def hard_pair_weights(losses: Tensor, relation: Tensor, dropped: float = DROPPED) -> Tensor:
    """[B,P] -> [B,P]: 0 for the floor(dropped * n) smallest losses of the n unequal pairs of each image, else 1."""
    unequal = relation != 0
    ranked = losses.masked_fill(~unequal, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
    return (ranked >= (dropped * unequal.sum(1, keepdim=True)).floor()).to(losses.dtype)


def sample_pixels(valid: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """`count` valid pixels of each image, with replacement: bool [B,1,H,W] -> flat indices, int64 [B,count]."""
    running = valid.flatten(1).cumsum(1)
    total = running[:, -1:]
    if (total == 0).any():
        raise ValueError("valid: found an image without a valid pixel, expected at least one to draw from")
    draw = torch.rand(len(valid), count, device=valid.device, generator=generator)
    wanted = (draw * total).long().clamp(max=total - 1) + 1  # in float32 the product may round up to the total
    return torch.searchsorted(running, wanted)  # the pixel of that rank among the valid ones
