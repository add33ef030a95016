"""The texture of every point: each pattern's function is applied to its points."""

from __future__ import annotations

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


def albedo(s: Surface, pattern: int, contrast: float) -> tuple[Tensor, Tensor | None]:
    """Paint points that have the same pattern.

    Args:
        s: n points.
        pattern: a value of `Pattern`.
        contrast: 0 gives each solid its flat colour, 1 the texture.

    Returns:
        albedo [3, n] linear, and [n] share of glass, None where the pattern holds no panes.
    """
    painted, glass = _PAINTERS[pattern](s), None
    if isinstance(painted, tuple):
        painted, glass = painted
    return (s.colour + contrast * (painted - s.colour)).clamp(0.01, 0.95), glass
