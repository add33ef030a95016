"""Exercises that are checked, and that name the mistake.

An exercise holds the right function and the functions that people write by mistake. A learner's answer is compared with
all of them on random inputs: if it equals a known mistake, the hint says which one it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from depthlib.geometry.camera import backproject
from depthlib.protocols.crops import crop_mask


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    Attributes:
        right: what it should compute.
        cases: makes the arguments of one call from a random generator.
        mistakes: hint -> the function that somebody writes who needs this hint.
    """

    right: Callable[..., Any]
    cases: Callable[[torch.Generator], tuple]
    mistakes: dict[str, Callable[..., Any]]

    def check(self, answer: Callable[..., Any], *, repetitions: int = 3) -> str:
        """What is right or wrong with `answer`, in one sentence. Never raises on a wrong answer."""
        generator = torch.Generator().manual_seed(0)
        for _ in range(repetitions):
            case = self.cases(generator)
            expected = self.right(*case)
            handed = [x.clone() if isinstance(x, Tensor) else x for x in case]
            try:
                given = answer(*handed)
            except NotImplementedError:
                return "Not done yet."
            except Exception as error:      # a learner's code may raise anything; the lesson goes on
                return f"Your function stops with {type(error).__name__}: {error}"
            if any(isinstance(x, Tensor) and not _untouched(x, y) for x, y in zip(case, handed, strict=True)):
                return "You changed your input: work on a copy."
            if given is None or given is Ellipsis:
                return "Not done yet."
            if not isinstance(given, Tensor) or given.shape != expected.shape:
                found = f"shape {list(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
                return f"Expected a tensor of shape {list(expected.shape)}, got {found}."
            if not _same(given, expected):
                for hint, wrong in self.mistakes.items():
                    if _same(given, wrong(*case)):
                        return f"Not yet: {hint}"
                return f"Not yet: expected {_short(expected)}, got {_short(given)}."
        return "Right."


def _untouched(before: Tensor, after: Tensor) -> bool:
    return before.shape == after.shape and torch.allclose(before, after, rtol=0, atol=0, equal_nan=True)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-6, equal_nan=True)


def _short(x: Tensor) -> str:
    return ", ".join(f"{v:.4f}" for v in x.flatten()[:4].tolist())


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
        "the invalid pixels are in it: their target is 0, so the ratio is infinite. Use the mask.": lambda p, t, v: (
            (p - t).abs() / t
        ).mean(dim=(1, 2, 3)),
        "you divide by the prediction; the ground truth belongs there.": lambda p, t, v: _per_image((p - t).abs() / p, v),
        "errors of opposite sign cancel: take the absolute value.": lambda p, t, v: _per_image((p - t) / t, v),
        "this is the absolute error in metres: divide it by the true depth.": lambda p, t, v: _per_image((p - t).abs(), v),
        "you average over the whole batch: each image gets its own number.": lambda p, t, v: (((p - t).abs() / t)[v].mean()).expand(len(p)),
        "invalid pixels count as zero error: divide by the number of valid pixels, not by all of them.": lambda p, t, v: torch.where(
            v, (p - t).abs() / t, 0.0
        ).mean(dim=(1, 2, 3)),
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
        "this treats depth as the distance along the ray; here depth is the z coordinate.": _along_the_ray,
        "x and y are exchanged: the first coordinate runs along a row.": lambda d, K: backproject(d, K)[:, [1, 0, 2]],
    },
)


