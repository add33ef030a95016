"""Make3D: tall photographs with a coarse grid of laser depths (Saxena et al. 2009)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, read_lines, require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import decoded

FOLDERS = {"train": ("Train400Img", "Train400Depth"), "test": ("Test134", "Gridlaserdata")}
GRID = (55, 305, 4)  # rows, columns, and: y, x, z (projective), distance
DISTANCE = 3
CROPS = ("none", "2to1", "image")
# the rows of the grid in the central 2:1 crop of the photograph, as monodepth2's protocol has it
GRID_CROP = slice(17, 38)
DEPTH = Encoding("mat", "float64", "metre", scale=1, invalid=(0,), along="ray", range=(0.5, 200), key="Position3DGrid")


class Make3D(RealDataset[tuple[Path, Path]]):
    """Make3D: image [3,2272,1704], depth and valid [1,55,305], name. Image and depth differ in size; there is no
    camera.

    Ground truth is the distance along the ray (the last of the grid's four layers), as in all published results. Caps
    of 70 or 80 m are the protocol's.

    Args:
        root: the folder with Test134/img-*.jpg and Gridlaserdata/depth_sph_corr-*.mat, or Train400Img and
            Train400Depth.
        split: "train" (400) or "test" (134).
        crop: "none"; "2to1": the central half-width rows of the photograph and rows 17 to 37 of the grid; or "image":
            those rows of the photograph and the whole grid, for a protocol that knows what the prediction covers.
        list_file: names such as "060705-17.10.14-p-049t000"; None takes every image of the folder, sorted.

    Raises:
        DataError: files are missing, or, when an item is read, a file that is not as above (transposed, for one).
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        crop: str = "none",
        list_file: str | os.PathLike[str] | None = None,
    ) -> None:
        one_of("split", split, tuple(FOLDERS))
        one_of("crop", crop, CROPS)
        root, self.crop = require_folder(root, f"the folder of {FOLDERS['test'][0]}/"), crop
        images, depths = (root / name for name in FOLDERS[split])
        if list_file is not None:
            names = [line[0] for line in read_lines(Path(list_file))]
        else:
            names = sorted(
                path.stem.removeprefix("img-") for path in require_folder(images, "the photographs").glob("img-*.jpg")
            )
        entries = [(images / f"img-{name}.jpg", depths / f"depth_sph_corr-{name}.mat") for name in names]
        super().__init__(root, split, entries, f"{images.name}/img-*.jpg" if list_file is None else str(list_file))

    def read(self, entry: tuple[Path, Path]) -> dict[str, Any]:
        image, (depth, valid) = read_image(entry[0]), read_grid(entry[1])
        height, width = image.shape[-2:]
        if height <= width:
            raise DataError(
                f"{entry[0]}: found {width} x {height} pixels, expected a photograph higher than wide (1704 x 2272)"
            )
        if self.crop != "none":
            rows = width // 2
            top = (height - rows) // 2
            image = image[:, top : top + rows]
        if self.crop == "2to1":
            depth, valid = depth[:, GRID_CROP], valid[:, GRID_CROP]
        return {"image": image, "depth": depth, "valid": valid, "name": entry[0].stem.removeprefix("img-")}


def read_grid(path: Path) -> tuple[Tensor, Tensor]:
    """Distance in metres and validity, [1,55,305] each.

    Raises:
        DataError: missing, damaged, another shape than 55 x 305 x 4, values that are not finite or not plausible.
    """
    grid = np.asarray(*read_arrays(path, "Position3DGrid"), dtype=np.float64)
    if grid.shape != GRID:
        raise DataError(f"{path}: found Position3DGrid {list(grid.shape)}, expected {list(GRID)}: transposed?")
    return decoded(path, np.ascontiguousarray(grid[..., DISTANCE]), DEPTH)
