"""Predictions for KITTI's online depth benchmark: 500 PNG files of 16 bits, metres * 256, checked before upload."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.data.errors import DataError
from depthlib.data.files import require_folder
from depthlib.data.manifest import Encoding
from depthlib.data.maps import read_map

TEST_COUNT = 500
TEST_SIZE = (352, 1216)
PREDICTED = Encoding("png", "uint16", "metre", scale=256, invalid=(0,), along="z", range=(0.1, 200))


@dataclass(frozen=True)
class Submission:
    """Contents of a folder of predictions.

    Attributes:
        files: their number. holes: share of pixels without a value, which the devkit fills from their row.
        nearest, farthest, median: metres over all values.
    """

    files: int
    holes: float
    nearest: float
    farthest: float
    median: float


def write_submission(folder: str | os.PathLike[str], index: int, depth: Tensor) -> Path:
    """Write the prediction for test image `index` as <folder>/0000000000.png; returns its path.

    Args:
        depth: [H, W] or [1, H, W] metres; 0 leaves a hole. Positive depths are kept within 1/256 and 65535/256 m.

    Raises:
        ValueError: another shape, an index outside 0 to 499, or values that are negative or not finite.
    """
    metres = np.asarray(depth.detach().cpu(), dtype=np.float64)
    metres = metres[0] if metres.ndim == 3 and metres.shape[0] == 1 else metres
    if metres.ndim != 2 or not 0 <= index < TEST_COUNT:
        raise ValueError(
            f"found index {index} and depth of shape {list(depth.shape)}, expected 0 to {TEST_COUNT - 1} and [H, W]"
        )
    if not np.isfinite(metres).all() or metres.min() < 0:
        raise ValueError("depth: found negative or non-finite values, expected metres >= 0")
    stored = np.where(metres > 0, np.clip(np.rint(metres * PREDICTED.scale), 1, 65535), 0).astype(np.uint16)
    path = Path(folder) / f"{index:010d}.png"
    with atomic_write(path) as temporary:
        Image.fromarray(stored).save(temporary, format="PNG")
    return path


def read_submission(path: str | os.PathLike[str], size: tuple[int, int] | None = TEST_SIZE) -> tuple[Tensor, Tensor]:
    """A prediction: depth float32 [1, H, W] metres, and the pixels with a value, bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, another size, empty, or implausible depths (another unit).
    """
    return read_map(Path(path), PREDICTED, size)


def check_submission(
    folder: str | os.PathLike[str], count: int = TEST_COUNT, size: tuple[int, int] = TEST_SIZE
) -> Submission:
    """Read every file as the benchmark does, and summarise the folder.

    Raises:
        DataError: a file is missing, superfluous or not what `read_submission` accepts.
    """
    root = require_folder(folder, "the predictions, 0000000000.png and so on")
    expected = {f"{index:010d}.png" for index in range(count)}
    found = {path.name for path in root.iterdir()}
    if missing := sorted(expected - found):
        found = f"{count - len(missing)} of {count} predictions"
        raise DataError(f"{root}: found {found}, {missing[0]} is the first that is missing")
    if extra := sorted(found - expected):
        raise DataError(f"{root}: found {extra[0]}, expected nothing but {count} PNG files")
    holes, values = 0.0, []
    for name in sorted(expected):
        depth, valid = read_submission(root / name, size)
        holes += float((~valid).double().mean()) / count
        known = depth[valid]
        values.append((float(known.min()), float(known.max()), float(known.median())))
    low, high, middle = (torch.tensor(column) for column in zip(*values, strict=True))
    return Submission(count, holes, float(low.min()), float(high.max()), float(middle.median()))
