"""Middlebury stereo: the sets of 2003, 2005/2006 and 2014, each with its own names, encodings and calibration."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from depthlib.data.dataset_base import RealDataset, one_of, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_numbers, read_text, require_folder, require_size
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import checked_map, read_map
from depthlib.data.pfm import read_pfm

Year = Literal["2003", "2006", "2014"]
NAMES = {
    "2003": {"image": "im2.png", "right": "im6.png", "disparity": "disp2.png"},
    "2006": {"image": "view1.png", "right": "view5.png", "disparity": "disp1.png"},
    "2014": {"image": "im0.png", "right": "im1.png", "disparity": "disp0.pfm"},
}
DISPARITY_RANGE = (0.0, 1100.0)  # pixels
DEPTH_RANGE = (0.3, 30.0)  # metres; the scenes are laboratory set-ups
SCALE_2003 = 4.0  # stored levels a pixel
FOCAL_2006, BASELINE_2006 = 3740.0, 0.160  # pixels at full size; metres


def read_disparity_png(path: Path, scale: float, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """Disparity in a PNG of 8 bits: value / scale pixels, 0 unknown.

    Returns:
        disparity float32 [1, H, W] pixels; valid bool [1, H, W].

    Raises:
        DataError: missing, not 8 bits with one channel, cut off, another `size`, or empty.
    """
    return read_map(path, Encoding("png", "uint8", "pixel", scale=scale, invalid=(0,), range=DISPARITY_RANGE), size)


def read_disparity_pfm(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """Disparity of the 2014 sets: float pixels, infinite where unknown.

    Returns:
        disparity float32 [1, H, W] pixels; valid bool [1, H, W].

    Raises:
        DataError: missing, damaged, another `size`, NaN, or empty.
    """
    values = read_pfm(path)
    require_size(path, values.shape, size)
    return checked_map(path, values, ~torch.isinf(values), DISPARITY_RANGE, what="disparity in pixels")


def read_calibration(path: Path) -> tuple[Tensor, Tensor, float, float, tuple[int, int]]:
    """K and K_right [3, 3] pixels, baseline in metres, doffs in pixels, and (height, width) of a 2014 scene's
    calib.txt.

    Raises:
        DataError: missing, an entry is missing, or not plausible.
    """
    entries = dict(line.split("=", 1) for line in read_text(path).splitlines() if "=" in line)
    try:
        numbers = [[float(text) for text in re.findall(r"[-+.\deE]+", entries[key])] for key in ("cam0", "cam1")]
        cameras = [torch.tensor(values).reshape(3, 3) for values in numbers]
        baseline, doffs = float(entries["baseline"]) / 1000, float(entries["doffs"])
        size = (int(entries["height"]), int(entries["width"]))
    except (KeyError, ValueError, RuntimeError) as error:
        found = f"no calibration ({type(error).__name__}: {error})"
        raise DataError(f"{path}: found {found}, expected cam0, cam1, doffs, baseline, width, height") from None
    difference = float(cameras[1][0, 2] - cameras[0][0, 2])
    focal = float(cameras[0][0, 0])
    if not (focal > 0 and 0.005 < baseline < 2 and abs(difference - doffs) < 0.01 * size[1]):
        found = f"focal length {focal:g}, baseline {baseline * 1000:g} mm, doffs {doffs:g}"
        raise DataError(f"{path}: found {found}, expected positive ones and doffs = cx1 - cx0 = {difference:g}")
    return cameras[0], cameras[1], baseline, doffs, size


class Middlebury(RealDataset[dict[str, Path]]):
    """Scenes of one year; a scene is a folder below `root`.

    An item: image, right float32 [3, H, W], disparity float32 [1, H, W] pixels of the left image, valid bool [1, H, W],
    name. With `depth` also depth float32 [1, H, W] metres, K float32 [3, 3] and baseline float32 scalar metres; for
    "2014" also K_right, since the principal points of the pair differ: depth = fx * baseline / (disparity + doffs),
    doffs = cx_right - cx.

    Args:
        root: the folder with the scenes.
        split: the year: "2003" (im2, im6, value / 4), "2006" (also 2005: view1, view5, value / reduction), "2014" (also
            2021: im0, im1, .pfm, calib.txt).
        depth: give metric depth. The sets of 2003 do not describe their cameras, so there it must be False; those of
            2006 need dmin.txt, and their principal point is not published: K has the image's centre.
        reduction: of the 2006 sets, 1 (full size), 2 (half) or 3 (third); the files do not state it.

    Raises:
        DataError: a folder or file is missing; of an item: whatever is wrong with its files.
        ValueError: an argument is not one of the values above.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Year = "2014",
        *,
        depth: bool = True,
        reduction: Literal[1, 2, 3] | None = None,
    ) -> None:
        one_of("split", split, tuple(NAMES))
        if split == "2003" and depth:
            raise DataError("depth: found True for 2003, expected False: the cameras of these sets are not known")
        if (split == "2006") != (reduction in (1, 2, 3)):
            raise DataError(
                f"reduction: found {reduction!r} for {split}, expected 1, 2 or 3 for 2006 and None for the others"
            )
        top = require_folder(root, f"a folder for each scene of {split}")
        self.year, self.reduction = split, reduction or 1
        pattern = f"*/{NAMES[split]['image']}"
        names = NAMES[split] | ({"calibration": "calib.txt" if split == "2014" else "dmin.txt"} if depth else {})
        entries = [{key: path.with_name(name) for key, name in names.items()} for path in sorted(top.glob(pattern))]
        super().__init__(top, split, entries, pattern)

    def read(self, entry: dict[str, Path]) -> dict[str, Any]:
        image = read_image(entry["image"])
        size = (image.shape[1], image.shape[2])
        if self.year == "2014":
            disparity, valid = read_disparity_pfm(entry["disparity"], size)
        else:
            scale = SCALE_2003 if self.year == "2003" else float(self.reduction)
            disparity, valid = read_disparity_png(entry["disparity"], scale, size)
        item = {
            "image": image,
            "right": read_image(entry["right"], size),
            "disparity": disparity,
            "valid": valid,
            "name": entry["image"].parent.name,
        }
        return item | (self._metric(entry, size, disparity, valid) if "calibration" in entry else {})

    def _metric(
        self, entry: dict[str, Path], size: tuple[int, int], disparity: Tensor, valid: Tensor
    ) -> dict[str, Any]:
        if self.year == "2014":
            K, K_right, baseline, offset, expected = read_calibration(entry["calibration"])
            require_size(entry["image"], size, expected)
            extra = {"K_right": K_right}
        else:
            focal, baseline, extra = FOCAL_2006 / self.reduction, BASELINE_2006, {}
            offset = float(read_numbers(entry["calibration"], (1,))[0]) / self.reduction
            K = pinhole((focal, focal, (size[1] - 1) / 2, (size[0] - 1) / 2))
        distance = torch.where(valid, disparity + offset, 0)
        if not bool((distance[valid] > 0).all()):
            found = f"disparities that are not positive after adding {offset:g} px"
            raise DataError(f"{entry['disparity']}: found {found}, expected points in front of the camera")
        metres = torch.where(valid, K[0, 0] * baseline / distance, 0)
        depth, _ = checked_map(entry["disparity"], metres[0], valid[0], DEPTH_RANGE)
        return {"depth": depth, "K": K, "baseline": torch.tensor(baseline, dtype=torch.float32), **extra}