def _labels(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    valid = torch.rand(2, 1, 4, 5, generator=generator) > 0.4
    depth = torch.where(valid, 1 + 9 * torch.rand(valid.shape, generator=generator), 0.0)
    return depth, valid, 1 + 9 * torch.rand(valid.shape, generator=generator)


SOFT_TARGET = Exercise(
    right=lambda depth, valid, soft: torch.where(valid, depth, soft),
    cases=_labels,
    mistakes={
        "the roles are exchanged: where there is a label, the label counts.": lambda d, v, s: torch.where(v, s, d),
        "the soft label is everywhere: it belongs into the gaps alone.": lambda d, v, s: s,
        "the gaps are still 0: put the soft label there.": lambda d, v, s: d,
        "label and soft label are added everywhere: the soft label belongs into the gaps alone.": lambda d, v, s: d + s,
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
        "the scores are used as they are: a softmax over the picture makes them weights.": _pooled,
        "this is the plain average: the scores do not enter.": lambda f, s: f.mean(dim=(2, 3)),
        "the softmax runs over one axis only: flatten the picture first.": lambda f, s: _pooled(f, s.softmax(dim=-1)),
        "this is a softmax over the channels: with one score a pixel it is 1 everywhere.": lambda f, s: _pooled(f, s.softmax(dim=1)),
        "the weights already sum to 1: do not divide by the number of pixels as well.": lambda f, s: (
            f * s.flatten(2).softmax(dim=2).view_as(s)
        ).mean(dim=(2, 3)),
    },
)


def _stored_depth(generator: torch.Generator) -> tuple[Tensor, float]:
    """Whole millimetres as a depth PNG holds them; one pixel in five is 0 and one in five 65535, both for "not measured"."""
    stored = torch.randint(400, 9000, (2, 1, 5, 6), generator=generator, dtype=torch.int32)
    kind = torch.rand(stored.shape, generator=generator)
    kind.view(-1)[:2] = torch.tensor([0.0, 1.0])        # at least one of each
    return torch.where(kind < 0.2, 0, torch.where(kind > 0.8, 65535, stored)).to(torch.int32), 1000.0


def _measured(stored: Tensor, depth: Tensor) -> Tensor:
    return torch.where((stored > 0) & (stored < 65535), depth, 0.0)


DEPTH_PNG = Exercise(
    right=lambda stored, scale: _measured(stored, stored / scale),
    cases=_stored_depth,
    mistakes={
        "65535 is still a depth of 65.5 m: it means not measured, too.": lambda s, k: s / k,
        "these are still the stored numbers: divide by the units per metre.": lambda s, k: _measured(s, s.float()),
        "you multiply by the units per metre: divide by them.": lambda s, k: _measured(s, s * k),
        "whole metres only: an integer division cuts the millimetres off.": lambda s, k: _measured(s, torch.floor(s / k)),
        "only the upper 8 of the 16 bits are left: divide the number as stored.": lambda s, k: _measured(s, (s // 256) / k),
        "what was not measured is NaN: in depthlib it is 0, with a mask beside it.": lambda s, k: torch.where(
            (s > 0) & (s < 65535), s / k, torch.nan
        ),
    },
)


def _masks(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.rand(2, 1, 94, 310, generator=generator) > 0.3,)      # a quarter of KITTI's size


def _inside(valid: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    inside = torch.zeros_like(valid)
    inside[..., rows[0] : rows[1], columns[0] : columns[1]] = True
    return valid & inside


_ROWS, _COLUMNS = (0.40810811, 0.99189189), (0.03594771, 0.96405229)


def _ends(shares: tuple[float, float], length: int, whole: Callable[[float], int] = int) -> tuple[int, int]:
    return whole(shares[0] * length), whole(shares[1] * length)


GARG_CROP = Exercise(
    right=lambda v: v & crop_mask("garg", *v.shape[-2:]),
    cases=_masks,
    mistakes={
        "the crop alone: pixels without a measurement must stay out.": lambda v: crop_mask("garg", *v.shape[-2:]).expand_as(v),
        "rows and columns are exchanged: the first shares are of the height.": lambda v: _inside(
            v, _ends(_COLUMNS, v.shape[-2]), _ends(_ROWS, v.shape[-1])
        ),
        "this is Eigen's rectangle: Garg's begins at 0.408 of the height.": lambda v: v & crop_mask("eigen", *v.shape[-2:]),
        "the ends are rounded: the field cuts them down to whole pixels, int() and not round().": lambda v: _inside(
            v, _ends(_ROWS, v.shape[-2], round), _ends(_COLUMNS, v.shape[-1], round)
        ),
        "the other way round: you kept what lies outside.": lambda v: v & ~crop_mask("garg", *v.shape[-2:]),
    },
)
