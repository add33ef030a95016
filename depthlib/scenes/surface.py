"""A set of points on solids, the input of textures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from depthlib.scenes.batch import SceneBatch
from depthlib.scenes.noise import cell_value, fractal2, fractal3
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.tables import by_column, columns


@dataclass
class Points:
    """Points on the solids of B scenes, M of them.

    Attributes:
        solid, face: [M] int64, the solid's number within the batch; axis of the face, 2 on top and bottom.
        local: three [M], position in the solid's own frame, metres.
        footprint, distance: [M] metres: width of a pixel on the surface; from the camera.
        light: three [M], the light that arrives.
    """

    scenes: SceneBatch
    solid: Tensor
    face: Tensor
    local: list[Tensor]
    footprint: Tensor
    distance: Tensor
    light: list[Tensor]

    @cached_property
    def wallpaper_scale(self) -> Tensor:
        """[B, P, 1], the mean of `scale` over the points of each scene that are on wallpaper."""
        count = torch.bincount(self.solid, minlength=self.scenes.kind.numel()).view_as(self.scenes.kind)
        count = count * (self.scenes.pattern == Pattern.WALLPAPER)
        mean = (count * self.scenes.scale).sum(1, keepdim=True) / count.sum(1, keepdim=True)
        return mean.expand(count.shape)[..., None]


class Surface:
    """n of the points, in metres. What a texture does not ask for is not gathered."""

    def __init__(self, points: Points, index: Tensor) -> None:
        self._points, self._index = points, index
        self._solid = self._picked(points.solid)

    def _picked(self, values: Tensor) -> Tensor:
        return values.index_select(0, self._index)

    def _of_solid(self, table: Tensor) -> Tensor:
        return columns(by_column(table, self._points.footprint.dtype), self._solid)

    @cached_property
    def x(self) -> Tensor:
        """[n], like y and z: position in the solid's own frame."""
        return self._picked(self._points.local[0])

    @cached_property
    def y(self) -> Tensor:
        return self._picked(self._points.local[1])

    @cached_property
    def z(self) -> Tensor:
        return self._picked(self._points.local[2])

    @cached_property
    def footprint(self) -> Tensor:
        """[n] width of a pixel on the surface."""
        return self._picked(self._points.footprint)

    @cached_property
    def _face(self) -> Tensor:
        return self._picked(self._points.face)

    @cached_property
    def upright(self) -> Tensor:
        """[n] bool, False on top and bottom faces."""
        return self._face != 2

    @cached_property
    def u(self) -> Tensor:
        """[n], like v: position on the face; v points up on upright faces."""
        return torch.where(self._face == 0, self.y, self.x)

    @cached_property
    def v(self) -> Tensor:
        return torch.where(self.upright, self.z, self.y)

    @cached_property
    def half(self) -> Tensor:
        """[3, n] half extents of the solid."""
        return self._of_solid(self._points.scenes.half)

    @cached_property
    def longest(self) -> Tensor:
        """[n] int64, axis of the solid's longest side; the first of boards as wide as long."""
        scenes = self._points.scenes
        longest = (scenes.half * scenes.half.new_tensor([1.0, 1.01, 1.02])).argmax(-1)
        return longest.flatten().index_select(0, self._solid)

    @cached_property
    def wide(self) -> Tensor:
        """[n], like high: half extents of the face."""
        return torch.where(self._face == 0, self.half[1], self.half[0])

    @cached_property
    def high(self) -> Tensor:
        return torch.where(self.upright, self.half[2], self.half[1])

    @cached_property
    def colour(self) -> Tensor:
        """[3, n], like accent: linear albedo."""
        return self._of_solid(self._points.scenes.colour)

    @cached_property
    def accent(self) -> Tensor:
        return self._of_solid(self._points.scenes.accent)

    @cached_property
    def scale(self) -> Tensor:
        """[n] the pattern's characteristic length."""
        return self._of_solid(self._points.scenes.scale[..., None])[0]

    @cached_property
    def wallpaper_scale(self) -> Tensor:
        """[n] the mean of `scale` over all points of the same picture that are on wallpaper."""
        return self._of_solid(self._points.wallpaper_scale)[0]

    @cached_property
    def glossy(self) -> Tensor:
        """[n] 0 or 1."""
        return self._of_solid(self._points.scenes.glossy[..., None])[0]

    @cached_property
    def glow(self) -> Tensor:
        """[n] how much of the light is its own."""
        return self._of_solid(self._points.scenes.glow[..., None])[0]

    @cached_property
    def light(self) -> Tensor:
        """[3, n] that arrives."""
        return torch.stack([self._picked(one) for one in self._points.light])

    @cached_property
    def distance(self) -> Tensor:
        """[n] from the camera."""
        return self._picked(self._points.distance)

    @cached_property
    def world(self) -> Tensor:
        """[21, n or 1] what is the same in a whole scene, see `SceneBatch`."""
        scenes, dtype = self._points.scenes, self.footprint.dtype
        if len(scenes) == 1:
            return scenes.world.to(dtype).T
        return columns(by_column(scenes.world[:, None], dtype), self._solid // scenes.kind.shape[1])

    @cached_property
    def seed(self) -> Tensor:
        """[n] int32; sums wrap."""
        return self._points.scenes.seed.to(torch.int32).flatten().index_select(0, self._solid)

    def cell(self, *coordinates: Tensor, salt: int = 0) -> Tensor:
        """A number in [0, 1) for each cell of each solid."""
        return cell_value(*coordinates, self.seed + salt).to(self.x.dtype)

    def trait(self, *salts: int) -> Tensor:
        """A number in [0, 1) for each solid: [n], or [S, n] for several salts."""
        seeds = self._points.scenes.seed
        found = self._of_solid(cell_value(seeds[..., None] + torch.tensor(salts, device=seeds.device)))
        return found if len(salts) > 1 else found[0]

    def grain(self, length: Tensor | float, octaves: int = 3, salt: int = 0) -> Tensor:
        return fractal2(self.u, self.v, self.seed + salt, length, self.footprint, octaves)

    def solid_grain(self, length: Tensor | float, octaves: int = 3, salt: int = 0) -> Tensor:
        return fractal3(self.x, self.y, self.z, self.seed + salt, length, self.footprint, octaves)


def mix(colour: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    return torch.lerp(colour, other, weight.clamp(0, 1))


def grey(level: float, like: Tensor, warm: float = 0.0) -> Tensor:
    return torch.tensor([level * (1 + warm), level, level * (1 - warm)], dtype=like.dtype, device=like.device)[:, None]
