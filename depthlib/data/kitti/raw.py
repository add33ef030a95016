"""KITTI's raw data: frames of a list with laser or annotated depth, the stereo partner, neighbours and their poses."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.data.dataset_base import check_views, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import fingerprint, require_folder, require_size
from depthlib.data.images import read_image
from depthlib.data.kitti.calibration import Calibration, read_raw_calibration
from depthlib.data.kitti.depth import DEPTH_RANGE, annotated_candidates, read_annotated
from depthlib.data.kitti.poses import oxts_pose, read_oxts
from depthlib.data.kitti.splits import RawFrame, chosen_lines, parse_raw, parse_static, without_static
from depthlib.data.kitti.velodyne import Along, Pixels, project_scan, read_projected, read_scan
from depthlib.data.maps import checked_map

Depth = Literal["velodyne", "annotated", "projected", "none"]
VIEWS = ("current", "right", "previous", "next")
STEPS = {"previous": -1, "next": 1}


class KittiRaw(Dataset):
    """Frames of the raw data ("synced+rectified").

    An item is a dictionary: image float32 [3, H, W] in [0, 1] (sizes differ between days), K float32 [3, 3], name
    "drive/number/side"; unless `depth` is "none", depth float32 [1, H, W] in metres (0 invalid) and valid bool [1, H,
    W]. With the view "right", of left frames only: right, baseline float32 scalar in metres and T_right_current [4, 4]
    (the cameras differ by a few millimetres along y as well). With "previous" and "next": those images; with `poses`
    also T_previous_current and T_next_current, float32 [4, 4], from GPS/IMU.

    Args:
        root: the folder with the days, "2011_09_26" and so on.
        split: a name of the manifest ("eigen_zhou/train", "eigen/test"), looked up below `lists` and checked against
            its count and sha256; or the path of a list (.txt); or the frames themselves (`drive_frames` gives those of
            a drive).
        lists: the folder of lists.
        depth: "velodyne" projects the scans; "annotated" reads the depth benchmark's maps below `annotated`;
            "projected" reads stored projections (proj_depth/velodyne/*.npz, camera z); "none".
        along, pixels: see `project_scan`; for "velodyne" only.
        views: "current" and any of "right", "previous", "next".
        poses: give the motion to the neighbours, from oxts.
        sides: "both", "left" or "right": which frames of the list to keep.
        static: a list of static frames to leave out: a path, or "static" for the one below `lists`; `static_removed`
            counts them.
        missing: "error" raises for the first entry of which a file is absent; "skip" leaves them out, named in
            `skipped`.

    Raises:
        DataError: a folder, a list or a file of an entry is missing; of an item: whatever is wrong with its files.
        ValueError: an argument is not one of the values above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | os.PathLike[str] | Sequence[RawFrame] = "eigen_zhou/train",
        *,
        lists: str | os.PathLike[str] | None = None,
        depth: Depth = "velodyne",
        along: Along = "velodyne-x",
        pixels: Pixels = "matlab",
        views: Sequence[str] = ("current",),
        poses: bool = False,
        sides: Literal["both", "left", "right"] = "both",
        annotated: str | os.PathLike[str] | None = None,
        static: str | os.PathLike[str] | None = None,
        missing: Literal["error", "skip"] = "error",
    ) -> None:
        one_of("depth", depth, get_args(Depth))
        one_of("sides", sides, ("both", "left", "right"))
        one_of("missing", missing, ("error", "skip"))
        self.views = check_views(views, VIEWS)
        if (depth == "annotated") != (annotated is not None):
            wanted = "the folder of annotated depth just for 'annotated'"
            raise DataError(f"annotated: found {annotated!r} for depth={depth!r}, expected {wanted}")
        self.root = require_folder(root, "the raw data of KITTI, with folders such as 2011_09_26")
        self.annotated = (
            None if annotated is None else require_folder(annotated, "annotated depth, with folders train and val")
        )
        self.depth, self.along, self.pixels, self.poses = depth, along, pixels, poses
        if isinstance(split, Sequence) and not isinstance(split, str):
            frames = list(split)
        else:
            frames = parse_raw(*chosen_lines("kitti", split, lists))
        frames = [frame for frame in frames if sides == "both" or frame.side == sides[0]]
        if "right" in self.views and any(frame.side == "r" for frame in frames):
            raise DataError("views: found 'right' for frames of the right camera, expected sides='left'")
        moving = (
            frames if static is None else without_static(frames, parse_static(*chosen_lines("kitti", static, lists)))
        )
        self.static_removed = len(frames) - len(moving)
        self._calibrations: dict[str, Calibration] = {}
        self.frames: list[RawFrame] = []
        self.skipped: list[str] = []
        names = functools.cache(_names)  # lists each folder once instead of testing each file
        for frame in moving:
            absent = [
                choices[0]
                for choices in self._needed(frame)
                if not any(path.name in names(path.parent) for path in choices)
            ]
            if not absent:
                self.frames.append(frame)
            elif missing == "skip":
                self.skipped.append(frame.name)
            else:
                wanted = f"one for the entry {frame.name} (missing='skip' leaves such entries out)"
                raise DataError(f"{absent[0]}: no such file, expected {wanted}")
        if not self.frames:
            raise DataError(f"{self.root}: found no frame of the split ({len(moving)} entries), expected at least one")

    def __len__(self) -> int:
        return len(self.frames)

    def _calibration(self, date: str) -> Calibration:
        if date not in self._calibrations:
            self._calibrations[date] = read_raw_calibration(self.root / date)
        return self._calibrations[date]

    def _drive(self, frame: RawFrame) -> Path:
        return self.root / frame.date / frame.drive

    def _image(self, frame: RawFrame, step: int = 0, camera: int | None = None) -> list[Path]:
        folder = self._drive(frame) / f"image_{camera or frame.camera:02d}" / "data"
        return [folder / f"{frame.number + step:010d}.{suffix}" for suffix in ("png", "jpg")]

    def _depth_files(self, frame: RawFrame) -> list[Path]:
        if self.depth == "velodyne":
            return [self._drive(frame) / "velodyne_points" / "data" / f"{frame.number:010d}.bin"]
        if self.depth == "projected":
            return [
                self._drive(frame)
                / "proj_depth"
                / "velodyne"
                / f"image_{frame.camera:02d}"
                / f"{frame.number:010d}.npz"
            ]
        assert self.annotated is not None
        return annotated_candidates(self.annotated, frame)

    def _oxts(self, frame: RawFrame, step: int) -> Path:
        return self._drive(frame) / "oxts" / "data" / f"{frame.number + step:010d}.txt"

    def _needed(self, frame: RawFrame) -> Iterator[list[Path]]:
        """For each file of an entry its possible paths."""
        yield self._image(frame)
        if "right" in self.views:
            yield self._image(frame, camera=3)
        steps = [STEPS[view] for view in self.views if view in STEPS]
        yield from (self._image(frame, step) for step in steps)
        if self.poses:
            yield from ([self._oxts(frame, step)] for step in (0, *steps))
        if self.depth != "none":
            yield self._depth_files(frame)

    def __getitem__(self, position: int) -> dict[str, Any]:
        frame = self.frames[position]
        calibration = self._calibration(frame.date)
        path = _found(self._image(frame))
        image = read_image(path)
        height, width = image.shape[-2:]
        calibration.check_size(frame.camera, height, width, path)
        item: dict[str, Any] = {"image": image, "K": calibration.K(frame.camera).float(), "name": frame.name}
        if self.depth != "none":
            item["depth"], item["valid"] = self._read_depth(frame, calibration, height, width)
        if "right" in self.views:
            item["right"] = read_image(_found(self._image(frame, camera=3)), (height, width))
            item["baseline"] = torch.tensor(calibration.baseline(), dtype=torch.float32)
            item["T_right_current"] = calibration.T_right_left().float()
        for view in self.views:
            if view in STEPS:
                item[view] = read_image(_found(self._image(frame, STEPS[view])), (height, width))
                if self.poses:
                    item[f"T_{view}_current"] = self._motion(frame, STEPS[view], calibration).float()
        return item

    def _read_depth(self, frame: RawFrame, calibration: Calibration, height: int, width: int) -> tuple[Tensor, Tensor]:
        path = _found(self._depth_files(frame))
        if self.depth == "annotated":
            return read_annotated(path, (height, width))
        if self.depth == "projected":
            depth = read_projected(path)
            require_size(path, depth.shape[-2:], (height, width))
        else:
            pose, K = calibration.T_camera_velo(frame.camera), calibration.K(frame.camera)
            depth = project_scan(read_scan(path), pose, K, height, width, along=self.along, pixels=self.pixels)
        return checked_map(path, depth[0], depth[0] > 0, DEPTH_RANGE)

    def _motion(self, frame: RawFrame, step: int, calibration: Calibration) -> Tensor:
        """T_neighbour_current of the cameras, [4, 4] float64."""
        current, neighbour = (read_oxts(self._oxts(frame, s)) for s in (0, step))
        latitude = current[0].item()
        T_camera_imu = calibration.T_camera_imu(frame.camera)
        T_neighbour_current = torch.linalg.inv(oxts_pose(neighbour, latitude)) @ oxts_pose(current, latitude)
        return T_camera_imu @ T_neighbour_current @ torch.linalg.inv(T_camera_imu)

    def fingerprint(self) -> str:
        """SHA-256 of the names and sizes of all files of the items, and of the options."""
        note = f"KittiRaw {self.depth} {self.along} {self.pixels} {self.views} {self.poses}"
        files = (_found(choices) for frame in self.frames for choices in self._needed(frame))
        return fingerprint(self.root, files, note)


def drive_frames(root: str | os.PathLike[str], drive: str, side: str = "l") -> list[RawFrame]:
    """Every frame of a drive whose image exists, in order.

    Raises:
        DataError: no such drive, or no image in it.
    """
    probe = RawFrame(drive, 0, side)
    folder = require_folder(
        Path(root) / probe.date / drive / f"image_{probe.camera:02d}" / "data", f"the images of {drive}"
    )
    numbers = sorted(
        {int(path.stem) for path in folder.iterdir() if path.suffix in (".png", ".jpg") and path.stem.isdigit()}
    )
    if not numbers:
        raise DataError(f"{folder}: found no image, expected 0000000000.png and so on")
    return [RawFrame(drive, number, side) for number in numbers]


def _found(choices: list[Path]) -> Path:
    """The first path that exists, or the first of all: the reader reports that it is missing."""
    return next((path for path in choices if path.exists()), choices[0])


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()
