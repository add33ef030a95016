"""The names of the surface patterns, which `textures` implements."""

from __future__ import annotations

from enum import IntEnum


class Pattern(IntEnum):
    """What covers a surface."""

    PLASTER = 0  # painted walls, skin, lacquer: the colour with faint mottling
    WOOD = 1  # grain along the longest side
    PLANKS = 2  # a floor of boards
    TILES = 3  # square tiles with joints
    FABRIC = 4  # cloth, carpets: fine grain and soft patches
    WALLPAPER = 5  # stripes and motifs
    BRICK = 6
    FACADE = 7  # rows of windows
    ASPHALT = 8  # road with lane markings
    SLABS = 9  # pavement
    FOLIAGE = 10  # leaves and the dark gaps between them
    GRASS = 11
    PICTURE = 12  # a framed painting or photograph
    SPINES = 13  # a row of books
    DAYLIGHT = 14  # the view through a window
    CABIN = 15  # the upper half of a car: roof, pillars, glass
    RUG = 16  # a carpet with borders
    FOLDS = 17  # curtains
    SCREEN = 18  # a television
    PAINT = 19  # car body
    SHOPFRONT = 20  # the ground floor of a house in town
    MARBLE = 21  # stone with veins
