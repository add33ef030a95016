"""Files in the format of the Mobile AI 2021 depth set from scenes."""

from __future__ import annotations

import os
from pathlib import Path

from depthlib.scenes.writers.pictures import Samples, bytes_of, each, save_picture, stored16


def write_mai(root: str | os.PathLike[str], samples: Samples) -> None:
    """train/rgb and train/depth, 00000.png and on; depth in millimetres, so it must be below 65.535 m."""
    root = Path(root)
    for number, sample in enumerate(each(samples)):
        save_picture(root / f"train/rgb/{number:05d}.png", bytes_of(sample["image"]))
        save_picture(root / f"train/depth/{number:05d}.png", stored16(sample["depth"], 1000))
