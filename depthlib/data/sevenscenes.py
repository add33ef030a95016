"""7-Scenes: Kinect sequences with camera-to-world poses (non-commercial research use)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from depthlib.data.dataset_base import Camera
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_numbers, require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.video import PosedVideo, VideoFrame, checked_pose

SCENES = ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs")
LISTS = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}
CAMERA: Camera = (585.0, 585.0, 320.0, 240.0)
DEPTH = Encoding("png", "uint16", "metre", scale=1000, invalid=(0, 65535), along="z", range=(0.3, 12))


class SevenScenes(PosedVideo):
    """7-Scenes: frame-000000.color.png (or .jpg), .depth.png in millimetres (0 and 65535 invalid), .pose.txt.

    Args:
        root: the folder of the scenes.
        split: "train" or "test" by the lists of each scene, or one folder of frames, such as "chess/seq-01".
        scenes: which ones; for the two lists only.
        views, spacing: see `PosedVideo`.
        camera: fx, fy, cx, cy.

    Raises:
        DataError: no such folder, a list or a file missing, or, when an item is read, a file that is not as above.
    """

    encoding = DEPTH

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        scenes: Sequence[str] = SCENES,
        views: Sequence[str] = ("current",),
        spacing: int = 1,
        camera: Camera = CAMERA,
    ) -> None:
        root = require_folder(root, "the folder of the scenes")
        sequences = [split]
        if split in LISTS:
            sequences = [f"{scene}/{name}" for scene in scenes for name in _sequences(root / scene / LISTS[split])]
        frames = [found for name in sequences for found in _frames(root, name)]
        super().__init__(root, split, frames, "frame-*.color.*", views, spacing, camera)

    def files(self, entry: VideoFrame) -> tuple[Path, ...]:
        poses = (frame.pose for frame in (entry, *self.neighbours(entry)))
        return (*super().files(entry), *poses) if self.steps else super().files(entry)

    def pose(self, entry: VideoFrame) -> Tensor:
        return checked_pose(entry.pose, torch.from_numpy(read_numbers(entry.pose, (4, 4))))


def _sequences(path: Path) -> list[str]:
    """Folders of a scene's list, whose lines say "sequence1" for seq-01."""
    lines = ["".join(line) for line in read_lines(path)]
    if wrong := [line for line in lines if not re.fullmatch(r"sequence\d+", line)]:
        raise DataError(f"{path}: found the line {wrong[0]!r}, expected 'sequence1'")
    return [f"seq-{int(line.removeprefix('sequence')):02d}" for line in lines]


def _frames(root: Path, sequence: str) -> list[VideoFrame]:
    folder = require_folder(root / sequence, "a sequence with frame-*.color.png")
    frames = []
    for image in sorted(folder.glob("frame-*.color.*")):
        stem = image.name.split(".")[0]
        number = stem.removeprefix("frame-")
        if not number.isdigit():
            raise DataError(f"{image}: found no number in the name, expected frame-000000.color.png")
        frames.append(
            VideoFrame(
                f"{sequence}/{number}",
                sequence,
                int(number),
                image,
                folder / f"{stem}.depth.png",
                folder / f"{stem}.pose.txt",
            )
        )
    return frames
