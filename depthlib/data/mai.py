"""The depth set of the Mobile AI 2021 challenge: outdoor ZED stereo depth (Ignatov et al. 2021)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthlib.data.dataset_base import RealDataset, frame, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import read_map

STEP, VERIFICATION = 41, 177
DEPTH = Encoding("png", "uint16", "metre", scale=1000, invalid=(0,), along="z", range=(0.2, 65.535))


class MAI2021(RealDataset[tuple[Path, Path]]):
    """Mobile AI 2021: image, depth (millimetres in the file, 0 unknown), valid, name. The camera is not published: no
    K.

    The challenge released its validation images without depth, and the 177 pairs on which ANUW reports are not named.
    So the verification pairs are drawn from the training pairs by a deterministic rule, see `verification`.

    Args:
        root: the folder with train/rgb and train/depth, same names in both.
        split: "train" (7208 of 7385), "verification" (177) or "all".

    Raises:
        DataError: folders or files are missing, or, when an item is read, a file that is not as above.
    """

    def __init__(self, root: str | os.PathLike[str], split: str) -> None:
        one_of("split", split, ("train", "verification", "all"))
        root = require_folder(root, "the folder with train/")
        images = require_folder(root / "train/rgb", "the training images")
        names = sorted(path.name for path in images.iterdir() if path.suffix.lower() == ".png")
        chosen = set(verification(names))
        if split != "all":
            names = [name for name in names if (name in chosen) == (split == "verification")]
        depths = require_folder(root / "train/depth", "the depth of the training images, same names")
        super().__init__(root, split, [(images / name, depths / name) for name in names], "train/rgb/*.png")

    def read(self, entry: tuple[Path, Path]) -> dict[str, Any]:
        image, depth = entry
        return frame(depth, image.stem, read_image(image), read_map(depth, DEPTH))


def verification(names: Sequence[str]) -> list[str]:
    """The held-out names: sorted, every 41st beginning with the first, at most 177. No random number is involved.

    Raises:
        DataError: a name that stands twice.
    """
    if len(set(names)) != len(names):
        raise DataError(f"names: found {len(names) - len(set(names))} that stand twice, expected different ones")
    return sorted(names)[::STEP][:VERIFICATION]
