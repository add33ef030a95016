"""FlyingThings3D: rendered stereo pairs with complete disparity."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import torch

from depthlib.data.dataset_base import RealDataset, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import require_folder, require_size
from depthlib.data.images import read_image
from depthlib.data.maps import checked_map, metres_from_disparity
from depthlib.data.pfm import read_pfm

SIZE = (540, 960)
FOCAL = 1050.0  # pixels at 960 x 540
BASELINE = 1.0  # the renderer's unit of length, used as a metre here
DISPARITY_RANGE = (0.1, 960.0)


class FlyingThings3D(RealDataset[tuple[Path, Path, Path]]):
    """Frames of one split.

    An item: image, right float32 [3, H, W], baseline float32 scalar, K float32 [3, 3], name "A/0000/0006"; disparity
    float32 [1, H, W] pixels of the left image, depth float32 [1, H, W] = focal * baseline / disparity, valid bool [1,
    H, W] (all).

    Args:
        root: the folder with frames_cleanpass (or frames_finalpass) and disparity.
        split: "TRAIN" or "TEST".
        render: "cleanpass" or "finalpass" (with motion blur and defocus).
        focal, baseline: of images that are not 960 x 540, in their pixels, and metres; None for the set's own.

    Raises:
        DataError: a folder or file is missing; of an item: whatever is wrong with its files.
        ValueError: an argument is not one of the values above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Literal["TRAIN", "TEST"] = "TRAIN",
        *,
        render: Literal["cleanpass", "finalpass"] = "cleanpass",
        focal: float | None = None,
        baseline: float = BASELINE,
    ) -> None:
        if split not in ("TRAIN", "TEST") or render not in ("cleanpass", "finalpass"):
            raise DataError(f"found split={split!r}, render={render!r}, expected TRAIN or TEST, cleanpass or finalpass")
        top = require_folder(root, "FlyingThings3D, with frames_cleanpass and disparity")
        self.focal, self.baseline = focal, baseline
        folder = require_folder(top / f"frames_{render}" / split, "folders A, B, C")
        entries = []
        for image in sorted(path for path in folder.glob("*/*/left/*") if path.suffix in (".png", ".webp")):
            scene = image.parents[1]
            disparity = top / "disparity" / split / scene.relative_to(folder) / "left" / f"{image.stem}.pfm"
            entries.append((image, scene / "right" / image.name, disparity))
        super().__init__(top, split, entries, f"frames_{render}/{split}/*/*/left")

    def read(self, entry: tuple[Path, Path, Path]) -> dict[str, Any]:
        image_file, right_file, disparity_file = entry
        image = read_image(image_file)
        size = (image.shape[1], image.shape[2])
        if self.focal is None and size != SIZE:
            wanted = f"{SIZE[1]} x {SIZE[0]}, or the argument `focal`"
            raise DataError(f"{image_file}: found {size[1]} x {size[0]} pixels, expected {wanted}")
        focal = FOCAL if self.focal is None else self.focal
        values = read_pfm(disparity_file)
        require_size(disparity_file, values.shape, size)
        everywhere = torch.ones(size, dtype=torch.bool)
        disparity, valid = checked_map(disparity_file, values, everywhere, DISPARITY_RANGE, what="disparity in pixels")
        return {
            "image": image,
            "right": read_image(right_file, size),
            "disparity": disparity,
            "baseline": torch.tensor(self.baseline, dtype=torch.float32),
            "K": pinhole((focal, focal, (size[1] - 1) / 2, (size[0] - 1) / 2)),
            "depth": metres_from_disparity(disparity, focal, self.baseline),
            "valid": valid & (disparity > 0),
            "name": f"{image_file.parents[2].name}/{image_file.parents[1].name}/{image_file.stem}",
        }
