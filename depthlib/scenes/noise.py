"""Noise from integer hashes, equal on every device, and band-limited lines: the basis of all textures.

Every function takes the footprint (the width of a pixel on the surface, metres) and removes detail below the resolution
of a pixel, so that distant surfaces do not flicker and neighbouring views agree.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from depthlib.scenes.fused import fused

# Hashes are 32-bit integers without a sign, held in int32: sums and products wrap.
_FACTORS = (0x1B873593, 0x19D699A5, 0x2545F491)  # of the coordinates of a cell
_SIGN = -(2**31)


def _mix(h: Tensor) -> Tensor:
    """Scramble hashes, in place. `>>` repeats the sign, so the bits that it draws in are cleared."""
    h ^= (h >> 15).bitwise_and_(2**17 - 1)
    h *= 0x2C1B3C6D
    h ^= (h >> 12).bitwise_and_(2**20 - 1)
    h *= 0x297A2D39
    h ^= (h >> 15).bitwise_and_(2**17 - 1)
    return h


def _centred(h: Tensor, dtype: torch.dtype) -> Tensor:
    """Hashes as numbers in [-2^31, 2^31), less than themselves by 2^31; changes them in place."""
    return h.bitwise_xor_(_SIGN).to(dtype)


@fused
def cell_value(*coordinates: Tensor) -> Tensor:
    """A number in [0, 1), float64, for each cell; `coordinates` are whole numbers (the last one usually a seed)."""
    *cell, h = (c.to(torch.int32) for c in coordinates)
    for c, factor in zip(cell, _FACTORS, strict=False):
        h = h + c * factor
    return _centred(_mix(_mix(h.clone())), torch.float64) / 2**32 + 0.5


def _ease(f: Tensor) -> Tensor:
    return (f * f).mul_(torch.rsub(f, 3, alpha=2))


def smoothstep(low: float | Tensor, high: float | Tensor, x: Tensor) -> Tensor:
    return _ease((x - low).div_(high - low).clamp_(0, 1))


@fused
def noise2(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """Value noise in [0, 1] with unit cells."""
    return _noise(torch.stack([x, y]), seed) / 2**32 + 0.5


@fused
def noise3(x: Tensor, y: Tensor, z: Tensor, seed: Tensor) -> Tensor:
    """Value noise in [0, 1] in space."""
    return _noise(torch.stack([x, y, z]), seed) / 2**32 + 0.5


def _noise(point: Tensor, seed: Tensor) -> Tensor:
    """Value noise in [-2^31, 2^31] at points [D, n]. All corners of their cells are worked on together: [2^D, n]."""
    low = point.floor()
    share = _ease(point - low)
    corner = seed.to(torch.int32)
    for whole, factor in zip(low.to(torch.int32), _FACTORS, strict=False):
        corner = corner + whole * factor
    steps = [sum(itertools.compress(_FACTORS, step)) for step in itertools.product((0, 1), repeat=len(point))]
    steps = torch.tensor(steps, device=point.device).to(torch.int32)[:, None]
    value = _centred(_mix(corner + steps), point.dtype)
    for part in share:
        value = torch.lerp(*value.chunk(2), part)
    return value[0]


_octave = fused(_noise)


def resolved(length: float | Tensor, footprint: Tensor) -> Tensor:
    """1 where a pixel resolves structures of this length, 0 where it does not, with a soft step between."""
    return torch.rsub(footprint / length, 2, alpha=2).clamp_(0, 1)


def fractal2(x: Tensor, y: Tensor, seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int = 3) -> Tensor:
    """Sum of noise octaves around 0, about within +-0.5; `length` is the coarsest cell in metres."""
    return _fractal((x, y), seed, length, footprint, octaves)


def fractal3(
    x: Tensor, y: Tensor, z: Tensor, seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int = 3
) -> Tensor:
    """`fractal2` in space, for surfaces without natural coordinates."""
    return _fractal((x, y, z), seed, length, footprint, octaves)


def _fractal(
    point: tuple[Tensor, ...], seed: Tensor, length: float | Tensor, footprint: Tensor, octaves: int
) -> Tensor:
    total = torch.zeros_like(footprint)
    place, width = torch.stack(point).div_(length), footprint / length
    for k in range(octaves):
        weight = resolved(2.17**-k, width)
        count = int(torch.count_nonzero(weight))
        if count == 0:  # far surfaces show the coarse octaves alone
            break
        scale = 0.62**k / 2**32
        if 2 * count > len(weight):
            total += _octave(place * 2.17**k, seed + 7919 * k).mul_(weight).mul_(scale)
        else:
            seen = weight.nonzero()[:, 0]
            value = _octave(place[:, seen].mul_(2.17**k), seed[seen] + 7919 * k)
            total.index_add_(0, seen, value.mul_(weight[seen]), alpha=scale)
    return total


def inside(x: Tensor, low: float | Tensor, high: float | Tensor, blur: Tensor) -> Tensor:
    """1 where low < x < high, 0 elsewhere, with edges as wide as `blur`."""
    above, below = ((part / blur).add_(0.5).clamp_(0, 1) for part in (x - low, high - x))
    return above.mul_(below)


def joints(x: Tensor, period: Tensor | float, width: Tensor | float, footprint: Tensor) -> Tensor:
    """Share of a pixel that joints of this width at whole multiples of `period` cover."""
    offset = x - (x / period).round() * period
    blur = footprint.clamp(min=width * 0.3)
    covered = ((width / 2 - offset.abs()) / blur + 0.5).clamp(0, 1) * (width / blur).clamp(max=1)
    fine = resolved(period * 0.8, footprint)
    return covered * fine + (width / period) * (1 - fine)
