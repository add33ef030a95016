"""KITTI in SfMLearner's training format: small frames, a folder per drive and camera, with cam.txt and sparse depth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from depthlib.data.dataset_base import RealDataset, check_views, one_of
from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, read_text, require_folder
from depthlib.data.images import read_image
from depthlib.data.kitti.depth import read_intrinsics
from depthlib.data.maps import checked_map
from depthlib.data.video import VIEWS

DEPTH_RANGE = (0.2, 130.0)  # reduced maps keep returns close to the car


class KittiFormatted(RealDataset[dict[str, Path]]):
    """Frames of formatted drives.

    An item: image float32 [3, H, W], K float32 [3, 3], name "drive_camera/number"; with depth="stored" depth float32
    [1, H, W] metres and valid bool [1, H, W], of the frames that have a map; with the views "previous" and "next" those
    images.

    Args:
        root: the folder with the lists and a folder for each drive.
        split: name of a list in it, "train" or "val", whose lines name the folders of drives; or the names of the
            folders.
        depth: "none" for all frames, "stored" for those with a .npy map beside the image.
        views: "current" and any of "previous", "next"; frames without them are left out.

    Raises:
        DataError: a list or folder is missing, or no frame is there; of an item: whatever is wrong with its files.
        ValueError: an argument is not one of the values above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | Sequence[str] = "train",
        *,
        depth: Literal["none", "stored"] = "none",
        views: Sequence[str] = ("current",),
    ) -> None:
        one_of("depth", depth, ("none", "stored"))
        views = check_views(views, VIEWS)
        top = require_folder(root, "formatted drives, with train.txt and val.txt")
        entries: list[dict[str, Path]] = []
        drives = read_text(top / f"{split}.txt").split() if isinstance(split, str) else list(split)
        for drive in drives:
            folder = require_folder(top / drive, f"a drive of split {split}")
            images = sorted(folder.glob("*.jpg"))
            for position, path in enumerate(images):
                files = {
                    "current": path,
                    "K": folder / "cam.txt",
                    "depth": path.with_suffix(".npy"),
                    "previous": images[position - 1] if position else None,
                    "next": images[position + 1] if position + 1 < len(images) else None,
                }
                kept = {key: files[key] for key in (*views, "K", *(("depth",) if depth == "stored" else ()))}
                if None not in kept.values() and (depth == "none" or kept["depth"].is_file()):
                    entries.append(kept)
        super().__init__(top, str(split), entries, f"{len(drives)} drives")

    def read(self, entry: dict[str, Path]) -> dict[str, Any]:
        path = entry["current"]
        image = read_image(path)
        size = (image.shape[1], image.shape[2])
        item: dict[str, Any] = {
            "image": image,
            "K": read_intrinsics(entry["K"]),
            "name": f"{path.parent.name}/{path.stem}",
        }
        item |= {view: read_image(entry[view], size) for view in ("previous", "next") if view in entry}
        if "depth" in entry:
            (depth,) = read_arrays(entry["depth"], "array")
            if depth.shape != size or depth.dtype.kind != "f":
                found = f"{depth.dtype} {list(depth.shape)}"
                raise DataError(f"{entry['depth']}: found {found}, expected floating metres {list(size)} as the image")
            values = torch.from_numpy(depth)
            # NaN counts as valid here, so that it raises
            item["depth"], item["valid"] = checked_map(entry["depth"], values, values != 0, DEPTH_RANGE)
        return item
