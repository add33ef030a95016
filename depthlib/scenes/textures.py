"""The texture of every point: each pattern's function is applied to its points."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.scenes import paint_indoors as indoors
from depthlib.scenes import paint_outdoors as outdoors
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.surface import Surface

_PAINTERS = {
    Pattern.PLASTER: indoors.plaster,
    Pattern.WOOD: indoors.wood,
    Pattern.PLANKS: indoors.planks,
    Pattern.TILES: indoors.tiles,
    Pattern.FABRIC: indoors.fabric,
    Pattern.WALLPAPER: indoors.wallpaper,
    Pattern.BRICK: outdoors.brick,
    Pattern.FACADE: outdoors.facade,
    Pattern.ASPHALT: outdoors.asphalt,
    Pattern.SLABS: outdoors.slabs,
    Pattern.FOLIAGE: outdoors.foliage,
    Pattern.GRASS: outdoors.grass,
    Pattern.PICTURE: indoors.picture,
    Pattern.SPINES: indoors.spines,
    Pattern.DAYLIGHT: indoors.daylight,
    Pattern.CABIN: outdoors.cabin,
    Pattern.RUG: indoors.rug,
    Pattern.FOLDS: indoors.folds,
    Pattern.SCREEN: indoors.screen,
    Pattern.PAINT: outdoors.paint,
    Pattern.SHOPFRONT: outdoors.shopfront,
    Pattern.MARBLE: indoors.marble,
}


def albedo(s: Surface, pattern: Tensor, contrast: float) -> tuple[Tensor, Tensor]:
    """Paint all points.

    Args:
        s: n points.
        pattern: [n] int64, values of `Pattern`.
        contrast: 0 gives each solid its flat colour, 1 the texture.

    Returns:
        albedo [3, n] linear, and [n] share of glass on surfaces whose pattern holds panes.
    """
    colour = s.colour.clone()
    glass = torch.zeros_like(s.x)
    for which, paint_pattern in _PAINTERS.items():
        index = (pattern == which).nonzero()[:, 0]
        if index.numel() == 0:
            continue
        painted = paint_pattern(s[index])
        if isinstance(painted, tuple):
            painted, glass[index] = painted
        colour[:, index] = painted
    return (s.colour + contrast * (colour - s.colour)).clamp(0.01, 0.95), glass
