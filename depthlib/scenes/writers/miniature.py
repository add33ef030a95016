"""Miniatures of real data sets: a few small frames of the scenes in the format of each set, for a rehearsal.

A miniature is read by the same loaders as the set, through the same recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from depthlib.data import mai
from depthlib.scenes.writers import miniature_kitti
from depthlib.scenes.writers.frames import frames
from depthlib.scenes.writers.rgbd import write_diode, write_mai, write_make3d

FARTHEST_MAI = 65.0  # metres


def write_miniature(folder: Path, name: str) -> Path:
    """Write the miniature of the data set `name` into `folder`/`name`, which `DEPTHLIB_DATA` may be; returns it.

    Raises:
        ValueError: a set that has none.
    """
    if name not in MINIATURES:
        raise ValueError(f"name: found {name!r}, expected one of {', '.join(MINIATURES)}")
    MINIATURES[name](Path(folder) / name)
    return Path(folder) / name


def _mai(root: Path) -> None:
    """Frames that repeat until three of them verify; what is farther than the files can hold has no label."""
    near = [_nearer(frame, FARTHEST_MAI) for frame in frames("streets", "train", 12, 48, 64, defect_share=0.2)]
    write_mai(root, [near[number % len(near)] for number in range(2 * mai.STEP + 1)])


def _diode(root: Path) -> None:
    for kind, family in (("indoors", "rooms"), ("outdoor", "streets")):
        write_diode(root, frames(family, "test", 4, 48, 64), kind=kind)


def _make3d(root: Path) -> None:
    write_make3d(root, frames("streets", "test", 4, 112, 84))


def _nearer(frame: Mapping[str, Any], farthest: float) -> dict[str, Any]:
    return {**frame, "depth": torch.where(frame["depth"] < farthest, frame["depth"], 0)}


MINIATURES: dict[str, Callable[[Path], None]] = {
    "mai": _mai,
    "kitti": miniature_kitti.kitti,
    "kitti-depth": miniature_kitti.kitti_depth,
    "kitti-odometry": miniature_kitti.kitti_odometry,
    "diode": _diode,
    "make3d": _make3d,
}
