"""Exercises of lesson 00: the mean relative error, and from pixels to points."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.geometry.camera import backproject
from depthlib.report.exercise import Exercise


def _maps(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    target = 1 + 9 * torch.rand(2, 1, 4, 5, generator=generator)
    pred = target * (0.7 + 0.6 * torch.rand(target.shape, generator=generator))
    valid = torch.rand(target.shape, generator=generator) > 0.3
    return pred, torch.where(valid, target, 0.0), valid


def _per_image(values: Tensor, valid: Tensor) -> Tensor:
    return torch.where(valid, values, 0.0).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3))


ABS_REL = Exercise(
    right=lambda p, t, v: _per_image((p - t).abs() / t, v),
    cases=_maps,
    mistakes={
        "invalid pixels are included: their target is 0, so the ratio is infinite. Use the mask.": lambda p, t, v: (
            (p - t).abs() / t
        ).mean(dim=(1, 2, 3)),
        "you divide by the prediction; the ground truth belongs there.": lambda p, t, v: _per_image(
            (p - t).abs() / p, v
        ),
        "errors of opposite sign cancel: take the absolute value.": lambda p, t, v: _per_image((p - t) / t, v),
        "this is the absolute error in metres: divide it by the true depth.": lambda p, t, v: _per_image(
            (p - t).abs(), v
        ),
        "you average over the whole batch: each image gets its own number.": lambda p, t, v: (
            ((p - t).abs() / t)[v].mean()
        ).expand(len(p)),
        "invalid pixels count as zero error: divide by the number of valid pixels, not by all of "
        "them.": lambda p, t, v: torch.where(v, (p - t).abs() / t, 0.0).mean(dim=(1, 2, 3)),
    },
)


def _camera(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    depth = 1 + 5 * torch.rand(1, 1, 3, 4, generator=generator)
    return depth, torch.tensor([[[3.0, 0, 1.5], [0, 4.0, 1.0], [0, 0, 1]]])


def _without_centre(depth: Tensor, K: Tensor) -> Tensor:
    centred = K.clone()
    centred[:, :2, 2] = 0
    return backproject(depth, centred)


def _along_the_ray(depth: Tensor, K: Tensor) -> Tensor:
    rays = backproject(torch.ones_like(depth), K)
    return depth * rays / rays.norm(dim=1, keepdim=True)


BACKPROJECT = Exercise(
    right=backproject,
    cases=_camera,
    mistakes={
        "the principal point (cx, cy) is missing: subtract it from the pixel first.": _without_centre,
        "this takes depth as the distance along the ray; here depth is the z coordinate.": _along_the_ray,
        "x and y are exchanged: the first coordinate runs along a row.": lambda d, K: backproject(d, K)[:, [1, 0, 2]],
    },
)
