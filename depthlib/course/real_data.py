"""Exercises of lesson 07: depth in a PNG, and a crop."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from depthlib.protocols.crops import crop_mask
from depthlib.report.exercise import Exercise


def _stored_depth(generator: torch.Generator) -> tuple[Tensor, float]:
    """Whole millimetres as a depth PNG holds them.

    One pixel in five is 0 and one in five 65535, both for "not measured".
    """
    stored = torch.randint(400, 9000, (2, 1, 5, 6), generator=generator, dtype=torch.int32)
    kind = torch.rand(stored.shape, generator=generator)
    kind.view(-1)[:2] = torch.tensor([0.0, 1.0])  # at least one of each
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
        "whole metres only: an integer division cuts the millimetres off.": lambda s, k: _measured(
            s, torch.floor(s / k)
        ),
        "only the upper 8 of the 16 bits are left: divide the number as stored.": lambda s, k: _measured(
            s, (s // 256) / k
        ),
        "what was not measured is NaN: in depthlib it is 0, with a mask beside it.": lambda s, k: torch.where(
            (s > 0) & (s < 65535), s / k, torch.nan
        ),
    },
)


def _masks(generator: torch.Generator) -> tuple[Tensor]:
    return (torch.rand(2, 1, 94, 310, generator=generator) > 0.3,)  # a quarter of KITTI's size


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
        "the crop alone: pixels without a measurement must stay out.": lambda v: crop_mask(
            "garg", *v.shape[-2:]
        ).expand_as(v),
        "rows and columns are exchanged: the first shares are of the height.": lambda v: _inside(
            v, _ends(_COLUMNS, v.shape[-2]), _ends(_ROWS, v.shape[-1])
        ),
        "this is Eigen's rectangle: Garg's begins at 0.408 of the height.": lambda v: (
            v & crop_mask("eigen", *v.shape[-2:])
        ),
        "the ends are rounded: the field cuts them down to whole pixels, int() and not round().": lambda v: _inside(
            v, _ends(_ROWS, v.shape[-2], round), _ends(_COLUMNS, v.shape[-1], round)
        ),
        "the other way round: you kept what lies outside.": lambda v: v & ~crop_mask("garg", *v.shape[-2:]),
    },
)
