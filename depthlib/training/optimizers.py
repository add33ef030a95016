"""The optimisers that a plan can choose."""

from __future__ import annotations

from typing import Any

from torch.optim import SGD, Adam, Optimizer

from depthlib.training.mtadam import MTAdam

OPTIMIZERS = ("adam", "sgd", "mtadam")


def make_optimizer(
    name: str, groups: list[dict[str, Any]], *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
) -> Optimizer:
    """Adam, SGD with momentum `betas[0]`, or `MTAdam`. Raises ValueError for an unknown name."""
    if name == "adam":
        # one kernel for all weights
        return Adam(groups, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)
    if name == "sgd":
        return SGD(groups, lr=lr, momentum=betas[0], weight_decay=weight_decay)
    if name == "mtadam":
        return MTAdam(groups, lr=lr, betas=(*betas, 0.9), eps=eps, weight_decay=weight_decay)
    raise ValueError(f"optimizer: found {name!r}, expected one of {', '.join(OPTIMIZERS)}")
