"""Files as the Mannequin Challenge gives them after a reconstruction, from scenes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from depthlib.data.mannequin import KEYS
from depthlib.scenes.writers.nyu import write_h5
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, numbers, safe_name, save_array, save_lines

TIME = 10_000_000       # microseconds


def write_mannequin(
    root: str | os.PathLike[str], samples: Samples, split: str = "train", *, suffix: str = ".npz", scale: float = 1.0,
) -> None:
    """One clip of one frame per sample: its arrays and cameras; `scale` multiplies depth, which is arbitrary."""
    root = Path(root)
    for sample in each(samples):
        clip = safe_name(sample)
        height, width = sample["image"].shape[-2:]
        depth = (sample["depth"][0] * scale).numpy().astype(np.float32)
        arrays = dict(zip(KEYS, (bytes_of(sample["image"]), depth, sample["valid"][0].numpy()), strict=True))
        path = root / split / clip / f"{TIME}{suffix}"
        if suffix == ".h5":
            write_h5(path, arrays)
        else:
            save_array(path, lambda temporary, data=arrays: np.savez_compressed(temporary, **data))
        K = sample["K"]
        camera = (K[0, 0] / width, K[1, 1] / height, (K[0, 2] + 0.5) / width, (K[1, 2] + 0.5) / height)
        row = f"{TIME} {numbers(camera)} 0 0 {numbers(np.eye(4)[:3])}"
        save_lines(root / split / f"{clip}.txt", ["https://www.youtube.com/watch?v=none", row])
