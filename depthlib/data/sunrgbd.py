"""SUN RGB-D: 10,335 frames of four sensors (research use; Song et al. 2015)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, frame, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines, read_numbers, require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import read_map

LISTS = {"train": "sunrgbd_training_images.txt", "test": "sunrgbd_testing_images.txt"}
FOLDERS = {"raw": "depth", "refined": "depth_bfx"}
DEPTH = Encoding("png", "uint16", "metre", scale=1000, invalid=(0,), along="z", rotate_right=3, range=(0.3, 20))


class SUNRGBD(RealDataset[tuple[Path, Path, Path]]):
    """SUN RGB-D: image, depth, valid, K, name ("kv2/kinect2data/000002_...").

    The 16 bits of a depth value are stored rotated to the left by three. The principal point of the calibration counts
    pixels from 1, as the toolbox does; K counts from 0. No crop is applied: sensors differ in size and border.

    Args:
        root: the folder that holds SUNRGBD/ and the lists.
        split: "train" (5285) or "test" (5050).
        depth: "refined" (depth_bfx: several frames fused, holes filled) or "raw".
        max_depth: metres; farther readings become invalid. (The toolbox sets everything beyond 8 m to 8 m instead.)
        list_file: the list; None takes the one of the usual name under the root.

    Raises:
        DataError: list or files are missing, or, when an item is read, a file that is not as above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        depth: str = "refined",
        max_depth: float | None = None,
        list_file: str | os.PathLike[str] | None = None,
    ) -> None:
        one_of("split", split, tuple(LISTS))
        one_of("depth", depth, tuple(FOLDERS))
        if max_depth is not None and not max_depth > 0:
            raise DataError(f"max_depth: found {max_depth!r}, expected metres > 0 or None")
        root, self.max_depth = require_folder(root, "the folder that holds SUNRGBD/"), max_depth
        path = root / LISTS[split] if list_file is None else Path(list_file)
        entries = [_entry(root / line[0], FOLDERS[depth]) for line in read_lines(path)]
        super().__init__(root, split, entries, str(path))

    def read(self, entry: tuple[Path, Path, Path]) -> dict[str, Any]:
        image, depth_file, camera = entry
        depth, valid = read_map(depth_file, DEPTH)
        if self.max_depth is not None:
            valid = valid & (depth <= self.max_depth)
            depth = torch.where(valid, depth, 0.0)
        name = image.parent.parent.relative_to(self.root).as_posix().removeprefix("SUNRGBD/")
        return frame(depth_file, name, read_image(image), (depth, valid), zero_based(read_numbers(camera, (3, 3))))


def _entry(image: Path, folder: str) -> tuple[Path, Path, Path]:
    """Image, depth and camera of a line; the depth's name is its own, but its folder holds no other PNG."""
    scene = image.parent.parent
    # `require_files` names the missing one
    depths = sorted((scene / folder).glob("*.png")) or [scene / folder / f"{image.stem}.png"]
    if len(depths) > 1:
        raise DataError(f"{scene / folder}: found {len(depths)} PNG files, expected one")
    return image, depths[0], scene / "intrinsics.txt"


def zero_based(K: np.ndarray) -> Tensor:
    """K [3,3] float32 with pixels counted from 0, of one that counts them from 1."""
    return torch.from_numpy(K - np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])).float()
