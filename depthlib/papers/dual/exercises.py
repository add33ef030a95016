"""Exercises of lesson 04: the minimum over the neighbours, the C x C identity, and one scale per image."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.protocols.scaling import median_ratio
from depthlib.report.exercise import Exercise


def _errors(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.rand(2, 2, 4, 5, generator=generator),)


MINIMUM = Exercise(
    right=lambda errors: errors.amin(dim=1).mean(),
    cases=_errors,
    mistakes={
        "this is the mean over the neighbours: a pixel that is hidden in one counts as wrong.": lambda e: e.mean(),
        "the minimum is taken after the mean over pixels: one neighbour is chosen for the whole image.": lambda e: (
            e.mean(dim=(2, 3)).amin(dim=1).mean()
        ),
        "this is the largest error: the neighbour in which the pixel is hidden.": lambda e: e.amax(dim=1).mean(),
        "the sum over pixels depends on the size of the image: take the mean.": lambda e: e.amin(dim=1).sum(),
        "the minimum runs over the batch: axis 1 holds the neighbours.": lambda e: e.amin(dim=0).mean(),
    },
)


def _positions(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.randn(2, 3, 7, generator=generator),)


ASSEMBLE = Exercise(
    right=lambda f: f @ f.mT @ f / f.shape[-1],
    cases=_positions,
    mistakes={
        "not divided by the number of positions: the message grows with the image.": lambda f: f @ f.mT @ f,
        "divided by the number of channels: N is the number of positions.": lambda f: f @ f.mT @ f / f.shape[1],
        "these are the similarities with a softmax: the identity holds only without it.": lambda f: (
            f @ (f.mT @ f).softmax(dim=1)
        ),
    },
)


def _far(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    truth = 5 + 60 * torch.rand(1, 1, 6, 7, generator=generator)
    return truth * (0.5 + torch.rand(truth.shape, generator=generator)), truth


def _abs_rel(prediction: Tensor, truth: Tensor, counted: Tensor) -> Tensor:
    return ((prediction - truth).abs() / truth)[counted].mean()


def _scaled(prediction: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    return prediction * median_ratio(prediction, truth, where)


def _everywhere(truth: Tensor) -> Tensor:
    return torch.ones_like(truth, dtype=torch.bool)


FAR_ERROR = Exercise(
    right=lambda p, t: _abs_rel(_scaled(p, t, _everywhere(t)), t, t > 20),
    cases=_far,
    mistakes={
        "the far pixels have a scale of their own: an error of scale between near and far disappears.": lambda p, t: (
            _abs_rel(_scaled(p, t, t > 20), t, t > 20)
        ),
        "there is no scale: depth from video needs one.": lambda p, t: _abs_rel(p, t, t > 20),
        "these are all pixels: only those of more than 20 m count.": lambda p, t: _abs_rel(
            _scaled(p, t, _everywhere(t)), t, t > 0
        ),
        "far is decided by the prediction: use the true depth.": lambda p, t: _abs_rel(
            _scaled(p, t, _everywhere(t)), t, _scaled(p, t, _everywhere(t)) > 20
        ),
    },
)
