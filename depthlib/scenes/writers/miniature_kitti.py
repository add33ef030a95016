"""Miniatures of KITTI's sets: two days of drives, whose images differ in size as the real ones do, at a tenth of it.

A drive is one moment with its second view and, for training, its neighbours. Lists of the miniature's own take the
place of the published ones: those of training name four drives of each day, those of tests four others.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from depthlib.data.kitti.splits import parse_raw
from depthlib.scenes.writers.frames import frames
from depthlib.scenes.writers.kitti import write_kitti_odometry, write_kitti_raw
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_annotated, write_kitti_depth
from depthlib.scenes.writers.pictures import save_lines

DAYS = {"2011_09_26": (38, 124), "2011_09_28": (37, 122)}  # a tenth of the real sizes
SELECTED = (35, 121)  # of the benchmark's cropped images
TRAIN = ("eigen_full/train", "benchmark/train", "eigen_zhou/train")
TEST = ("eigen/test", "eigen_benchmark/test")
DRIVES = {"train": 4, "test": 4}  # of a day
VIEWS = {"train": ("current", "right", "previous", "next"), "test": ("current", "right")}


def kitti(root: Path) -> None:
    """The raw data, and a list for each split that a recipe names."""
    found: dict[str, list[str]] = {split: [] for split in DRIVES}
    for date in DAYS:
        lines = write_kitti_raw(root, _day(date), date=date)
        found["train"] += lines[: DRIVES["train"]]
        found["test"] += lines[DRIVES["train"] :]
    for split, names in (("train", TRAIN), ("test", TEST)):
        for name in names:
            save_lines(root / f"{name}.txt", found[split])


def kitti_depth(root: Path) -> None:
    """Annotated depth of the same drives, and the selected images with theirs."""
    for date in DAYS:
        samples = _day(date)
        names = [f"{date}/{date}_drive_{number:04d}_sync 1 l" for number in range(1, len(samples) + 1)]
        write_kitti_annotated(root / "annotated", samples, parse_raw(names, "the miniature"))
    write_kitti_depth(root / "depth_selection", frames("streets", "val", 4, *SELECTED))


def kitti_odometry(root: Path) -> None:
    """Eleven sequences of three frames, of two sizes: nine to train on and two for tests."""
    triplets = [_day(date)[number] for number in range(DRIVES["train"]) for date in DAYS]
    write_kitti_odometry(root, [triplets[sequence % len(triplets)] for sequence in range(11)])
    save_lines(root / "odom/train.txt", [f"{sequence} 1 l" for sequence in range(9)])
    for sequence in (9, 10):  # the first of each pair of frames
        save_lines(root / f"odom/test_{sequence:02d}.txt", [f"{sequence} {first} l" for first in (0, 1)])


@functools.cache
def _day(date: str) -> list[dict[str, Any]]:
    return [
        frame
        for split, count in DRIVES.items()
        for frame in frames("streets", split, count, *DAYS[date], views=VIEWS[split])
    ]
