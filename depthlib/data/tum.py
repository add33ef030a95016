"""TUM RGB-D: Kinect sequences with the poses of a motion capture system (CC BY 4.0)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.data.dataset_base import Camera
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.video import PosedVideo, VideoFrame
from depthlib.geometry import make_pose, quaternion_to_matrix

# Calibrated colour cameras (only images of freiburg3 are undistorted). Depth is registered to colour.
CAMERAS: dict[str, Camera] = {
    "1": (517.3, 516.5, 318.6, 255.3),
    "2": (520.9, 521.0, 325.1, 249.7),
    "3": (535.4, 539.2, 320.1, 247.6),
}
DEPTH = Encoding("png", "uint16", "metre", scale=5000, invalid=(0,), along="z", range=(0.4, 13.1))


class TUM(PosedVideo):
    """A sequence of TUM RGB-D. Colour, depth and poses have their own clocks, so frames are paired by time.

    Args:
        root: the folder of the sequences.
        split: a sequence's folder, such as "rgbd_dataset_freiburg1_desk".
        views, spacing: see `PosedVideo`.
        associations: a list with lines "time rgb time depth", absolute or in the sequence's folder; None pairs rgb.txt
            and depth.txt by `associate`. Frames without a pose in time are left out if a view asks for poses.
        max_difference: seconds between colour and depth, and between colour and pose.
        camera: fx, fy, cx, cy; None takes those of freiburg1, 2 or 3 by the folder's name ("freiburg1" or "fr1" in it).

    Raises:
        DataError: no such sequence, a list or a file of it missing, no pair, an unknown camera.
    """

    encoding = DEPTH

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        views: Sequence[str] = ("current",),
        spacing: int = 1,
        associations: str | os.PathLike[str] | None = None,
        max_difference: float = 0.02,
        camera: Camera | None = None,
    ) -> None:
        root = require_folder(root, "the folder of the sequences")
        folder = require_folder(root / split, "a sequence")
        camera = camera or _camera_of(folder)
        self._truth = _trajectory(folder / "groundtruth.txt") if len(views) > 1 else None
        frames, source = [], folder / (associations or "rgb.txt")
        for number, (time, image, depth) in enumerate(_pairs(folder, associations, max_difference)):
            pose = None if self._truth is None else int(np.abs(self._truth[:, 0] - time).argmin())
            if pose is None or abs(self._truth[pose, 0] - time) <= max_difference:
                name = f"{split}/{Path(image).stem}"
                frames.append(VideoFrame(name, split, number, folder / image, folder / depth, pose))
        source = f"{source} (pairs at most {max_difference:g} s apart)"
        super().__init__(root, split, frames, source, views, spacing, camera)

    def pose(self, entry: VideoFrame) -> Tensor:
        row = torch.from_numpy(self._truth[entry.pose])
        return make_pose(quaternion_to_matrix(row[4:8]), row[1:4])


def associate(first: np.ndarray, second: np.ndarray, max_difference: float) -> tuple[np.ndarray, np.ndarray]:
    """Pair two lists of times one to one, the closest pairs first.

    Args:
        first, second: seconds, [N] and [M], float64.
        max_difference: seconds; pairs farther apart are not made.

    Returns:
        Positions in `first` (ascending) and `second`, [P] each.
    """
    order = np.argsort(second, kind="stable")
    start = np.searchsorted(second[order], first - max_difference, "left")
    stop = np.searchsorted(second[order], first + max_difference, "right")
    count = stop - start
    a = np.repeat(np.arange(len(first)), count)
    b = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)]
    used_a, used_b, kept = np.zeros(len(first), bool), np.zeros(len(second), bool), []
    for k in np.argsort(np.abs(first[a] - second[b]), kind="stable"):
        if not used_a[a[k]] and not used_b[b[k]]:
            used_a[a[k]] = used_b[b[k]] = True
            kept.append(k)
    kept = np.array(sorted(kept), dtype=np.int64)
    return a[kept], b[kept]


def _pairs(
    folder: Path, associations: str | os.PathLike[str] | None, max_difference: float
) -> list[tuple[float, str, str]]:
    """(time of the colour frame, its file, the depth's file)."""
    if associations is not None:
        lines = read_lines(folder / associations, fields=4)
        times = _times(folder / associations, [line[0] for line in lines])
        return [(time, line[1], line[3]) for time, line in zip(times.tolist(), lines, strict=True)]
    lists = {name: read_lines(folder / name, fields=2) for name in ("rgb.txt", "depth.txt")}
    times = {name: _times(folder / name, [line[0] for line in lines]) for name, lines in lists.items()}
    chosen = associate(times["rgb.txt"], times["depth.txt"], max_difference)
    return [
        (float(times["rgb.txt"][a]), lists["rgb.txt"][a][1], lists["depth.txt"][b][1])
        for a, b in zip(*chosen, strict=True)
    ]


def _times(path: Path, values: list[str]) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path}: found a time that is not a number ({error}), expected seconds") from None


def _trajectory(path: Path) -> np.ndarray:
    """[N, 8]: time, translation, quaternion x y z w."""
    lines = read_lines(path, fields=8)
    rows = np.array([_times(path, line[:8]) for line in lines])
    norms = np.linalg.norm(rows[:, 4:8], axis=1)
    if not np.isfinite(rows).all() or np.abs(norms - 1).max() > 0.01:
        found = f"a quaternion of length {norms[np.abs(norms - 1).argmax()]:g}"
        raise DataError(f"{path}: found {found}, expected 'time tx ty tz qx qy qz qw' with unit quaternions")
    return rows


def _camera_of(folder: Path) -> Camera:
    found = re.search(r"(?:freiburg|fr)([123])(?!\d)", folder.resolve().name)
    if found is None:
        raise DataError(f"{folder}: found no freiburg1, 2 or 3 in the name, expected one (or give `camera`)")
    return CAMERAS[found[1]]
