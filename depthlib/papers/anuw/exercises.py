"""Exercises of lesson 01: the target of soft labels, and a weighted average."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.report.exercise import Exercise


def _labels(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    valid = torch.rand(2, 1, 4, 5, generator=generator) > 0.4
    depth = torch.where(valid, 1 + 9 * torch.rand(valid.shape, generator=generator), 0.0)
    return depth, valid, 1 + 9 * torch.rand(valid.shape, generator=generator)


SOFT_TARGET = Exercise(
    right=lambda depth, valid, soft: torch.where(valid, depth, soft),
    cases=_labels,
    mistakes={
        "the roles are exchanged: use the label where there is one.": lambda d, v, s: torch.where(v, s, d),
        "the soft label is everywhere: it belongs only in the gaps.": lambda d, v, s: s,
        "the gaps are still 0: put the soft label there.": lambda d, v, s: d,
        "label and soft label are added everywhere: the soft label belongs only in the gaps.": lambda d, v, s: d + s,
    },
)


def _scored(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, 4, 5, generator=generator), 2 * torch.randn(2, 1, 4, 5, generator=generator)


def _pooled(features: Tensor, weights: Tensor) -> Tensor:
    return (features * weights).sum(dim=(2, 3))


WEIGHTED_POOL = Exercise(
    right=lambda f, s: _pooled(f, s.flatten(2).softmax(dim=2).view_as(s)),
    cases=_scored,
    mistakes={
        "the scores are not normalised: apply a softmax over the image.": _pooled,
        "this is the plain average: the scores do not enter.": lambda f, s: f.mean(dim=(2, 3)),
        "the softmax runs over one axis only: flatten the image first.": lambda f, s: _pooled(f, s.softmax(dim=-1)),
        "this is a softmax over the channels: with one score a pixel it is 1 everywhere.": lambda f, s: _pooled(
            f, s.softmax(dim=1)
        ),
        "the weights already sum to 1: do not divide by the number of pixels as well.": lambda f, s: (
            f * s.flatten(2).softmax(dim=2).view_as(s)
        ).mean(dim=(2, 3)),
    },
)
