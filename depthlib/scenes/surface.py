"""A set of points on solids, the input of textures."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from depthlib.scenes.noise import cell_value, fractal2, fractal3


@dataclass
class Surface:
    """n points on solids. All lengths in metres.

    Attributes:
        x, y, z: [n] position in the solid's own frame.
        half: [3, n] half extents of the solid.
        u, v: [n] position on the face; v points up on upright faces. wide, high: [n] half extents of the face.
        upright: [n] bool, False on top and bottom faces.
        colour, accent: [3, n]. scale: [n]. seed: [n] int64.
        footprint: [n] width of a pixel on the surface.
        picture: [n] int64, ascending: which of the pictures that are rendered together the point is in.
    """

    x: Tensor
    y: Tensor
    z: Tensor
    half: Tensor
    u: Tensor
    v: Tensor
    wide: Tensor
    high: Tensor
    upright: Tensor
    colour: Tensor
    accent: Tensor
    scale: Tensor
    seed: Tensor
    footprint: Tensor
    picture: Tensor

    def __getitem__(self, index: Tensor) -> Surface:
        return Surface(**{f.name: getattr(self, f.name).index_select(-1, index) for f in fields(self)})

    def cell(self, *coordinates: Tensor, salt: int = 0) -> Tensor:
        """A number in [0, 1) for each cell of each solid."""
        return cell_value(*(c.to(torch.int64) for c in coordinates), self.seed + salt).to(self.x.dtype)

    def trait(self, salt: int) -> Tensor:
        """A number in [0, 1) for each solid."""
        return self.cell(salt=salt)

    def grain(self, length: Tensor | float, octaves: int = 3, salt: int = 0) -> Tensor:
        return fractal2(self.u, self.v, self.seed + salt, length, self.footprint, octaves)

    def solid_grain(self, length: Tensor | float, octaves: int = 3, salt: int = 0) -> Tensor:
        return fractal3(self.x, self.y, self.z, self.seed + salt, length, self.footprint, octaves)


def mix(colour: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    return torch.lerp(colour, other, weight.clamp(0, 1))


def grey(level: float, like: Tensor, warm: float = 0.0) -> Tensor:
    return torch.tensor([level * (1 + warm), level, level * (1 - warm)], dtype=like.dtype, device=like.device)[:, None]
