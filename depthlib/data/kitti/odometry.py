"""The odometry benchmark: long sequences with ground truth poses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, check_views, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import require_folder
from depthlib.data.images import read_image
from depthlib.data.kitti.calibration import read_sequence_calibration
from depthlib.data.kitti.depth import DEPTH_RANGE
from depthlib.data.kitti.poses import read_poses
from depthlib.data.kitti.raw import STEPS, VIEWS
from depthlib.data.kitti.splits import SequenceFrame, chosen_lines, parse_sequences
from depthlib.data.kitti.velodyne import Along, project_scan, read_scan
from depthlib.data.maps import checked_map


class KittiOdometry(RealDataset[SequenceFrame]):
    """Frames of the odometry sequences.

    An item: image float32 [3, H, W], K float32 [3, 3], name "09/000123/l"; with depth="velodyne" depth float32 [1, H,
    W] metres and valid bool [1, H, W]; with the view "right", of left frames only: right, baseline, T_right_current;
    with "previous" and "next": those images and, where the sequence has ground truth (00 to 10), T_previous_current and
    T_next_current.

    Args:
        root: the folder with `sequences` and `poses`.
        split: sequences such as ("09", "10"): all frames that have the neighbours asked for; or a name of the manifest
            ("odom/train"), looked up below `lists`; or the path of a list (.txt).
        lists: the folder of lists. depth: "none" or "velodyne". along: see `project_scan`.
        views: "current" and any of "right", "previous", "next".

    Raises:
        DataError: a folder, list or file is missing or wrong.
        ValueError: an argument is not one of the values above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | os.PathLike[str] | Sequence[str] = ("09", "10"),
        *,
        lists: str | os.PathLike[str] | None = None,
        depth: Literal["none", "velodyne"] = "none",
        along: Along = "velodyne-x",
        views: Sequence[str] = ("current",),
    ) -> None:
        one_of("depth", depth, ("none", "velodyne"))
        self.root = require_folder(root, "the odometry benchmark, with the folder sequences")
        self.depth, self.along, self.views = depth, along, check_views(views, VIEWS)
        self._steps = [STEPS[view] for view in self.views if view in STEPS]
        if isinstance(split, Sequence) and not isinstance(split, str):
            frames = [frame for sequence in split for frame in self._sequence_frames(sequence)]
        else:
            frames = parse_sequences(*chosen_lines("kitti-odometry", split, lists))
        if "right" in self.views and any(frame.side == "r" for frame in frames):
            raise DataError("views: found 'right' for frames of the right camera, expected frames of the left camera")
        self._poses: dict[str, Tensor | None] = {}
        for sequence in dict.fromkeys(frame.sequence for frame in frames):
            path = self.root / "poses" / f"{sequence}.txt"
            self._poses[sequence] = read_poses(path) if path.is_file() else None
        for frame in frames:  # poses of the frame and of its neighbours, if the sequence has any
            steps, poses = [frame.number + step for step in (0, *self._steps)], self._poses[frame.sequence]
            if poses is not None and not 0 <= min(steps) <= max(steps) < len(poses):
                path = self.root / "poses" / f"{frame.sequence}.txt"
                raise DataError(f"{path}: found {len(poses)} poses, expected those of frames {steps}")
        super().__init__(self.root, str(split), frames, f"split {split}")

    def _image(self, frame: SequenceFrame, step: int = 0, camera: int | None = None) -> Path:
        return (
            self.root
            / "sequences"
            / frame.sequence
            / f"image_{camera or frame.camera}"
            / f"{frame.number + step:06d}.png"
        )

    def _sequence_frames(self, sequence: str) -> list[SequenceFrame]:
        """All frames of a sequence, without the first or last one if those lack a neighbour."""
        folder = require_folder(
            self.root / "sequences" / sequence / "image_2", f"the left colour images of sequence {sequence}"
        )
        numbers = sorted(int(path.stem) for path in folder.glob("*.png"))
        there = set(numbers)
        return [SequenceFrame(sequence, n, "l") for n in numbers if all(n + step in there for step in self._steps)]

    def files(self, entry: SequenceFrame) -> tuple[Path, ...]:
        folder = self.root / "sequences" / entry.sequence
        files = [self._image(entry), folder / "calib.txt"]
        files += [self._image(entry, camera=3)] if "right" in self.views else []
        files += [self._image(entry, step) for step in self._steps]
        return (*files, folder / "velodyne" / f"{entry.number:06d}.bin") if self.depth == "velodyne" else tuple(files)

    def read(self, frame: SequenceFrame) -> dict[str, Any]:
        calibration = read_sequence_calibration(self.root / "sequences" / frame.sequence / "calib.txt")
        image = read_image(self._image(frame))
        height, width = image.shape[-2:]
        K = calibration.K(frame.camera)
        item: dict[str, Any] = {"image": image, "K": K.float(), "name": frame.name}
        if self.depth == "velodyne":
            path = self.files(frame)[-1]
            depth = project_scan(
                read_scan(path), calibration.T_camera_velo(frame.camera), K, height, width, along=self.along
            )
            item["depth"], item["valid"] = checked_map(path, depth[0], depth[0] > 0, DEPTH_RANGE)
        if "right" in self.views:
            item["right"] = read_image(self._image(frame, camera=3), (height, width))
            item["baseline"] = torch.tensor(calibration.baseline(), dtype=torch.float32)
            item["T_right_current"] = calibration.T_right_left().float()
        poses = self._poses[frame.sequence]
        for view in self.views:
            if view not in STEPS:
                continue
            item[view] = read_image(self._image(frame, STEPS[view]), (height, width))
            if poses is not None:
                # The poses are those of camera 0; the images are of camera 2 or 3.
                T = calibration.T_camera_rect0(frame.camera)
                motion = torch.linalg.inv(poses[frame.number + STEPS[view]]) @ poses[frame.number]
                item[f"T_{view}_current"] = (T @ motion @ torch.linalg.inv(T)).float()
        return item
