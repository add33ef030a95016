"""Exercises of lesson 03: the ranking loss, the share of wrongly ordered pairs, and one event of loss rebalancing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.report.exercise import Exercise

EVENT = 2.0  # lambda of the exercise


def _pairs(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    a, b = 2 * torch.randn(2, 7, generator=generator)
    return a, b, 2 * torch.randint(2, (7,), generator=generator) - 1


RANKING = Exercise(
    right=lambda a, b, r: F.softplus(-r * (a - b)).mean(),
    cases=_pairs,
    mistakes={
        "the sign is that of Eq. 2 as printed: r = +1 means that A is farther, with a larger z.": lambda a, b, r: (
            F.softplus(r * (a - b)).mean()
        ),
        "the losses are summed: take their mean over the pairs.": lambda a, b, r: F.softplus(-r * (a - b)).sum(),
        "this is a hinge: it is 0 once the margin is 1. Eq. 2 has log(1 + exp).": lambda a, b, r: (
            (1 - r * (a - b)).relu().mean()
        ),
        "the logarithm is missing.": lambda a, b, r: (1 + (-r * (a - b)).exp()).mean(),
        "the 1 inside the logarithm is missing: the loss is unbounded below.": lambda a, b, r: (-r * (a - b)).mean(),
        "the relation does not enter.": lambda a, b, r: F.softplus(b - a).mean(),
    },
)


def _with_ties(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    a, b, r = _pairs(generator)
    a[:2] = b[:2]
    return a, b, torch.cat([torch.tensor([1, -1]), r[2:]])


WRONG_ORDER = Exercise(
    right=lambda a, b, r: (r * (a - b) <= 0).double().mean(),
    cases=_with_ties,
    mistakes={
        "a tie counts as wrong: a constant map must not score well.": lambda a, b, r: (r * (a - b) < 0).double().mean(),
        "this is the share that is right.": lambda a, b, r: (r * (a - b) > 0).double().mean(),
        "the order is reversed: r = +1 means that A is farther.": lambda a, b, r: (r * (a - b) >= 0).double().mean(),
        "this is their number: divide by the number of pairs.": lambda a, b, r: (r * (a - b) <= 0).double().sum(),
        "a tie counts as half right here: it is wrong.": lambda a, b, r: (
            ((r * (a - b) < 0) + 0.5 * (a == b)).double().mean()
        ),
    },
)


def _losses(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, losses now, losses before; each factor is clipped in some cases, none in all."""
    weights, now, before = 0.5 + torch.rand(3, 3, generator=generator)
    return weights, now, before


def _factor(weights: Tensor, now: Tensor, before: Tensor, lam: float = EVENT) -> Tensor:
    ratio = (weights * now).sum() / (weights * before).sum()
    return 1 + lam * (ratio * before / now - 1)


REBALANCED = Exercise(
    right=lambda w, n, b: w * _factor(w, n, b).clamp(0.5, 2),
    cases=_losses,
    mistakes={
        "the factor is not clipped to 1/2 and 2.": lambda w, n, b: w * _factor(w, n, b),
        "these are the factors: multiply the weights with them.": lambda w, n, b: _factor(w, n, b).clamp(0.5, 2),
        "the sign of lambda is reversed: this raises losses that fell slowly.": lambda w, n, b: (
            w * _factor(w, n, b, -EVENT).clamp(0.5, 2)
        ),
        "losses before and now are exchanged.": lambda w, n, b: w * _factor(w, b, n).clamp(0.5, 2),
        "the decrease of the total is missing: T / T'.": lambda w, n, b: w * (1 + EVENT * (b / n - 1)).clamp(0.5, 2),
        "T and T' are sums of weighted losses; these are plain sums.": lambda w, n, b: (
            w * (1 + EVENT * (n.sum() / b.sum() * b / n - 1)).clamp(0.5, 2)
        ),
        "the weights are not normalised afterwards.": lambda w, n, b: (
            w * _factor(w, n, b).clamp(0.5, 2) / (w * _factor(w, n, b).clamp(0.5, 2)).sum()
        ),
    },
)
