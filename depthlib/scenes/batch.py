"""Scenes as tensors: the solids of several scenes side by side, padded to the same number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from depthlib.scenes.solids import Camera, Scene, Solid

BOX, ROUND, PADDING = 0, 1, 2


@dataclass(frozen=True)
class SceneBatch:
    """B scenes of at most P solids and L lights. Floating tensors are float64 until `to` casts them.

    Attributes:
        kind: [B, P] BOX, ROUND or PADDING.
        centre, half: [B, P, 3] metres. axes: [B, P, 3, 3], rows are local unit vectors in the world.
        profile: [B, P, 3] c0, c1, c2 of solids of revolution.
        label, instance, pattern, seed: [B, P] int64.
        colour, accent: [B, P, 3]; scale, glossy, glow: [B, P].
        lights: [B, L, 8] position, radius, colour, reach.
        world: [B, 21] ambient up (3), ambient down (3), haze (3), haze length, zenith (3), clouds, exposure,
            corner (3), opposite corner (3).
        sky_seed: [B] int64.
    """

    kind: Tensor
    centre: Tensor
    half: Tensor
    axes: Tensor
    profile: Tensor
    label: Tensor
    instance: Tensor
    pattern: Tensor
    seed: Tensor
    colour: Tensor
    accent: Tensor
    scale: Tensor
    glossy: Tensor
    glow: Tensor
    lights: Tensor
    world: Tensor
    sky_seed: Tensor

    def __len__(self) -> int:
        return self.kind.shape[0]

    def __getitem__(self, part: slice) -> SceneBatch:
        return SceneBatch(*(getattr(self, field.name)[part] for field in fields(self)))

    def to(self, device: torch.device | str) -> SceneBatch:
        return SceneBatch(*(getattr(self, field.name).to(device) for field in fields(self)))

    @cached_property
    def frame(self) -> Tensor:
        """[B, P, 3, 4] from points in the world to the solid's own frame."""
        return torch.cat([self.axes, -(self.axes @ self.centre[..., None])], -1)

    @cached_property
    def unit_frame(self) -> Tensor:
        """[B, P, 3, 4], the same with the half extents as units of length."""
        unit = self.axes / self.half[..., None]
        return torch.cat([unit, -(unit @ self.centre[..., None])], -1)


def pack(scenes: Sequence[Scene]) -> SceneBatch:
    """Put scenes side by side on the CPU, in float64."""
    counts = np.array([len(scene.solids) for scene in scenes])
    filled = np.arange(counts.max()) < counts[:, None]
    every = [solid for scene in scenes for solid in scene.solids]
    kinds = np.full(filled.shape, PADDING)
    kinds[filled] = [BOX if s.profile is None else ROUND for s in every]
    solids = np.zeros((*filled.shape, 27))
    solids[..., 6:15] = np.eye(3).ravel()  # padding: harmless unit boxes that no ray is tested against
    solids[..., 3:6] = 1.0
    solids[filled] = np.fromiter(chain.from_iterable(map(_numbers, every)), np.float64, 27 * len(every)).reshape(-1, 27)
    whole = np.zeros((*filled.shape, 4), dtype=np.int64)
    whole[filled] = [(s.label, s.instance, s.material.pattern, s.material.seed) for s in every]
    lamps = np.zeros((len(scenes), max(len(scene.lights) for scene in scenes), 8))
    lamps[..., 3] = lamps[..., 7] = 1.0  # padding: lights without colour
    world = np.zeros((len(scenes), 21))
    for i, scene in enumerate(scenes):
        for j, lamp in enumerate(scene.lights):
            lamps[i, j] = (*lamp.position, lamp.radius, *lamp.colour, lamp.reach)
        world[i] = (
            *scene.ambient_up,
            *scene.ambient_down,
            *scene.haze,
            scene.haze_length,
            *scene.zenith,
            scene.clouds,
            scene.exposure,
            *scene.corner,
            *scene.opposite,
        )
    real, integer = torch.from_numpy(solids), torch.from_numpy(whole)
    return SceneBatch(
        kind=torch.from_numpy(kinds),
        centre=real[..., 0:3],
        half=real[..., 3:6],
        axes=real[..., 6:15].unflatten(-1, (3, 3)),
        profile=real[..., 15:18],
        label=integer[..., 0],
        instance=integer[..., 1],
        pattern=integer[..., 2],
        seed=integer[..., 3],
        colour=real[..., 18:21],
        accent=real[..., 21:24],
        scale=real[..., 24],
        glossy=real[..., 25],
        glow=real[..., 26],
        lights=torch.from_numpy(lamps),
        world=torch.from_numpy(world),
        sky_seed=torch.tensor([scene.seed % 2**31 for scene in scenes]),
    )


def _numbers(s: Solid) -> tuple[float, ...]:
    m = s.material
    return (
        *s.centre,
        *s.half,
        *s.axes[0],
        *s.axes[1],
        *s.axes[2],
        *(s.profile or (0, 0, 0)),
        *m.colour,
        *m.accent,
        m.scale,
        m.glossy,
        m.glow,
    )


def camera_tensors(cameras: Sequence[Camera]) -> tuple[Tensor, Tensor]:
    """Positions [B, 3] and rotations [B, 3, 3] (world to camera) in float64."""
    return (
        torch.tensor([camera.position for camera in cameras], dtype=torch.float64),
        torch.tensor([camera.axes for camera in cameras], dtype=torch.float64),
    )


def pose_between(target: Camera, source: Camera) -> np.ndarray:
    """T_target_source [4, 4] float64: maps points of the source camera into the target camera."""
    rotation_t, rotation_s = np.array(target.axes), np.array(source.axes)
    pose = np.eye(4)
    pose[:3, :3] = rotation_t @ rotation_s.T
    pose[:3, 3] = rotation_t @ (np.array(source.position) - np.array(target.position))
    return pose
