"""Exercises of lesson 03: the ranking loss, the share of pairs in the wrong order, and one event of loss rebalancing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.report.exercise import Exercise

EVENT = 2.0                 # lambda of the exercise


def _pairs(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    a, b = 2 * torch.randn(2, 7, generator=generator)
    return a, b, 2 * torch.randint(2, (7,), generator=generator) - 1


RANKING = Exercise(
    right=lambda a, b, r: F.softplus(-r * (a - b)).mean(),
    cases=_pairs,
    mistakes={
        "the sign is that of Eq. 2 to the letter: r = +1 says that A is farther, and z is larger where it is farther.": lambda a, b, r: (
            F.softplus(r * (a - b)).mean()
        ),
        "the losses are summed: take their mean over the pairs.": lambda a, b, r: F.softplus(-r * (a - b)).sum(),
        "this is a hinge: it stops asking once the order is right by 1. Eq. 2 has log(1 + exp).": lambda a, b, r: (
            (1 - r * (a - b)).relu().mean()
        ),
        "the logarithm is missing.": lambda a, b, r: (1 + (-r * (a - b)).exp()).mean(),
        "the 1 inside the logarithm is missing: what is left has no lower end.": lambda a, b, r: (-r * (a - b)).mean(),
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
        "a tie counts as wrong: whoever answers the same everywhere must not look good.": lambda a, b, r: (r * (a - b) < 0).double().mean(),
        "this is the share that is right.": lambda a, b, r: (r * (a - b) > 0).double().mean(),
        "the order is turned round: r = +1 says that A is farther.": lambda a, b, r: (r * (a - b) >= 0).double().mean(),
        "this is their number: divide by the number of pairs.": lambda a, b, r: (r * (a - b) <= 0).double().sum(),
        "a tie counts as half right here: it is wrong.": lambda a, b, r: ((r * (a - b) < 0) + 0.5 * (a == b)).double().mean(),
    },
)


def _losses(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, losses now, losses before; none of the factors is clipped in all of the cases, and some are."""
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
        "the sign of lambda is turned: this raises what fell slowly.": lambda w, n, b: w * _factor(w, n, b, -EVENT).clamp(0.5, 2),
        "losses before and now are exchanged.": lambda w, n, b: w * _factor(w, b, n).clamp(0.5, 2),
        "the fall of the whole does not enter: T / T' is missing.": lambda w, n, b: w * (1 + EVENT * (b / n - 1)).clamp(0.5, 2),
        "T and T' are sums of weighted losses; these are plain sums.": lambda w, n, b: (
            w * (1 + EVENT * (n.sum() / b.sum() * b / n - 1)).clamp(0.5, 2)
        ),
        "the weights are not normalised afterwards.": lambda w, n, b: (
            w * _factor(w, n, b).clamp(0.5, 2) / (w * _factor(w, n, b).clamp(0.5, 2)).sum()
        ),
    },
)
