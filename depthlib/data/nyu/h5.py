"""The 48K images of NYU Depth v2 as one HDF5 file each, in the format of FastDepth and sparse-to-dense."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depthlib.data.dataset_base import Camera, RealDataset, frame, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.maps import decoded
from depthlib.data.nyu.labelled import CAMERA

# Files of a training scene that FastDepth holds out for validation.
HELD_OUT = ("00001.h5", "00201.h5")
DEPTH = Encoding("h5", "float32", "metre", scale=1, invalid=(0,), along="z", range=(0.4, 12), key="depth")


class NYU48K(RealDataset[Path]):
    """NYU Depth v2 in HDF5: image, depth, valid, K, name ("bathroom_0001/00006").

    Args:
        root: folder with train/<scene>/*.h5 and val/official/*.h5, keys rgb uint8 [3,H,W] and depth float32 [H,W] in
            metres.
        split: "train" (without the files held out), "holdout" (those) or "val" (the 654 test images).
        camera: fx, fy, cx, cy for files of another size than 640 x 480.

    Raises:
        DataError: no such folder, no file for the split, or, when an item is read, a file that is not as above.
    """

    def __init__(self, root: str | os.PathLike[str], split: str, *, camera: Camera = CAMERA) -> None:
        one_of("split", split, ("train", "holdout", "val"))
        root, self._camera = require_folder(root, "the folder with train/ and val/"), pinhole(camera)
        pattern = "val/official/*.h5" if split == "val" else "train/*/*.h5"
        paths = sorted(root.glob(pattern))
        if split != "val":
            paths = [path for path in paths if (path.name in HELD_OUT) == (split == "holdout")]
        super().__init__(root, split, paths, pattern)

    def read(self, entry: Path) -> dict[str, Any]:
        image, depth = read_arrays(entry, "rgb", "depth")
        if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8:
            raise DataError(f"{entry}: found rgb {list(image.shape)} of {image.dtype}, expected [3, H, W] of uint8")
        picture = torch.from_numpy(image.astype(np.float32) / 255)
        return frame(entry, f"{entry.parent.name}/{entry.stem}", picture, decoded(entry, depth, DEPTH), self._camera)
