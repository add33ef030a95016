"""Miniatures of real data sets: a few small frames of the scenes in the format of each set, for a rehearsal.

A miniature is read by the same loaders as the set, through the same recipes. Of KITTI it has two days, whose images
differ in size as the real ones do, and a list of its own in place of the published one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from depthlib.data import mai
from depthlib.scenes.dataset import SceneDataset
from depthlib.scenes.distribution import SceneDistribution
from depthlib.scenes.writers.kitti import write_kitti_raw
from depthlib.scenes.writers.pictures import save_lines
from depthlib.scenes.writers.rgbd import write_diode, write_mai

FARTHEST_MAI = 65.0  # metres
DAYS = {"2011_09_26": (38, 124), "2011_09_28": (37, 122)}  # a tenth of the real sizes


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
    frames = [_nearer(frame, FARTHEST_MAI) for frame in _frames("streets", "train", 12, 48, 64, defect_share=0.2)]
    write_mai(root, [frames[number % len(frames)] for number in range(2 * mai.STEP + 1)])


def _kitti(root: Path) -> None:
    lines = [
        line
        for day, (height, width) in DAYS.items()
        for line in write_kitti_raw(root, _frames("streets", "test", 4, height, width), date=day)
    ]
    save_lines(root / "eigen/test.txt", lines)


def _diode(root: Path) -> None:
    for kind, family in (("indoors", "rooms"), ("outdoor", "streets")):
        write_diode(root, _frames(family, "test", 4, 48, 64), kind=kind)


def _frames(family: str, split: str, count: int, height: int, width: int, **knobs: Any) -> list[dict[str, Any]]:
    distribution = SceneDistribution(family, height=height, width=width, antialias=1, **knobs)
    frames = SceneDataset(distribution, split, count, cache=False)
    return [frames[position] for position in range(count)]


def _nearer(frame: Mapping[str, Any], farthest: float) -> dict[str, Any]:
    return {**frame, "depth": torch.where(frame["depth"] < farthest, frame["depth"], 0)}


MINIATURES: dict[str, Callable[[Path], None]] = {"mai": _mai, "kitti": _kitti, "diode": _diode}
