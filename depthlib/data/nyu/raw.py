"""Frames of NYU Depth v2's raw video: synchronised pairs of images, and the Kinect's raw files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.data.dataset_base import Camera, RealDataset, frame, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_bytes, read_lines, require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import checked_map, read_map
from depthlib.data.nyu.labelled import CAMERA

LISTS = {"train": "nyudepthv2_train_files_with_gt.txt", "test": "nyudepthv2_test_files_with_gt.txt"}
DEPTH = Encoding("png", "uint16", "metre", scale=1000, invalid=(0,), along="z", range=(0.4, 12))
RANGE = (0.3, 20.0)


class NYURaw(RealDataset[tuple[Path, Path]]):
    """Synchronised frames of lists such as "scene/rgb_00045.jpg scene/sync_depth_00045.png 518.8579".

    Items: image, depth (millimetres in the file, 0 invalid), valid, K, name ("bathroom/rgb_00045").

    Args:
        root: the folder that the list's paths start from (a leading slash is ignored).
        split: "train" or "test".
        list_file: the list; None takes the one of the usual name under the root.
        camera: fx, fy, cx, cy for files of another size than 640 x 480.

    Raises:
        DataError: list or files are missing, or, when an item is read, a file that is not as above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        list_file: str | os.PathLike[str] | None = None,
        camera: Camera = CAMERA,
    ) -> None:
        one_of("split", split, tuple(LISTS))
        root, self._camera = require_folder(root, "the folder that the list's paths start from"), pinhole(camera)
        path = root / LISTS[split] if list_file is None else Path(list_file)
        pairs = [
            (root / image.lstrip("/"), root / depth.lstrip("/")) for image, depth, *_ in read_lines(path, fields=2)
        ]
        super().__init__(root, split, pairs, str(path))

    def read(self, entry: tuple[Path, Path]) -> dict[str, Any]:
        image, depth = entry
        name = image.relative_to(self.root).with_suffix("").as_posix()
        return frame(depth, name, read_image(image), read_map(depth, DEPTH), self._camera)


def read_kinect_pgm(path: Path) -> tuple[Tensor, Tensor]:
    """Depth and validity, [1,H,W] each, of a raw dump's .pgm file, in the view of the depth camera (not of the colour
    one).

    It holds the Kinect's 11-bit disparity; depth = 351.3 / (1092.5 - disparity), the toolbox's fit. The bytes are
    little-endian, although a PGM's are big-endian by definition: read as such, nearly every value exceeds 11 bits.

    Raises:
        DataError: missing, cut off, not a 16-bit PGM, values beyond 11 bits, or no pixel with a measurement.
    """
    data = read_bytes(path)
    header = re.match(rb"P5\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+(\d+)\s", data)
    if header is None or int(header[3]) < 256:
        raise DataError(f"{path}: found another file, expected a 16-bit binary PGM")
    width, height = int(header[1]), int(header[2])
    if len(data) - header.end() != 2 * width * height:
        raise DataError(
            f"{path}: found {len(data) - header.end()} bytes of pixels, expected {2 * width * height}: cut off?"
        )
    stored = np.frombuffer(data, dtype="<u2", offset=header.end()).reshape(height, width)
    if (beyond := float((stored > 2047).mean())) > 0.01:
        raise DataError(
            f"{path}: found {beyond:.0%} of the values above 2047, expected 11 bits: are the bytes in another order?"
        )
    disparity = torch.from_numpy(stored.astype(np.float64))
    depth = 351.3 / (1092.5 - disparity)
    # 2047 means no measurement, and beyond some 17 m (disparity 1072) the fit is not valid.
    return checked_map(path, depth, (depth > 0) & (disparity < 1072), RANGE)
