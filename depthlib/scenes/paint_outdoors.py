"""Textures of outdoor surfaces: from points on solids [n] to albedos [3, n], some with a share of glass [n]."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.scenes.noise import fractal2, inside, joints, noise2, resolved, smoothstep
from depthlib.scenes.surface import Surface, grey, mix


def _bricks(s: Surface, height: Tensor) -> Tensor:
    """Brickwork from `colour` alone, for walls of any kind."""
    length = 3 * height
    row = (s.v / height + 0.5).floor()
    along = s.u + length * 0.5 * (row % 2)
    tint = (s.cell((along / length + 0.5).floor(), row) - 0.5) * resolved(height, s.footprint)
    seam = torch.maximum(
        joints(s.v + height / 2, height, 0.012, s.footprint), joints(along + length / 2, length, 0.012, s.footprint)
    )
    colour = s.colour * (1 + 0.5 * tint + 0.35 * s.grain(1.2, 4))
    return mix(colour, 0.55 + 0.2 * s.colour, 0.7 * seam)


def brick(s: Surface) -> Tensor:
    return _bricks(s, s.scale)


def _glass(s: Surface, column: Tensor, row: Tensor, height: Tensor) -> Tensor:
    """Window panes: dark and bluish, brighter above, some with curtains; `height` runs from 0 to 1 in each pane."""
    curtain = (s.cell(column, row, salt=21) < 0.35) * 0.35 * s.cell(column, row, salt=22)
    level = 0.035 + 0.24 * height.clamp(0, 1) * s.cell(column, row, salt=23) + curtain
    return level * grey(1.0, s.x, warm=-0.12)


def facade(s: Surface) -> tuple[Tensor, Tensor]:
    storey = s.scale
    width = storey * (0.62 + 0.5 * s.trait(31))
    count = (2 * s.wide / width).floor().clamp(min=1)
    width = 2 * s.wide / count
    up = (s.v + s.high) / storey
    row, column = up.floor(), ((s.u + s.wide) / width).floor()
    rise = (up - row) * storey
    side = (s.u + s.wide) - (column + 0.5) * width
    blur = s.footprint.clamp(min=0.03)
    window = width * (0.24 + 0.1 * s.trait(32))
    sill, lintel = 0.28 * storey, (0.72 + 0.1 * s.trait(33)) * storey
    usable = s.upright * ((row + 1) * storey < 2 * s.high + 0.2) * resolved(0.7 * storey, s.footprint)
    opening = inside(side, -window, window, blur) * inside(rise, sill, lintel, blur) * usable
    frame = 0.09
    pane = (
        inside(side, -window + frame, window - frame, blur) * inside(rise, sill + frame, lintel - frame, blur) * usable
    )
    bar = inside(side, -0.04, 0.04, blur) * (s.trait(34) < 0.6)
    ledge = inside(side, -window - 0.12, window + 0.12, blur) * inside(rise, sill - 0.16, sill, blur) * usable
    shadow = inside(side, -window, window, blur) * inside(rise, lintel - 0.3, lintel, blur * 3) * usable
    wall = torch.where(
        s.trait(35) < 0.45, _bricks(s, torch.full_like(s.x, 0.11)), s.colour * (1 + 0.3 * s.grain(2.5, 4))
    )
    wall = wall * (1 - 0.22 * smoothstep(0.9, 0.0, s.v + s.high) * s.upright)  # dirt near the ground
    band = inside(rise, -0.08, 0.14, blur) * s.upright * (s.trait(36) < 0.5)
    wall = mix(wall, s.accent, torch.maximum(band * 0.6, ledge * 0.8))
    glass = _glass(s, column, row, (rise - sill) / (lintel - sill)) * (1 - 0.6 * shadow)
    painted = mix(mix(wall, s.accent, opening), glass, pane * (1 - bar))
    return painted, pane * (1 - bar)


def shopfront(s: Surface) -> tuple[Tensor, Tensor]:
    count = (2 * s.wide / s.scale).floor().clamp(min=1)
    width = 2 * s.wide / count
    column = ((s.u + s.wide) / width).floor()
    side = (s.u + s.wide) - (column + 0.5) * width
    rise = s.v + s.high
    top = 2 * s.high
    blur = s.footprint.clamp(min=0.03)
    shop = (s.cell(column, salt=41) < 0.75) * s.upright
    pane = inside(side, -0.42 * width, 0.42 * width, blur) * inside(rise, 0.5, top - 0.9, blur) * shop
    sign = inside(side, -0.46 * width, 0.46 * width, blur) * inside(rise, top - 0.75, top - 0.2, blur) * shop
    hue = torch.stack([0.08 + 0.5 * s.cell(column, salt=42 + i) ** 2 for i in range(3)])
    letters = inside(rise, top - 0.6, top - 0.35, blur) * smoothstep(0.5, 0.6, noise2(s.u * 5, rise * 2, s.seed + 3))
    board = mix(
        hue,
        grey(0.8, s.x).expand_as(hue),
        letters * inside(side, -0.33 * width, 0.33 * width, blur) * resolved(0.3, s.footprint),
    )
    goods = 0.05 + (0.22 * smoothstep(0.45, 0.75, noise2(s.u * 2.5, rise * 2.2, s.seed + 9)))
    glass = goods * (0.6 + 0.8 * hue)
    wall = s.colour * (1 + 0.3 * s.grain(1.5, 4)) * (1 - 0.25 * smoothstep(0.6, 0.0, rise) * s.upright)
    return mix(mix(wall, board, sign), glass, pane), pane


def asphalt(s: Surface) -> Tensor:
    repaired = smoothstep(0.12, 0.14, fractal2(s.u / 1.5, s.v / 4, s.seed + 17, 1.0, s.footprint / 4, 1)) * (
        s.trait(54) < 0.6
    )
    ground = (
        s.colour
        * (1 + 0.4 * s.grain(0.1, 3) + 0.25 * fractal2(s.u, s.v / 5, s.seed + 5, 1.5, s.footprint, 3))
        * (1 - 0.16 * repaired)
    )
    track = inside(s.u.abs() % 3.4, 0.6, 1.2, torch.full_like(s.u, 0.5)) + inside(
        s.u.abs() % 3.4, 2.2, 2.8, torch.full_like(s.u, 0.5)
    )
    ground = ground * (1 - 0.1 * track)
    blur = s.footprint.clamp(min=0.015)
    dash = (s.v + 40 * s.trait(51)) % 6.0
    long = inside(dash, 0.0, 3.0, s.footprint.clamp(min=0.1)) * resolved(6.0, s.footprint) + 0.5 * (
        1 - resolved(6.0, s.footprint)
    )
    centre = (
        inside(s.u, -0.07, 0.07, blur)
        * (0.14 / blur).clamp(max=1)
        * torch.where(s.trait(52) < 0.7, long, torch.ones_like(long))
    )
    edge = inside(s.wide - s.u.abs(), 0.28, 0.40, blur) * (0.12 / blur).clamp(max=1) * (s.trait(53) < 0.6)
    worn = (0.8 + 0.7 * s.grain(0.5, 3, salt=7)).clamp(0, 1)
    painted = mix(ground, s.accent, torch.maximum(centre, edge) * worn)
    return painted * (1 - 0.3 * smoothstep(0.5, 0.0, s.wide - s.u.abs()))


def slabs(s: Surface) -> Tensor:
    column, row = (s.u / s.scale).floor(), (s.v / s.scale).floor()
    tint = (s.cell(column, row) - 0.5) * resolved(s.scale, s.footprint)
    colour = s.colour * (1 + 0.25 * tint + 0.4 * s.grain(0.1, 2) + 0.35 * s.grain(2.5, 3, salt=5))
    seam = torch.maximum(joints(s.u, s.scale, 0.02, s.footprint), joints(s.v, s.scale, 0.02, s.footprint))
    return colour * (1 - 0.45 * seam * s.upright.logical_not())


def foliage(s: Surface) -> Tensor:
    leaves = s.solid_grain(s.scale, 4)
    clumps = s.solid_grain(s.scale * 5, 2, salt=3)
    lit = 0.42 + 1.1 * leaves + 0.28 * clumps
    gaps = smoothstep(-0.4, 0.15, leaves + 0.2 * clumps)
    return mix(s.colour, s.accent, lit) * (0.55 + 0.55 * gaps)


def grass(s: Surface) -> Tensor:
    blades = fractal2(s.u, s.v, s.seed, 0.25, s.footprint, 3)
    fields_ = fractal2(s.u, s.v, s.seed + 5, 5.0, s.footprint, 3)
    return mix(s.colour, s.accent, 0.4 + 0.7 * blades + 0.9 * fields_)


def cabin(s: Surface) -> tuple[Tensor, Tensor]:
    along, up = s.x / s.half[0], s.y / s.half[1]
    cap = s.z.abs() / s.half[2] > 0.999
    blur = (s.footprint / s.half[1]).clamp(min=0.02)
    band = inside(up, 0.3, torch.where(cap, 0.84, 0.93), blur)
    pillar = inside(along.abs(), 0.03, 0.72, blur) * inside(s.x.square() / s.half[0] ** 2 + up * up, -1, 0.82, blur)
    screen = inside(s.z / s.half[2], -0.88, 0.88, blur)
    glass = band * torch.where(cap, pillar, screen)
    dark = grey(0.045, s.x, -0.15) * (1 + 1.6 * smoothstep(0.3, 0.95, up))
    return mix(s.colour, dark.expand_as(s.colour), glass), glass


def paint(s: Surface) -> Tensor:
    trim = smoothstep(-0.5, -0.75, s.v / s.high) * s.upright
    doors = (
        joints(s.u, 1.05, 0.02, s.footprint) * s.upright * inside(s.u / s.wide, -0.55, 0.4, s.footprint.clamp(min=0.02))
    )
    return s.colour * (1 - 0.6 * trim) * (1 - 0.5 * doors) * (1 + 0.08 * s.grain(0.5, 2))
