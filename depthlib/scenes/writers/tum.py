"""Sequences in the format of TUM RGB-D from scenes."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from depthlib.geometry import matrix_to_quaternion
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, numbers, safe_name, save_lines, save_picture, stored16
from depthlib.scenes.writers.video import as_frames

START, STEP, LAG = 1305031452.0, 1 / 30, 0.013      # seconds; depth is taken a little after colour


def write_tum(root: str | os.PathLike[str], samples: Samples) -> list[str]:
    """One sequence a sample (see `as_frames`); returns their folders' names, the loader's splits."""
    root = Path(root)
    names = []
    for sample in each(samples):
        name = f"rgbd_dataset_freiburg1_{safe_name(sample)}"
        names.append(name)
        lists = {"rgb": ["# color images"], "depth": ["# depth maps"], "groundtruth": ["# ground truth trajectory"]}
        for number, (image, depth, pose) in enumerate(as_frames(sample)):
            time = START + number * STEP
            for kind, when, pixels in (("rgb", time, bytes_of(image)), ("depth", time + LAG, stored16(depth, 5000))):
                lists[kind].append(f"{when:.6f} {kind}/{when:.6f}.png")
                save_picture(root / name / f"{kind}/{when:.6f}.png", pixels)
            row = torch.cat((pose[:3, 3], matrix_to_quaternion(pose[:3, :3])))
            lists["groundtruth"].append(f"{time + 0.001:.4f} {numbers(row, 7)}")
        for kind, lines in lists.items():
            save_lines(root / name / f"{kind}.txt", lines)
    return names
