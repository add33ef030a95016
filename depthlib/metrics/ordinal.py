"""Ordinal error of a depth map on pairs of points: WHDR."""

from __future__ import annotations

import torch
from torch import Tensor


def whdr(depth: Tensor, points: Tensor, relation: Tensor, threshold: float = 0.0) -> Tensor:
    """Share of pairs whose order is wrong, a scalar in [0, 1]; all pairs have the same weight. Chen et al. 2016.

    Args:
        depth: [B,1,H,W], any unit, larger = farther; at the size of the annotated image.
        points: int64 [B,P,4] rows (yA, xA, yB, xB), counted from 0.
        relation: [B,P]: +1 where A is farther, -1 where B is, 0 where they are equally far.
        threshold: a difference up to it means "equal". With 0, as in DIW, a tie counts as wrong unless the pair is
            equal (erratum MB-15).

    Raises:
        ValueError: wrong shapes or types, points outside the map, an invalid relation, NaN in the map, no pair.
    """
    if depth.ndim != 4 or depth.shape[1] != 1 or not depth.isfinite().all():
        raise ValueError(f"depth: found shape {list(depth.shape)} or values not finite, expected finite [B,1,H,W]")
    if points.dtype != torch.int64 or relation.shape != points.shape[:2] or points.shape[::2] != (len(depth), 4):
        raise ValueError(
            f"points: found {points.dtype} {list(points.shape)} with relations {list(relation.shape)}, "
            f"expected int64 [{len(depth)},P,4] and [{len(depth)},P]"
        )
    if relation.numel() == 0 or not ((relation == 0) | (relation.abs() == 1)).all():
        raise ValueError(f"relation: found {relation.unique().tolist()}, expected at least one pair and only -1, 0, 1")
    height, width = depth.shape[-2:]
    limit = torch.tensor([height, width, height, width], device=points.device)
    if not ((points >= 0) & (points < limit)).all():
        raise ValueError(f"points: found some outside {height} x {width} (DIW counts from 1), expected rows from 0")
    values = depth.flatten(1)
    a, b = (values.gather(1, points[..., k] * width + points[..., k + 1]) for k in (0, 2))
    order = torch.sign(torch.where((a - b).abs() > threshold, a - b, 0.0))
    return (order != relation).to(torch.float64).mean()
