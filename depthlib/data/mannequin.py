"""Mannequin Challenge: people who hold still, filmed by a moving camera (CC BY 4.0; Li et al. 2019).

Only the cameras of the clips are published; images must be taken from the videos, and depth from multi-view stereo. The
loader reads such a reconstruction, one .npz or .h5 file per frame.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.base.text import one_line
from depthlib.data.dataset_base import RealDataset, frame, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, read_text, require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.maps import decoded
from depthlib.data.video import checked_pose

KEYS = ("rgb", "depth", "mask")
# The scale of a reconstruction is arbitrary, so any positive number is plausible.
DEPTH = Encoding(
    "npz",
    "float32",
    "metre",
    scale=1,
    invalid=(0,),
    along="z",
    range=(1e-6, 1e6),
    key="depth",
    note="up to one factor a clip",
)


@dataclass(frozen=True)
class Clip:
    """Cameras of a clip.

    Attributes:
        url: the video.
        times: int64 [N], microseconds.
        cameras: float64 [N,4], fx, fy, cx, cy as shares of the picture's width and height.
        T_camera_world: float64 [N,4,4].
    """

    url: str
    times: np.ndarray
    cameras: np.ndarray
    T_camera_world: Tensor

    def intrinsics(self, index: int, height: int, width: int) -> Tensor:
        """K [3,3] float32 in pixels, centres at integers: 0.5 of the width is the middle, (W - 1) / 2."""
        fx, fy, cx, cy = self.cameras[index].tolist()
        return pinhole((fx * width, fy * height, cx * width - 0.5, cy * height - 0.5))


class Mannequin(RealDataset[Path]):
    """Mannequin Challenge: image, depth, valid, name ("<clip>/<time in microseconds>"), and K where the clips' cameras
    exist.

    Args:
        root: the folder with <split>/<clip>/<time>.npz (or .h5): rgb uint8 [H,W,3], depth float32 [H,W], mask [H,W],
            true or 1 where the depth is valid; and with <split>/<clip>.txt, the published cameras, for all clips or
            none.
        split: "train", "validation" or "test".
        median_one: divide depth by its median over the valid pixels, since its scale is arbitrary.

    Raises:
        DataError: files are missing, or, when an item is read, a file that is not as above.
    """

    def __init__(self, root: str | os.PathLike[str], split: str, *, median_one: bool = True) -> None:
        one_of("split", split, ("train", "validation", "test"))
        root, self.median_one = require_folder(root, "the folder with train/, validation/ and test/"), median_one
        folder = require_folder(root / split, "the folder of the clips")
        paths = sorted(path for path in folder.glob("*/*") if path.suffix in (".npz", ".h5"))
        self._with_cameras = any(folder.glob("*.txt"))
        self._clips: dict[Path, Clip] = {}
        super().__init__(root, split, paths, f"{split}/*/*.npz and .h5")

    def files(self, entry: Path) -> tuple[Path, ...]:
        return (entry, _camera_file(entry)) if self._with_cameras else (entry,)

    def read(self, entry: Path) -> dict[str, Any]:
        rgb, depth, mask = read_arrays(entry, *KEYS)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
            raise DataError(f"{entry}: found rgb {list(rgb.shape)} of {rgb.dtype}, expected [H, W, 3] of uint8")
        if not np.isin(mask, (0, 1)).all():
            raise DataError(f"{entry}: found other values than 0 and 1 in mask, expected a mask")
        image = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1), dtype=np.float32) / 255)
        metric, valid = decoded(entry, depth, DEPTH, mask == 1)
        if self.median_one:
            metric = metric / metric[valid].median()
        K = self._intrinsics(entry, *image.shape[-2:]) if self._with_cameras else None
        return frame(entry, f"{entry.parent.name}/{entry.stem}", image, (metric, valid), K)

    def _intrinsics(self, entry: Path, height: int, width: int) -> Tensor:
        path = _camera_file(entry)
        if path not in self._clips:
            self._clips[path] = read_clip(path)
        clip = self._clips[path]
        index = np.flatnonzero(clip.times == int(entry.stem)) if entry.stem.isdigit() else np.empty(0)
        if index.size != 1:
            raise DataError(f"{entry}: found {index.size} frames of time {entry.stem} in {path.name}, expected one")
        return clip.intrinsics(int(index[0]), height, width)


def _camera_file(entry: Path) -> Path:
    return entry.parent.with_name(f"{entry.parent.name}.txt")


def read_clip(path: Path) -> Clip:
    """The published cameras of a clip: the video's address, then a line of 19 numbers for each frame.

    They are: time in microseconds, fx fy cx cy (shares of the picture's size), two zeros, and the 3 x 4 matrix that
    maps the world into the camera, row by row.

    Raises:
        DataError: missing, no address, lines without 19 numbers, or a matrix that is no rigid motion.
    """
    url, *lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if "://" not in url or not lines:
        raise DataError(
            f"{path}: found {url[:40]!r} and {len(lines)} lines, expected the video's address and a line a frame"
        )
    try:
        rows = np.array([line.split() for line in lines], dtype=np.float64)
        times = np.array([line.split()[0] for line in lines], dtype=np.int64)
    except ValueError as error:
        raise DataError(f"{path}: found a line that is not 19 numbers ({one_line(error)})") from None
    if rows.ndim != 2 or rows.shape[1] != 19 or not np.isfinite(rows).all():
        raise DataError(f"{path}: found lines of {rows.shape[-1]} numbers, expected 19 finite ones")
    poses = torch.eye(4, dtype=torch.float64).repeat(len(rows), 1, 1)
    poses[:, :3] = torch.from_numpy(rows[:, 7:]).reshape(-1, 3, 4)
    for pose in poses:
        checked_pose(path, pose)
    return Clip(url, times, rows[:, 1:5], poses)
