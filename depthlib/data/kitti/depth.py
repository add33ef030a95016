"""The depth benchmark: annotated (semi-dense) maps, the cropped selection with its images, and the test images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_numbers, require_folder
from depthlib.data.images import read_image
from depthlib.data.kitti.splits import RawFrame
from depthlib.data.manifest import Encoding
from depthlib.data.maps import read_map

DEPTH_RANGE = (0.5, 130.0)
ANNOTATED = Encoding("png", "uint16", "metre", scale=256, invalid=(0,), along="z", range=DEPTH_RANGE)
SPLITS = {"val": "val_selection_cropped", "test": "test_depth_prediction_anonymous"}


def annotated_candidates(root: Path, frame: RawFrame) -> list[Path]:
    """Possible paths of the annotated map of a frame: below train or val, the benchmark's division of the drives."""
    return [
        root
        / part
        / frame.drive
        / "proj_depth"
        / "groundtruth"
        / f"image_{frame.camera:02d}"
        / f"{frame.number:010d}.png"
        for part in ("train", "val")
    ]


def read_annotated(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A depth PNG of the benchmark: 16 bits, value / 256 metres along the camera's z, 0 invalid.

    Returns:
        depth float32 [1, H, W] metres; valid bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, cut off, another `size`, empty, or implausible depths.
    """
    return read_map(path, ANNOTATED, size)


class KittiDepth(RealDataset[tuple[Path, ...]]):
    """The depth benchmark's "depth_selection": images cropped to 1216 x 352 with their intrinsics.

    An item: image float32 [3, H, W], K float32 [3, 3], name (of the file); for "val" also depth float32 [1, H, W]
    metres and valid bool [1, H, W].

    Args:
        root: the folder "depth_selection", or the one that holds it.
        split: "val" (1000 frames with ground truth) or "test" (500 without; see `depthlib.data.kitti.submission`).

    Raises:
        DataError: another split; a folder or file is missing; of an item: whatever is wrong with its files.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "val") -> None:
        one_of("split", split, tuple(SPLITS))
        within = Path(root) / "depth_selection"
        root = within if within.is_dir() else root
        folder = require_folder(Path(root) / SPLITS[split], f"the images of {SPLITS[split]}")
        entries = []
        for image in sorted((folder / "image").glob("*.png")):
            truth = folder / "groundtruth_depth" / image.name.replace("_image_", "_groundtruth_depth_", 1)
            entries.append((image, folder / "intrinsics" / f"{image.stem}.txt", *((truth,) if split == "val" else ())))
        super().__init__(folder, split, entries, "image/*.png")

    def read(self, entry: tuple[Path, ...]) -> dict[str, Any]:
        image = read_image(entry[0])
        item: dict[str, Any] = {"image": image, "K": read_intrinsics(entry[1]), "name": entry[0].stem}
        for truth in entry[2:]:
            item["depth"], item["valid"] = read_annotated(truth, (image.shape[1], image.shape[2]))
        return item


def read_intrinsics(path: Path) -> Tensor:
    """Nine numbers, row by row: K float32 [3, 3] pixels.

    Raises:
        DataError: missing, or not the intrinsics of a camera.
    """
    K = torch.from_numpy(read_numbers(path, (3, 3))).float()
    if not (float(K[0, 0]) > 0 and float(K[1, 1]) > 0 and K[2].tolist() == [0, 0, 1]):
        raise DataError(f"{path}: found {K.tolist()}, expected [fx 0 cx; 0 fy cy; 0 0 1]")
    return K
