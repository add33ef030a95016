"""Which solids may matter to which points: a tree of boxes around points is tested against solids.

The tree has four branches everywhere. Its leaves are groups of rays, the level above them are the tiles of 8 x 8
pixels, the highest level are patches of 8 x 8 tiles. So most solids are ruled out for many points at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.scenes.batch import PADDING, SceneBatch
from depthlib.scenes.blocks import pieces
from depthlib.scenes.tables import where

BRANCHES = 4
_LEVELS = 5
_TILES = _LEVELS - 2
_PATCH = BRANCHES ** (_LEVELS - 1)  # groups in a patch
Test = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Bounds:
    """Boxes around the points of G groups, and around more and more of them.

    Attributes:
        levels: middles and half extents of boxes, [3, n] each, 0 where there are no points; from patches to groups,
            four times as many at each level. Each view has whole patches, the last tiles of which are empty.
        alone: [G] the number of the solid that a group lies on if it is only one, else -1.
    """

    levels: list[tuple[Tensor, Tensor]]
    alone: Tensor


def bounds_of(point: Tensor, hit: Tensor, solid: Tensor, views: int = 1) -> Bounds:
    """Bounds of the points [G, 3, R'] that lie on a solid, where `hit` [G, R'], in so many views.

    What is close together in space should follow each other.
    """
    low = high = point
    if not hit.all():
        low, high = (point.masked_fill(~hit[:, None], value) for value in (torch.inf, -torch.inf))
    low, high = _whole(low.amin(2).T, views, torch.inf), _whole(high.amax(2).T, views, -torch.inf)
    levels: list[tuple[Tensor, Tensor]] = []
    while len(levels) < _LEVELS:
        if levels:
            low, high = low.unflatten(1, (-1, BRANCHES)).amin(2), high.unflatten(1, (-1, BRANCHES)).amax(2)
        empty = low > high
        levels.insert(0, (((low + high) / 2).masked_fill(empty, 0), ((high - low) / 2).masked_fill(empty, 0)))
    return Bounds(levels, torch.where((solid == solid[:, :1]).all(1), solid[:, 0], -1))


def _whole(values: Tensor, views: int, value: float) -> Tensor:
    """Fill up groups [..., G] so that all views have whole patches."""
    values = values.unflatten(-1, (views, -1))
    return F.pad(values, (0, -values.shape[-1] % _PATCH), value=value).flatten(-2)


def pairs(
    scenes: SceneBatch, bounds: Bounds, wanted: Tensor, test: Test, of_tiles: Test | None = None
) -> tuple[Tensor, Tensor]:
    """Groups of points and the solids that may matter to them.

    Args:
        wanted: [G] bool, whether a group matters.
        test: [n] bool, for solids [n] and the middles and half extents [3, n] of boxes.
        of_tiles: a test that is made of tiles alone.

    Returns:
        group [n], ascending, and the solid's number within the batch [n]. A group that lies on one solid alone is not
        paired with that one.
    """
    views, solids = scenes.kind.shape
    alone = _whole(bounds.alone, views, -1)
    wanted_at = [_whole(wanted, views, False)]
    while len(wanted_at) < _LEVELS:
        wanted_at.insert(0, wanted_at[0].unflatten(0, (-1, BRANCHES)).any(1))
    number = (scenes.kind != PADDING).flatten().nonzero()[:, 0]
    box = number // solids
    for level, (boxes, wanted) in enumerate(zip(bounds.levels, wanted_at, strict=True)):
        branches = BRANCHES if level else len(wanted) // views
        box = (box[:, None] * branches + torch.arange(branches, device=box.device)).flatten()
        number = number.repeat_interleave(branches)
        kept = wanted[box]
        if level == _LEVELS - 1:
            kept &= alone[box] != number
        box, number = where(kept, box, number)
        for one in (of_tiles, test) if of_tiles and level == _TILES else (test,):
            passed = [
                one(of, *(ends.index_select(1, some) for ends in boxes))
                for some, of in zip(pieces(box, 4), pieces(number, 4), strict=True)
            ]
            box, number = where(torch.cat([kept[:0], *passed]), box, number)
    group, order = box.sort(stable=True)
    filled = len(alone) // views
    return group // filled * (len(bounds.alone) // views) + group % filled, number[order]
