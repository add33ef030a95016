"""How well a map orders pairs of points: WHDR of DIW and of relative depth."""

from __future__ import annotations

import torch
from torch import Tensor


def whdr(depth: Tensor, points: Tensor, relation: Tensor, threshold: float = 0.0) -> Tensor:
    """Share of pairs whose order is wrong, a scalar in [0, 1]; pairs of all images weigh alike (spec mobile, section 2.1).

    Args:
        depth: [B,1,H,W], any unit, larger = farther; already at the size the points were marked at.
        points: int64 [B,P,4] rows (yA, xA, yB, xB), counted from 0.
        relation: [B,P]: +1 where A is farther, -1 where B is, 0 where they were marked as equal.
        threshold: a difference up to it means "equal". With 0, as in DIW, a tie of a pair that is not equal is wrong.

    Raises:
        TypeError, ValueError: shapes, points outside the map, a relation that is none, NaN in the map, no pair at all.
    """
    if depth.ndim != 4 or depth.shape[1] != 1 or not depth.isfinite().all():
        raise ValueError(f"depth: found shape {list(depth.shape)} or values that are not finite, expected finite [B,1,H,W]")
    if points.dtype != torch.int64 or relation.shape != points.shape[:2] or points.shape[::2] != (len(depth), 4):
        raise ValueError(f"points: found {points.dtype} {list(points.shape)} with relations {list(relation.shape)}, expected "
                         f"int64 [{len(depth)},P,4] and [{len(depth)},P]")
    if relation.numel() == 0 or not ((relation == 0) | (relation.abs() == 1)).all():
        raise ValueError(f"relation: found {relation.unique().tolist()}, expected at least one pair and only -1, 0, 1")
    height, width = depth.shape[-2:]
    limit = torch.tensor([height, width, height, width], device=points.device)
    if not ((points >= 0) & (points < limit)).all():
        raise ValueError(f"points: found coordinates outside {height} x {width} (DIW counts from 1), expected rows from 0")
    values = depth.flatten(1)
    a, b = (values.gather(1, points[..., k] * width + points[..., k + 1]) for k in (0, 2))
    order = torch.sign(torch.where((a - b).abs() > threshold, a - b, 0.0))
    return (order != relation).to(torch.float64).mean()
