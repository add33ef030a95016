"""The 200 training frames of KITTI stereo 2015: disparity, the stereo pair and semantic labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depthlib.data.cityscapes import train_ids
from depthlib.data.dataset_base import RealDataset
from depthlib.data.errors import DataError
from depthlib.data.files import read_text, require_folder
from depthlib.data.images import read_image
from depthlib.data.kitti.calibration import read_camera_calibration
from depthlib.data.kitti.splits import RawFrame, parse_mapping
from depthlib.data.manifest import Encoding
from depthlib.data.maps import metres_from_disparity, read_map, read_png

DISPARITY = Encoding("png", "uint16", "pixel", scale=256, invalid=(0,), range=(0.1, 256))


def read_disparity(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A disparity PNG of KITTI: 16 bits, value / 256 pixels, 0 invalid.

    Returns:
        disparity float32 [1, H, W] pixels; valid bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, cut off, another `size`, empty, or implausible.
    """
    return read_map(path, DISPARITY, size)


class KittiStereo2015(RealDataset[dict[str, Path]]):
    """Frames of the stereo / scene flow benchmark 2015 with ground truth.

    An item: image, right float32 [3, H, W], baseline float32 scalar metres, K float32 [3, 3], name "000000_10";
    disparity float32 [1, H, W] pixels, depth float32 [1, H, W] metres = fx * baseline / disparity, valid bool [1, H,
    W]; with `semantics` int64 [H, W], the 19 Cityscapes classes for training, 255 ignore.

    Args:
        root: the folder with `training`.
        split: "training", or the path of a list of names or of left images (.txt).
        occluded: include pixels that the right camera does not see (disp_occ_0), or not (disp_noc_0).
        semantics: also read `training/semantic`, of the separate semantic benchmark.

    Raises:
        DataError: a folder or file is missing; of an item: whatever is wrong with its files.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | os.PathLike[str] = "training",
        *,
        occluded: bool = True,
        semantics: bool = False,
    ) -> None:
        folder = require_folder(
            Path(root) / "training", "image_2, image_3, disp_occ_0 and calib_cam_to_cam of stereo 2015"
        )
        if split == "training":
            names = sorted(path.stem for path in (folder / "image_2").glob("*_10.png"))
        elif str(split).endswith(".txt"):
            names = [Path(line.split()[0]).stem for line in read_text(Path(split)).splitlines() if line.strip()]
        else:
            raise DataError(f"split: found {split!r}, expected 'training' or the path of a list (.txt)")
        entries = []
        for name in names:
            files = {
                "image": folder / "image_2" / f"{name}.png",
                "right": folder / "image_3" / f"{name}.png",
                "disparity": folder / ("disp_occ_0" if occluded else "disp_noc_0") / f"{name}.png",
                "calibration": folder / "calib_cam_to_cam" / f"{name.split('_')[0]}.txt",
            }
            entries.append(files | ({"semantics": folder / "semantic" / f"{name}.png"} if semantics else {}))
        super().__init__(folder, str(split), entries, "image_2/*_10.png" if split == "training" else str(split))

    def read(self, entry: dict[str, Path]) -> dict[str, Any]:
        calibration = read_camera_calibration(entry["calibration"])
        image = read_image(entry["image"])
        size = (image.shape[1], image.shape[2])
        calibration.check_size(2, *size, entry["image"])
        disparity, valid = read_disparity(entry["disparity"], size)
        baseline, K = calibration.baseline(), calibration.K(2).float()
        item: dict[str, Any] = {
            "image": image,
            "right": read_image(entry["right"], size),
            "disparity": disparity,
            "valid": valid,
            "K": K,
            "depth": metres_from_disparity(disparity, float(K[0, 0]), baseline),
            "baseline": torch.tensor(baseline, dtype=torch.float32),
            "name": entry["image"].stem,
        }
        if "semantics" in entry:
            item["semantics"] = train_ids(read_png(entry["semantics"], 8, size), entry["semantics"])
        return item


def raw_frames(mapping: str | os.PathLike[str]) -> dict[str, RawFrame | None]:
    """For "000000_10" and so on the frame of the raw data, or None where the devkit's train_mapping.txt has an empty
    line.

    Raises:
        DataError: missing, not 200 lines, or a line that names no frame.
    """
    frames = parse_mapping(read_text(Path(mapping)), str(mapping))
    if len(frames) != 200:
        raise DataError(f"{mapping}: found {len(frames)} lines, expected 200, one for each training frame")
    return {f"{number:06d}_10": frame for number, frame in enumerate(frames)}
