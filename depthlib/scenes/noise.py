"""Noise from integer hashes, equal on every device, and band-limited lines: the basis of all textures.

Every function takes the footprint (the width of a pixel on the surface, metres) and removes detail below the resolution
of a pixel, so that distant surfaces do not flicker and neighbouring views agree.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from depthlib.scenes.fused import fused

_MASK = 0xFFFFFFFF


def _mix(h: Tensor) -> Tensor:
    """Scramble 32-bit integers held in int64; the products stay below 2^63."""
    h = (h ^ (h >> 15)).mul_(0x2C1B3C6D).bitwise_and_(_MASK)
    h = (h ^ (h >> 12)).mul_(0x297A2D39).bitwise_and_(_MASK)
    return h ^ (h >> 15)


@fused
def cell_value(*coordinates: Tensor) -> Tensor:
    """A number in [0, 1) for each cell; `coordinates` are int64 tensors (the last one usually a seed)."""
    h = coordinates[-1]
    for c, factor in zip(coordinates[:-1], (0x1B873593, 0x19D699A5, 0x2545F491), strict=False):
        h = h + c * factor
    return _mix(_mix(h & _MASK)).to(torch.float64) / 2**32


def _ease(f: Tensor) -> Tensor:
    return f * f * (3 - 2 * f)


def smoothstep(low: float | Tensor, high: float | Tensor, x: Tensor) -> Tensor:
    return _ease(((x - low) / (high - low)).clamp(0, 1))


@fused
def noise2(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """Value noise in [0, 1] with unit cells."""
    return _between_corners(*_cells(x, y), seed)


def _cells(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Smoothed position of a point in its cell, and the two parts of the cell's hash."""
    ix, iy = x.floor(), y.floor()
    return _ease(x - ix), _ease(y - iy), ix.to(torch.int64) * 0x1B873593, iy.to(torch.int64) * 0x19D699A5


def _between_corners(fx: Tensor, fy: Tensor, hx: Tensor, hy: Tensor, seed: Tensor) -> Tensor:
    """Blend the values of the four corners of cells from `_cells`."""
    hx = hx + seed
    hx, hx1, hy1 = hx & _MASK, hx + 0x1B873593 & _MASK, hy + 0x19D699A5
    corner = [_mix(h & _MASK).to(fx.dtype) for h in (hx + hy, hx1 + hy, hx + hy1, hx1 + hy1)]
    low = torch.lerp(corner[0], corner[1], fx)
    high = torch.lerp(corner[2], corner[3], fx)
    return torch.lerp(low, high, fy) / 2**32


@fused
def noise3(x: Tensor, y: Tensor, z: Tensor, seed: Tensor) -> Tensor:
    """Value noise in [0, 1] in space."""
    iz = z.floor()
    layer = seed + iz.to(torch.int64) * 0x2545F491
    cells = _cells(x, y)
    near, far = (_between_corners(*cells, s & _MASK) for s in (layer, layer + 0x2545F491))
    return torch.lerp(near, far, _ease(z - iz))


def resolved(length: float | Tensor, footprint: Tensor) -> Tensor:
    """1 where a pixel resolves structures of this length, 0 where it does not, with a soft step between."""
    return (2 - 2 * footprint / length).clamp(0, 1)


def fractal2(x: Tensor, y: Tensor, seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int = 3) -> Tensor:
    """Sum of noise octaves around 0, about within +-0.5; `length` is the coarsest cell in metres."""
    return _fractal(noise2, (x, y), seed, length, footprint, octaves)


def fractal3(
    x: Tensor, y: Tensor, z: Tensor, seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int = 3
) -> Tensor:
    """`fractal2` in space, for surfaces without natural coordinates."""
    return _fractal(noise3, (x, y, z), seed, length, footprint, octaves)


def _fractal(
    noise: Callable[..., Tensor], point: tuple[Tensor, ...], seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int
) -> Tensor:
    total = torch.zeros_like(point[0]).flatten()
    for k in range(octaves):
        cell = length / 2.17**k
        weight = resolved(cell, footprint).flatten()
        seen = weight.nonzero()[:, 0]           # far surfaces show the coarse octaves alone
        size = _pick(cell, seen) if isinstance(cell, Tensor) else cell
        value = noise(*(_pick(p, seen) / size for p in point), _pick(seed, seen) + 7919 * k)
        total.index_add_(0, seen, (value - 0.5) * _pick(weight, seen) * 0.62**k)
    return total.view_as(point[0])


def _pick(values: Tensor, index: Tensor) -> Tensor:
    return values.flatten().index_select(0, index)


def inside(x: Tensor, low: float | Tensor, high: float | Tensor, blur: Tensor) -> Tensor:
    """1 where low < x < high, 0 elsewhere, with edges as wide as `blur`."""
    return ((x - low) / blur + 0.5).clamp(0, 1) * ((high - x) / blur + 0.5).clamp(0, 1)


def joints(x: Tensor, period: Tensor | float, width: Tensor | float, footprint: Tensor) -> Tensor:
    """Share of a pixel that joints of this width at whole multiples of `period` cover."""
    offset = x - (x / period).round() * period
    blur = footprint.clamp(min=width * 0.3)
    covered = ((width / 2 - offset.abs()) / blur + 0.5).clamp(0, 1) * (width / blur).clamp(max=1)
    fine = resolved(period * 0.8, footprint)
    return covered * fine + (width / period) * (1 - fine)
