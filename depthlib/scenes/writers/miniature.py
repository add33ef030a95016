"""Miniatures of real data sets: a few small frames of the scenes in the format of each set, for a rehearsal.

A miniature is read by the same loaders as the set, through the same recipes. Frames of NYU have their real size, by
which protocols know where their border lies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from depthlib.base.labels import IGNORE
from depthlib.data import mai
from depthlib.data.transforms.resize import nearest
from depthlib.scenes.writers import miniature_kitti
from depthlib.scenes.writers.frames import frames
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_stereo2015
from depthlib.scenes.writers.nyu import write_nyu, write_nyu48k
from depthlib.scenes.writers.relative import write_diw, write_mannequin, write_redweb
from depthlib.scenes.writers.rgbd import write_diode, write_mai, write_make3d, write_sunrgbd

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


def _nyu(root: Path) -> None:
    """12 frames to train and 3 to test, with holes in the depth; in a corner the classes are not known, either."""
    parts = []
    for split, count in (("train", 12), ("test", 3)):
        large = [_enlarged(frame, 4) for frame in frames("rooms", split, count, 120, 160, defect_share=0.1)]
        for frame in large:
            frame["semantics"][:80, :120] = IGNORE
        parts.append(large)
    write_nyu(root, *parts)


def _nyu48k(root: Path) -> None:
    for split, part, count in (("train", "train", 12), ("test", "val", 3)):
        small = frames("rooms", split, count, 120, 160, defect_share=0.1)
        write_nyu48k(root, [_enlarged(frame, 4) for frame in small], part)


def _mannequin(root: Path) -> None:
    """Clips of two cameras, their depth in a unit of its own."""
    for split, count in (("train", 6), ("test", 2)):
        write_mannequin(root, _two_sizes("rooms", split, count, defect_share=0.3), split, scale=0.37)


def _redweb(root: Path) -> None:
    write_redweb(root, _two_sizes("streets", "train", 6))


def _diw(root: Path) -> None:
    for split, count in (("train", 6), ("val", 2), ("test", 2)):
        write_diw(root, _two_sizes("rooms", split, count, depth_tail=2.0), split)


def _kitti_stereo2015(root: Path) -> None:
    seen = {"views": ("current", "right"), "extras": ("disparity",)}
    sizes = miniature_kitti.DAYS.values()
    write_kitti_stereo2015(root, [one for size in sizes for one in frames("streets", "train", 6, *size, **seen)])


def _sunrgbd(root: Path) -> None:
    """Of two sensors."""
    write_sunrgbd(root, _two_sizes("rooms", "test", 2), "test")


def _two_sizes(family: str, split: str, count: int, **knobs: Any) -> list[dict[str, Any]]:
    """`count` frames of each of two sizes, wide and upright, whose names differ."""
    return [
        {**frame, "name": f"{frame['name']}-{height}"}
        for height, width in ((72, 96), (96, 80))
        for frame in frames(family, split, count, height, width, **knobs)
    ]


def _enlarged(frame: Mapping[str, Any], times: int) -> dict[str, Any]:
    """Every pixel as a square of `times` x `times`."""
    maps = ("image", "depth", "valid", "semantics")
    size = tuple(times * side for side in frame["image"].shape[-2:])
    return {**frame, **{name: nearest(frame[name], size) for name in maps}}  # type: ignore[arg-type]


def _nearer(frame: Mapping[str, Any], farthest: float) -> dict[str, Any]:
    return {**frame, "depth": torch.where(frame["depth"] < farthest, frame["depth"], 0)}


MINIATURES: dict[str, Callable[[Path], None]] = {
    "mai": _mai,
    "kitti": miniature_kitti.kitti,
    "kitti-depth": miniature_kitti.kitti_depth,
    "kitti-odometry": miniature_kitti.kitti_odometry,
    "diode": _diode,
    "make3d": _make3d,
    "nyu": _nyu,
    "sunrgbd": _sunrgbd,
    "kitti-stereo2015": _kitti_stereo2015,
    "nyu48k": _nyu48k,
    "mannequin": _mannequin,
    "redweb": _redweb,
    "diw": _diw,
}
