"""The optimisers that a plan can choose."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from depthlib.training.mtadam import MTAdam

OPTIMIZERS = ("adam", "adamw", "sgd", "mtadam")


def make_optimizer(
    name: str, groups: list[dict[str, Any]], *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float
) -> Optimizer:
    """Adam, AdamW, SGD with momentum `betas[0]`, or `MTAdam`. Raises ValueError for an unknown name."""
    if name in ("adam", "adamw"):
        # fused: one kernel for all weights
        made = Adam if name == "adam" else AdamW
        return made(groups, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)
    if name == "sgd":
        return SGD(groups, lr=lr, momentum=betas[0], weight_decay=weight_decay)
    if name == "mtadam":
        return MTAdam(groups, lr=lr, betas=(*betas, 0.9), eps=eps, weight_decay=weight_decay)
    raise ValueError(f"optimizer: found {name!r}, expected one of {', '.join(OPTIMIZERS)}")


def with_trunk_rate(
    groups: list[dict[str, Any]], model: nn.Module, *, lr: float, factor: float
) -> list[dict[str, Any]]:
    """The groups with the parameters of `model.trunk` in groups of their own, at `factor` times the rate of their
    group.

    Raises ValueError for a network without `trunk`.
    """
    if not isinstance(getattr(model, "trunk", None), nn.Module):
        raise ValueError(
            f"trunk_rate: found a {type(model).__name__} without a module `trunk`, expected a network with one"
        )
    trunk = {id(parameter) for parameter in model.trunk.parameters()}
    split = []
    for group in groups:
        parts = [[p for p in group["params"] if (id(p) in trunk) == inside] for inside in (False, True)]
        rates = (group.get("lr", lr), factor * group.get("lr", lr))
        split += [{**group, "params": part, "lr": rate} for part, rate in zip(parts, rates, strict=True) if part]
    return split
