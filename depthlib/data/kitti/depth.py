"""The depth benchmark: annotated (semi-dense) maps, the cropped selection with its images, and the test images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_colour, read_map, read_text, require_folder
from depthlib.data.kitti.splits import RawFrame
from depthlib.data.manifest import Encoding

DEPTH_RANGE = (0.5, 130.0)
ANNOTATED = Encoding("png", "uint16", "metre", scale=256, invalid=(0,), along="z", range=DEPTH_RANGE)
SPLITS = {"val": "val_selection_cropped", "test": "test_depth_prediction_anonymous"}


def annotated_candidates(root: Path, frame: RawFrame) -> list[Path]:
    """Possible paths of the annotated map of a frame: below train or val, the benchmark's division of the drives."""
    return [root / part / frame.drive / "proj_depth" / "groundtruth" / f"image_{frame.camera:02d}" / f"{frame.number:010d}.png"
            for part in ("train", "val")]


def read_annotated(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A depth PNG of the benchmark: 16 bits, value / 256 metres along the camera's z, 0 invalid.

    Returns:
        depth float32 [1, H, W] metres; valid bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, cut off, another `size`, empty, or implausible depths.
    """
    return read_map(path, ANNOTATED, size)


class KittiDepth(RealDataset[str]):
    """The depth benchmark's "depth_selection": images cropped to 1216 x 352 with their intrinsics.

    An item: image float32 [3, H, W], K float32 [3, 3], name (of the file); for "val" also depth float32 [1, H, W]
    metres and valid bool [1, H, W].

    Args:
        root: the folder "depth_selection".
        split: "val" (1000 frames with ground truth) or "test" (500 without; see `depthlib.data.kitti.submission`).

    Raises:
        DataError: another split; a folder or file is missing; of an item: whatever is wrong with its files.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "val") -> None:
        one_of("split", split, tuple(SPLITS))
        folder = require_folder(Path(root) / SPLITS[split], f"the images of {SPLITS[split]}")
        super().__init__(folder, split, sorted(path.stem for path in (folder / "image").glob("*.png")), "image/*.png")

    def files(self, entry: str) -> tuple[Path, ...]:
        files = (self.root / "image" / f"{entry}.png", self.root / "intrinsics" / f"{entry}.txt")
        truth = self.root / "groundtruth_depth" / f"{entry.replace('_image_', '_groundtruth_depth_', 1)}.png"
        return (*files, truth) if self.split == "val" else files

    def read(self, entry: str) -> dict[str, Any]:
        files = self.files(entry)
        image = read_colour(files[0])
        item: dict[str, Any] = {"image": image, "K": read_intrinsics(files[1]), "name": entry}
        if self.split == "val":
            item["depth"], item["valid"] = read_annotated(files[2], (image.shape[1], image.shape[2]))
        return item


def read_intrinsics(path: Path) -> Tensor:
    """Nine numbers, row by row: K float32 [3, 3] pixels.

    Raises:
        DataError: missing, or not the intrinsics of a camera.
    """
    try:
        K = torch.tensor([float(text) for text in read_text(path).split()])
    except ValueError:
        raise DataError(f"{path}: found text, expected nine numbers") from None
    if K.numel() != 9 or not (float(K[0]) > 0 and float(K[4]) > 0 and K[6:].tolist() == [0, 0, 1]):
        raise DataError(f"{path}: found {K.tolist()}, expected the nine numbers of [fx 0 cx; 0 fy cy; 0 0 1]")
    return K.reshape(3, 3)
