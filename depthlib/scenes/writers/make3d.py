"""Files in the format of Make3D from scenes."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from depthlib.data.make3d import FOLDERS, GRID
from depthlib.geometry import backproject
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, safe_name, save_array, save_picture


def write_make3d(root: str | os.PathLike[str], samples: Samples, split: str = "test") -> None:
    """Photographs (the sample's centre, 3:4) and 55 x 305 grids of the pixels nearest to their points."""
    root = Path(root)
    from scipy.io import savemat

    for sample in each(samples):
        height, width = sample["image"].shape[-2:]
        columns = min(width, height * 3 // 4)
        left = (width - columns) // 2
        points = backproject(sample["depth"][None].double(), sample["K"][None].double())[0, :, :, left:left + columns]
        sizes = ((height, GRID[0]), (columns, GRID[1]))
        rows, cols = (torch.linspace(0, size - 1, count).round().long() for size, count in sizes)
        x, y, z = points[:, rows][:, :, cols]
        grid = torch.stack((y, x, z, torch.sqrt(x * x + y * y + z * z)), dim=-1).numpy()
        image, depth = FOLDERS[split]
        name = safe_name(sample)
        save_picture(root / image / f"img-{name}.jpg", bytes_of(sample["image"][..., left:left + columns]))
        save_array(root / depth / f"depth_sph_corr-{name}.mat", lambda path, array=grid: savemat(path, {"Position3DGrid": array}))


