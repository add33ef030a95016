"""RGB-D video with camera poses: items with the previous and next view, as in the scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.data.dataset_base import Camera, RealDataset, check_views, frame, pinhole
from depthlib.data.errors import DataError
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import read_map

VIEWS = ("current", "previous", "next")


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a sequence.

    Attributes:
        sequence, number: frames of a sequence follow one another if their numbers do.
        pose: source of T_world_camera, for the data set's own `pose` method.
    """

    name: str
    sequence: str
    number: int
    image: Path
    depth: Path
    pose: Any


class PosedVideo(RealDataset[VideoFrame]):
    """Frames for which all requested views exist. Subclasses read poses and state the depth's encoding.

    Items: image, depth, valid, K, name; with the views "previous" and "next" those images and T_previous_current,
    T_next_current, float32 [4,4], which map points of the current camera into the other one.
    """

    encoding: Encoding

    def __init__(
        self,
        root: Path,
        split: str,
        frames: Sequence[VideoFrame],
        source: str,
        views: Sequence[str],
        spacing: int,
        camera: Camera,
    ) -> None:
        """`views`: "current" and any of "previous", "next"; `spacing`: their distance in frames; `camera`: of all."""
        views = check_views(views, VIEWS)
        if isinstance(spacing, bool) or not isinstance(spacing, int) or spacing < 1:
            raise DataError(f"spacing: found {spacing!r}, expected a number of frames of at least 1")
        self._K = pinhole(camera)
        self.steps = {view: spacing * step for view, step in (("previous", -1), ("next", 1)) if view in views}
        self._frames = {(frame.sequence, frame.number): frame for frame in frames}
        whole = [
            frame
            for frame in frames
            if all((frame.sequence, frame.number + step) in self._frames for step in self.steps.values())
        ]
        super().__init__(root, split, whole, source)

    def pose(self, entry: VideoFrame) -> Tensor:
        """T_world_camera [4,4] float64."""
        raise NotImplementedError

    def neighbours(self, entry: VideoFrame) -> list[VideoFrame]:
        """The frames of the other views, previous before next."""
        return [self._frames[entry.sequence, entry.number + step] for step in self.steps.values()]

    def files(self, entry: VideoFrame) -> tuple[Path, ...]:
        return (entry.image, entry.depth, *(other.image for other in self.neighbours(entry)))

    def read(self, entry: VideoFrame) -> dict[str, Any]:
        item = frame(entry.depth, entry.name, read_image(entry.image), read_map(entry.depth, self.encoding), self._K)
        size = tuple(item["image"].shape[-2:])
        for view, other in zip(self.steps, self.neighbours(entry), strict=True):
            item[view] = read_image(other.image, size)
            item[f"T_{view}_current"] = (torch.linalg.inv(self.pose(other)) @ self.pose(entry)).float()
        return item


def checked_pose(path: Path, pose: Tensor) -> Tensor:
    """`pose` [4,4] if it is a rigid motion (files round to a few digits, so to within 0.01), else DataError."""
    rotation = pose[:3, :3]
    off = float((rotation @ rotation.T - torch.eye(3, dtype=pose.dtype)).abs().max())
    bottom = pose[3].tolist()
    if not off < 0.01 or float(torch.linalg.det(rotation)) < 0 or bottom != [0, 0, 0, 1]:
        found = f"a pose whose rotation is off by {off:.2g} and whose last row is {bottom}"
        raise DataError(f"{path}: found {found}, expected a rotation and 0 0 0 1 (transposed?)")
    return pose
