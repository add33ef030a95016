"""The loss of the first lesson: scale-invariant log loss and the gradient of the log error."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.losses.gradient import gradient_loss
from depthlib.losses.regression import scale_invariant_log_loss

EDGES = 0.5  # weight of the gradient term


def log_depth_loss(pred: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """`scale_invariant_log_loss` + `EDGES` * `gradient_loss` of the logarithms; the scalar, and both terms by name.

    The first is blind to where an error lies; the second asks for edges where the truth has edges, and for smooth
    surfaces where it has none.

    Args:
        pred, target: [B,1,H,W] metres. valid: [B,1,H,W] bool.

    Raises ValueError or TypeError as `scale_invariant_log_loss` does.
    """
    depth = scale_invariant_log_loss(pred, target, valid)
    edges = gradient_loss(torch.where(valid, pred, 1).log(), torch.where(valid, target, 1).log(), valid)
    return depth + EDGES * edges, {"depth": depth, "edges": EDGES * edges}
