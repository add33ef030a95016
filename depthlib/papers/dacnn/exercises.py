"""Exercises of lesson 02: the depth-aware kernel, matching along a row, and the divergence of two guidances."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.report.exercise import Exercise


def _pair_of_guidances(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return tuple(0.5 * torch.randn(2, 3, 4, 5, generator=generator) for _ in range(2))


def _squares(g: Tensor, h: Tensor) -> Tensor:
    return (g - h).square().sum(dim=1, keepdim=True)


KERNEL = Exercise(
    right=lambda g, h: (-_squares(g, h) / 2).exp(),
    cases=_pair_of_guidances,
    mistakes={
        "the half in the exponent is missing.": lambda g, h: (-_squares(g, h)).exp(),
        "the squares are averaged over the channels: K sums them.": lambda g, h: (
            -(g - h).square().mean(1, keepdim=True) / 2
        ).exp(),
        "this is the distance, not its square: take no root.": lambda g, h: (-_squares(g, h).sqrt() / 2).exp(),
        "the sign is missing: equal guidance must give the largest K.": lambda g, h: (_squares(g, h) / 2).exp(),
        "K is one number per position: sum the squares over the channels before exp.": lambda g, h: (
            (-(g - h).square() / 2).exp().sum(1, keepdim=True)
        ),
    },
)


def _pair_of_views(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    return *(torch.randn(2, 3, 2, 6, generator=generator) for _ in range(2)), 2


def _match(left: Tensor, right: Tensor, d: int) -> Tensor:
    return F.pad((left[..., d:] * right[..., : right.shape[-1] - d]).mean(1, keepdim=True), (d, 0))


CORRELATION = Exercise(
    right=_match,
    cases=_pair_of_views,
    mistakes={
        "the shift has the wrong direction: left(x) meets right(x - d).": lambda left, right, d: F.pad(
            (left[..., : left.shape[-1] - d] * right[..., d:]).mean(1, keepdim=True), (0, d)
        ),
        "the products are summed: divide by the number of channels.": lambda left, right, d: 3 * _match(left, right, d),
        "values shifted out on one side reappear on the other: they must be 0.": lambda left, right, d: (
            left * right.roll(d, -1)
        ).mean(1, keepdim=True),
        "the right view is not shifted.": lambda left, right, d: (left * right).mean(1, keepdim=True),
        "the result starts d columns too early: the zeros belong to its left.": lambda left, right, d: _match(
            left, right, d
        ).roll(-d, -1),
    },
)


def _divergence(student: Tensor, teacher: Tensor, dim: int = 1) -> Tensor:
    p_s, p_t = student.log_softmax(dim), teacher.log_softmax(dim)
    return (p_t.exp() * (p_t - p_s)).mean()


DIVERGENCE = Exercise(
    right=_divergence,
    cases=_pair_of_guidances,
    mistakes={
        "student and teacher are exchanged: the teacher's distribution weights the logarithms.": lambda s, t: (
            _divergence(t, s)
        ),
        "the sum is divided by the number of positions: here it is the mean over all elements.": lambda s, t: (
            3 * _divergence(s, t)
        ),
        "the sum is not divided at all.": lambda s, t: s.numel() * _divergence(s, t),
        "the softmax runs over a row: it runs over the channels.": lambda s, t: _divergence(s, t, dim=-1),
        "guidance is no distribution yet: softmax first.": lambda s, t: (t.softmax(1) * (t - s)).mean(),
    },
)
