"""Files in the format of SUN RGB-D from scenes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from depthlib.data.sunrgbd import LISTS
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, numbers, safe_name, save_lines, save_picture, stored16


def write_sunrgbd(root: str | os.PathLike[str], samples: Samples, split: str = "train") -> None:
    """SUNRGBD/kv2/scenes/<name>/{image,depth,depth_bfx,intrinsics.txt} and the split's list.

    Bits of the millimetres are rotated to the left by three, and the principal point counts pixels from 1.
    """
    root = Path(root)
    lines = []
    for sample in each(samples):
        folder = f"SUNRGBD/kv2/scenes/{safe_name(sample)}"
        save_picture(root / folder / "image/0000001.jpg", bytes_of(sample["image"]))
        stored = rotate_left(stored16(sample["depth"], 1000))
        for name in ("depth", "depth_bfx"):
            save_picture(root / folder / name / "0000001.png", stored)
        K = sample["K"].double() + torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
        save_lines(root / folder / "intrinsics.txt", (numbers(row) for row in K))
        lines.append(f"{folder}/image/0000001.jpg")
    save_lines(root / LISTS[split], lines)


def rotate_left(values: np.ndarray) -> np.ndarray:
    """uint16 with the upper three bits moved to the lower end."""
    return (values << 3) | (values >> 13)
