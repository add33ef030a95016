"""Exercises of lesson 05: the weight of a pixel in the depth-aware loss, and the output of a sharing unit."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.report.exercise import Exercise

MAX_DEPTH = 10.0


def _depths(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    truth = 1.2 + 7 * torch.rand(2, 1, 4, 5, generator=generator)
    return truth * (0.75 + 0.5 * torch.rand(truth.shape, generator=generator)), truth


def _state(pred: Tensor, truth: Tensor) -> Tensor:
    return 1 - torch.minimum(pred, truth) / torch.maximum(pred, truth)


def _far(truth: Tensor) -> Tensor:
    return (truth / MAX_DEPTH).clamp(0, 1)


PIXEL_WEIGHT = Exercise(
    right=lambda p, t: _far(t) + _state(p.log1p(), t.log1p()),
    cases=_depths,
    mistakes={
        "this is Eq. 2 as printed: its logarithm is 0 at one metre. Use ln(1 + depth).": lambda p, t: (
            _far(t) + _state(p.log(), t.log())
        ),
        "lambda compares logarithms of (1 + depth), not the depths.": lambda p, t: _far(t) + _state(p, t),
        "lambda is missing: a near pixel would have hardly any weight, however wrong it is.": lambda p, t: _far(t),
        "alpha is missing: this weighs errors, and near and far alike.": lambda p, t: _state(p.log1p(), t.log1p()),
        "alpha belongs to the truth; taken from the prediction, it could be lowered by predicting less.": lambda p, t: (
            _far(p) + _state(p.log1p(), t.log1p())
        ),
        "alpha is normalised by the largest depth of the data set, 10 m, not of the picture.": lambda p, t: (
            t / t.amax(dim=(1, 2, 3), keepdim=True) + _state(p.log1p(), t.log1p())
        ),
        "smaller over larger is 1 where the prediction is right: subtract it from 1.": lambda p, t: (
            _far(t) + 1 - _state(p.log1p(), t.log1p())
        ),
    },
)


def _features(generator: torch.Generator) -> tuple[Tensor, Tensor, float, float]:
    d, s = torch.randn(2, 1, 3, 2, 2, generator=generator)
    own, other = (torch.rand(2, generator=generator) + 0.1).tolist()
    return d, s, own, other


SHARED_DEPTH = Exercise(
    right=lambda d, s, phi_d, phi_s: d + (phi_d * d + phi_s * s),
    cases=_features,
    mistakes={
        "this is a cross-stitch unit: without the identity, weights of 0 cut the branch off.": lambda d, s, a, b: (
            a * d + b * s
        ),
        "phi_D belongs to the depth features, phi_S to the semantic ones.": lambda d, s, a, b: d + (b * d + a * s),
        "this is what the semantic branch gets: the identity here is that of the depth.": lambda d, s, a, b: (
            s + (a * d + b * s)
        ),
        "both features are added with weight 1: only the branch's own has an identity.": lambda d, s, a, b: (
            d + s + (a * d + b * s)
        ),
    },
)
