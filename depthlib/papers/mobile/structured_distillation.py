"""Structured knowledge distillation from a teacher's maps: pixelwise, pairwise and holistic losses.

Liu et al. 2020 as modified by the mobile paper: RMSE instead of classes, and the holistic loss only in an ablation.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

POOL = 0.5


def rmse_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """sqrt(mean (S - T)^2) of each image, mean over the images: the pixelwise loss of Sec. 3.3, without alignment
    (erratum MB-14).

    student, teacher: [B,1,H,W], relative depth, larger = farther in both. The teacher gets no gradient. Raises
    ValueError if the shapes differ.
    """
    if student.shape != teacher.shape or student.ndim != 4:
        raise ValueError(
            f"student, teacher: found shapes {list(student.shape)} and {list(teacher.shape)}, "
            "expected one shape [B, 1, H, W]"
        )
    return ((student - teacher.detach()).square().mean(dim=(1, 2, 3)) + 1e-12).sqrt().mean()


def affinity(features: Tensor, pool: float = POOL, *, detach_norm: bool = True) -> Tensor:
    """Similarity of positions: [B,C,h,w] -> cosines [B,N,N] of N nodes, the maxima of windows of pool * h by pool * w.

    N is 4 for even sides with the default; windows at the border may be smaller, so an odd side has 3 of them.

    `detach_norm`: no gradient flows through the norms of the vectors, as in the published code; the gradient is then
    not tangential and may scale the student's features.
    """
    window = [max(1, int(pool * side)) for side in features.shape[-2:]]
    nodes = F.max_pool2d(features, window, window, ceil_mode=True).flatten(2)
    length = nodes.norm(dim=1, keepdim=True) + 1e-8
    nodes = nodes / (length.detach() if detach_norm else length)
    return nodes.mT @ nodes


def pairwise_loss(student: Tensor, teacher: Tensor, *, pool: float = POOL, detach_norm: bool = True) -> Tensor:
    """Mean squared difference of the affinities: L_pa of Eq. 5; Eq. 2 of Liu et al. 2020.

    Invariant to a positive factor on the features of either network, and to the order of the channels.

    Args:
        student, teacher: features [B,C,h,w] and [B,C',h',w']; channels may differ. The teacher gets no gradient.
        pool: side of a window over the side of the map, in (0, 1].
        detach_norm: see `affinity`.

    Raises ValueError for another pool, other shapes, or numbers of nodes that differ.
    """
    if not 0 < pool <= 1:
        raise ValueError(f"pool: found {pool}, expected above 0 and at most 1")
    shapes = f"{list(student.shape)} and {list(teacher.shape)}"
    if student.ndim != 4 or teacher.ndim != 4 or len(student) != len(teacher):
        raise ValueError(f"student, teacher: found shapes {shapes}, expected [B, C, h, w] of the same images")
    if nodes(student, pool) != nodes(teacher, pool):
        raise ValueError(
            f"student, teacher: found shapes {shapes}, expected equal numbers of nodes: resize one of them"
        )
    difference = affinity(student, pool, detach_norm=detach_norm) - affinity(teacher.detach(), pool)
    return difference.square().mean()


def nodes(features: Tensor, pool: float) -> tuple[int, int]:
    """Rows and columns of the nodes that `affinity` makes of features [B,C,h,w]."""
    height, width = (math.ceil(side / max(1, int(pool * side))) for side in features.shape[-2:])
    return height, width


def critic_loss(of_teacher: Tensor, of_student: Tensor) -> Tensor:
    """The critic's hinge loss: mean relu(1 - D(T)) + mean relu(1 + D(S)). Scores [B]; detach the student."""
    return F.relu(1 - of_teacher).mean() + F.relu(1 + of_student).mean()


def holistic_loss(of_student: Tensor) -> Tensor:
    """The student's loss: -mean D(S). Scores [B]. Weight 0.05; the critic trains at every second step (Sec. 4.3.1)."""
    return -of_student.mean()
