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
from depthlib.data.files import metres_from_disparity, read_colour, read_map, read_png, read_text, require_folder
from depthlib.data.kitti.calibration import read_camera_calibration
from depthlib.data.kitti.splits import RawFrame, parse_mapping
from depthlib.data.manifest import Encoding

DISPARITY = Encoding("png", "uint16", "pixel", scale=256, invalid=(0,), range=(0.1, 256))


def read_disparity(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A disparity PNG of KITTI: 16 bits, value / 256 pixels, 0 invalid.

    Returns:
        disparity float32 [1, H, W] pixels; valid bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, cut off, another `size`, empty, or implausible.
    """
    return read_map(path, DISPARITY, size, what="disparity in pixels")


class KittiStereo2015(RealDataset[str]):
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
        self, root: str | os.PathLike[str], split: str | os.PathLike[str] = "training", *, occluded: bool = True,
        semantics: bool = False,
    ) -> None:
        folder = require_folder(Path(root) / "training", "image_2, image_3, disp_occ_0 and calib_cam_to_cam of stereo 2015")
        self.occluded, self.semantics = occluded, semantics
        if split == "training":
            names = sorted(path.stem for path in (folder / "image_2").glob("*_10.png"))
        elif str(split).endswith(".txt"):
            names = [Path(line.split()[0]).stem for line in read_text(Path(split)).splitlines() if line.strip()]
        else:
            raise DataError(f"split: found {split!r}, expected 'training' or the path of a list (.txt)")
        super().__init__(folder, str(split), names, "image_2/*_10.png" if split == "training" else str(split))

    def _named(self, entry: str) -> dict[str, Path]:
        files = {
            "image": self.root / "image_2" / f"{entry}.png", "right": self.root / "image_3" / f"{entry}.png",
            "disparity": self.root / ("disp_occ_0" if self.occluded else "disp_noc_0") / f"{entry}.png",
            "calibration": self.root / "calib_cam_to_cam" / f"{entry.split('_')[0]}.txt",
        }
        return files | ({"semantics": self.root / "semantic" / f"{entry}.png"} if self.semantics else {})

    def files(self, entry: str) -> tuple[Path, ...]:
        return tuple(self._named(entry).values())

    def read(self, entry: str) -> dict[str, Any]:
        files = self._named(entry)
        calibration = read_camera_calibration(files["calibration"])
        image = read_colour(files["image"])
        size = (image.shape[1], image.shape[2])
        calibration.check_size(2, *size, files["image"])
        disparity, valid = read_disparity(files["disparity"], size)
        baseline, K = calibration.baseline(), calibration.K(2).float()
        item: dict[str, Any] = {
            "image": image, "right": read_colour(files["right"], size), "baseline": torch.tensor(baseline, dtype=torch.float32),
            "K": K, "disparity": disparity, "depth": metres_from_disparity(disparity, float(K[0, 0]), baseline), "valid": valid,
            "name": entry,
        }
        if self.semantics:
            item["semantics"] = train_ids(read_png(files["semantics"], 8, size), files["semantics"])
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
