"""ReDWeb V1: 3600 photographs with relative depth from stereo pairs of the web (Xian et al. 2018)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from depthlib.data.dataset_base import RealDataset, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import require_folder
from depthlib.data.images import read_image
from depthlib.data.maps import read_png

SKY = 255


class ReDWeb(RealDataset[tuple[Path, Path]]):
    """ReDWeb: image, relative, disparity, valid, name. Neither metric depth nor cameras exist.

    relative: float32 [1,H,W] in [0,1], larger = farther: the stored number / 255. Ratios of it are those of the stored
        numbers, by which pairs are called equal. disparity = 1 - relative, up to scale and shift. 255 marks sky and
        background.

    Args:
        root: the folder with Imgs/*.jpg and RDs/*.png, same names.
        split: "train"; there is no official test split.
        sky: "farthest" (255 is an ordinary value, as in the ranking loss) or "invalid" (as for losses on disparity).

    Raises:
        DataError: files are missing, or, when an item is read, a map with more than 8 bits, of another size, or
            constant.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "train", *, sky: str = "farthest") -> None:
        one_of("split", split, ("train",))
        one_of("sky", sky, ("farthest", "invalid"))
        root, self.sky = require_folder(root, "the folder with Imgs/ and RDs/"), sky
        images = sorted(require_folder(root / "Imgs", "the photographs").glob("*.jpg"))
        super().__init__(root, split, [(path, root / "RDs" / f"{path.stem}.png") for path in images], "Imgs/*.jpg")

    def read(self, entry: tuple[Path, Path]) -> dict[str, Any]:
        image = read_image(entry[0])
        stored = torch.from_numpy(read_png(entry[1], 8, tuple(image.shape[-2:])).copy())[None]
        valid = stored != SKY if self.sky == "invalid" else torch.ones_like(stored, dtype=torch.bool)
        known = stored[valid]
        if known.numel() == 0 or int(known.min()) == int(known.max()):
            found = f"{int(known[0])} everywhere" if known.numel() else "no valid pixel"
            raise DataError(f"{entry[1]}: found {found}, expected different depths")
        relative = stored.float() / 255
        return {"image": image, "relative": relative, "disparity": 1 - relative, "valid": valid, "name": entry[0].stem}
