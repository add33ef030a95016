"""Textures of indoor surfaces: from points on solids [n] to albedos [3, n], some with a share of glass [n]."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.scenes.noise import fractal2, fractal3, inside, joints, noise2, resolved, smoothstep
from depthlib.scenes.surface import Surface, grey, mix


def plaster(s: Surface) -> Tensor:
    return s.colour * (1 + 0.22 * s.solid_grain(s.scale, 4))


def wood(s: Surface) -> Tensor:
    length = [s.scale * (1 + 9 * (s.longest == i)) for i in range(3)]
    grain = fractal3(s.x / length[0], s.y / length[1], s.z / length[2], s.seed, 1.0, s.footprint / s.scale, 3)
    return mix(s.colour, s.accent, 0.35 + 1.3 * grain)


def planks(s: Surface) -> Tensor:
    board = 7 * s.scale
    row = (s.v / s.scale + 0.5).floor()
    along = s.u + board * s.cell(row, salt=1)
    tint = s.cell((along / board + 0.5).floor(), row) - 0.5
    grain = fractal2(along / 9, s.v, s.seed, s.scale * 0.35, s.footprint, 3)
    wide = resolved(s.scale, s.footprint)
    colour = mix(s.colour, s.accent, 0.4 + 0.75 * tint * wide + 0.8 * grain)
    seam = torch.maximum(
        joints(s.v + s.scale / 2, s.scale, 0.006, s.footprint), joints(along + board / 2, board, 0.006, s.footprint)
    )
    return colour * (1 - 0.65 * seam)


def tiles(s: Surface) -> Tensor:
    column, row = (s.u / s.scale + 0.5).floor(), (s.v / s.scale + 0.5).floor()
    tint = (s.cell(column, row) - 0.5) * resolved(s.scale, s.footprint)
    checker = ((column + row) % 2) * (s.trait(3) < 0.3) * resolved(s.scale, s.footprint)
    colour = s.colour * (1 + 0.16 * tint + 0.18 * s.grain(s.scale * 0.7, 3)) * (1 - 0.55 * checker)
    seam = torch.maximum(
        joints(s.u + s.scale / 2, s.scale, 0.008, s.footprint), joints(s.v + s.scale / 2, s.scale, 0.008, s.footprint)
    )
    return mix(colour, s.accent, 0.8 * seam)


def fabric(s: Surface) -> Tensor:
    weave = s.solid_grain(s.scale, 3)
    patches = s.solid_grain(s.scale * 14, 2, salt=11)
    return mix(s.colour * (1 + 0.35 * patches), s.accent, 0.12 + 0.75 * weave)


def wallpaper(s: Surface) -> Tensor:
    # a room with two wallpapers has stripes as wide as their mean: part of version 1
    stripes = joints(s.u, s.scale, 0.45 * s.wallpaper_scale, s.footprint) * s.upright
    across, up = s.u / s.scale, s.v / s.scale
    diamond = ((across - across.round()).abs() + (up - up.round()).abs()) * s.scale
    motif = ((0.26 * s.scale - diamond) / s.footprint.clamp(min=0.01) + 0.5).clamp(0, 1)
    motif = motif * resolved(s.scale * 0.6, s.footprint)
    figure = torch.where(s.trait(5) < 0.5, stripes, motif)
    return mix(s.colour, s.accent, 0.55 * figure) * (1 + 0.16 * s.grain(0.5, 4))


def _muted(s: Surface, salt: int, strength: float) -> Tensor:
    """A colour [3, n] for each solid, pulled towards grey as most colours in a house are."""
    level, *tint = s.trait(salt + 100, salt, salt + 1, salt + 2)
    return (0.06 + 0.55 * level) * (1 + strength * (torch.stack(tint) - 0.5) * 2)


def picture(s: Surface) -> Tensor:
    border = 0.12 * torch.minimum(s.wide, s.high)
    margin = torch.minimum(s.wide - s.u.abs(), s.high - s.v.abs())
    blur = s.footprint.clamp(min=0.004)
    across, up = s.u / s.high, s.v / s.high
    hue = [_muted(s, 61 + 3 * k, 0.6) for k in range(4)]
    hills = 0.5 * (noise2(across * 1.7, torch.zeros_like(across), s.seed) - 0.5)
    horizon = s.trait(75) * 0.8 - 0.4
    land = smoothstep(0.06, -0.06, up - horizon - hills)
    scenery = mix(mix(hue[0], hue[1], 0.5 + 0.5 * up), mix(hue[2], hue[3], 0.5 + 1.4 * s.grain(0.2, 3)), land)
    blots = smoothstep(-0.05, 0.05, s.grain(0.45 * s.high, 2)), smoothstep(0.02, 0.1, s.grain(0.6 * s.high, 2, salt=9))
    abstract = mix(mix(hue[0], hue[1], blots[0]), hue[2], blots[1])
    art = torch.where(s.trait(76) < 0.6, scenery, abstract)
    mat = grey(0.75, s.x, 0.03)
    art = mix(art, mat.expand_as(art), ((2.2 * border - margin) / blur + 0.5).clamp(0, 1) * (s.trait(77) < 0.6))
    return mix(art, s.accent, ((border - margin) / blur + 0.5).clamp(0, 1))


def spines(s: Surface) -> Tensor:
    along = torch.where(s.wide >= s.high, s.u, s.v)
    shift = 0.25 * (noise2(along / s.scale * 0.8, torch.zeros_like(along), s.seed) - 0.5) * s.scale
    book = ((along + shift) / s.scale).floor()
    tint = torch.stack([s.cell(book, salt=81 + i) - 0.5 for i in range(3)])
    hue = (0.04 + 0.42 * s.cell(book, salt=80) ** 1.5) * (1 + 1.3 * tint)
    title = inside(s.v, 0.1 * s.high, 0.5 * s.high, s.footprint.clamp(min=0.004)) * (s.cell(book, salt=90) < 0.6)
    hue = mix(hue, hue * 0.4 + 0.35, 0.7 * title)
    gap = joints(along + shift, s.scale, 0.005, s.footprint)
    mean = mix(s.colour, s.accent, torch.full_like(s.x, 0.5))
    return mix(mean, hue, resolved(s.scale * 1.5, s.footprint)) * (1 - 0.7 * gap)


def daylight(s: Surface) -> Tensor:
    """The bright, hazy world outside: sky, and far trees whose tops waver."""
    up, across = s.v / s.high, s.u / s.high
    tops = (
        0.7 * s.trait(91)
        + 0.5 * (noise2(across * 1.3, torch.zeros_like(up), s.seed) - 0.5)
        + 0.22 * (noise2(across * 4.1, torch.zeros_like(up), s.seed + 1) - 0.5)
        + 0.1 * (noise2(across * 9.7, torch.zeros_like(up), s.seed + 2) - 0.5)
    )
    tree = smoothstep(0.09, -0.09, up + 0.75 - tops)
    sky = s.colour * (1 + 0.12 * s.grain(0.6 * s.high, 3))
    leaves = s.accent * (1 + 0.7 * s.grain(0.25 * s.high, 3, salt=4)) * (1.1 + 0.35 * up)
    return mix(sky, leaves, tree)


def rug(s: Surface) -> Tensor:
    margin = torch.minimum(s.wide - s.u.abs(), s.high - s.v.abs())
    blur = s.footprint.clamp(min=0.01)
    border = inside(margin, 0.08, 0.16, blur) + inside(margin, 0.2, 0.23, blur)
    motif = smoothstep(-0.02, 0.06, fractal2(s.u.abs(), s.v.abs(), s.seed, s.scale, s.footprint, 2)) * (margin > 0.25)
    return mix(s.colour, s.accent, 0.9 * border + 0.7 * motif) * (1 + 0.35 * s.grain(0.04, 2, salt=5))


def folds(s: Surface) -> Tensor:
    wave = fractal2(s.u, s.v / 14, s.seed, s.scale, s.footprint, 2)
    return s.colour * (1 + 0.75 * wave + 0.12 * s.grain(0.03, 2, salt=5))


def screen(s: Surface) -> tuple[Tensor, Tensor]:
    margin = torch.minimum(s.wide - s.u.abs(), s.high - s.v.abs())
    lit = inside(margin, 0.02, 9.0, s.footprint.clamp(min=0.004))
    sheen = 0.03 + 0.05 * smoothstep(-1.0, 1.4, s.u / s.wide + s.v / s.high)
    return mix(s.colour, (sheen * grey(1.0, s.x, -0.1)), lit), lit


def marble(s: Surface) -> Tensor:
    vein = s.solid_grain(s.scale, 4)
    return mix(s.colour, s.accent, 0.7 * smoothstep(0.09, 0.0, vein.abs())) * (1 + 0.2 * vein)
