"""Cityscapes: the stereo pair, the provided disparity, cameras and semantic labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.base.labels import IGNORE
from depthlib.data.dataset_base import RealDataset, pinhole
from depthlib.data.errors import DataError
from depthlib.data.files import read_text, require_folder
from depthlib.data.images import read_image
from depthlib.data.manifest import Encoding
from depthlib.data.maps import metres_from_disparity, read_map, read_png

DISPARITY = Encoding("png", "uint16", "pixel", scale=256, offset=1, invalid=(0,), range=(0, 256))
MEDIAN_DEPTH = (1.0, 200.0)  # metres; far disparities are too coarse for a bound on each pixel
CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
# of CLASSES, in the label files
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
SKY = CLASSES.index("sky")
_LAST_LABEL = 33


def train_ids(labels: np.ndarray, path: Path) -> Tensor:
    """Label ids 0 to 33 as they are stored -> the 19 training classes, 255 for the others. [H, W] uint8 -> int64.

    Raises:
        DataError: ids that are not of Cityscapes; `path` is named.
    """
    found = np.unique(labels)
    # The licence plate, -1, is stored as 255.
    if strange := [int(label) for label in found if label > _LAST_LABEL and label != IGNORE]:
        raise DataError(f"{path}: found the label {strange[0]}, expected label ids 0 to {_LAST_LABEL}")
    table = np.full(256, IGNORE, dtype=np.int64)
    table[list(LABEL_IDS)] = np.arange(len(CLASSES))
    return torch.from_numpy(table[labels])


def read_disparity(path: Path, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """The provided disparity: 16 bits, (value - 1) / 256 pixels, 0 invalid; 1 is a measured disparity of zero.

    Returns:
        disparity float32 [1, H, W] pixels; valid bool [1, H, W].

    Raises:
        DataError: missing, not 16 bits with one channel, cut off, another `size`, or empty.
    """
    return read_map(path, DISPARITY, size)


def read_camera(path: Path) -> tuple[Tensor, float]:
    """K float32 [3, 3] pixels and the baseline in metres (about 0.21) of a camera file.

    Raises:
        DataError: missing, not JSON, an entry is missing, or not plausible.
    """
    try:
        data = json.loads(read_text(path))
        fx, fy, cx, cy = (float(data["intrinsic"][key]) for key in ("fx", "fy", "u0", "v0"))
        baseline = float(data["extrinsic"]["baseline"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        found = f"no camera ({type(error).__name__}: {error})"
        raise DataError(f"{path}: found {found}, expected intrinsic fx fy u0 v0 and extrinsic baseline") from None
    if not (fx > 0 and fy > 0 and 0.02 < baseline < 2):
        raise DataError(
            f"{path}: found fx {fx:g}, fy {fy:g}, baseline {baseline:g}, expected positive pixels and about 0.21 m"
        )
    return pinhole((fx, fy, cx, cy)), baseline


class Cityscapes(RealDataset[dict[str, Path]]):
    """Frames with the provided (semi-global matching) disparity; its holes and its errors are part of the data.

    An item: image float32 [3, H, W], K float32 [3, 3], baseline float32 scalar metres, name "city_000000_000019";
    disparity float32 [1, H, W] pixels and disparity_valid bool [1, H, W]; depth float32 [1, H, W] metres = fx *
    baseline / disparity and valid, which needs a positive disparity; with `right` the right image; with `semantics`
    int64 [H, W], 19 classes, 255 ignore.

    Args:
        root: the folder with leftImg8bit, disparity, camera and, as asked for, rightImg8bit and gtFine.
        split: "train", "val" or "test", or the path of a list (.txt) whose lines end in the name of a left image or in
            "city city_000000_000019".
        right, semantics: read those as well. The labels of the test split are not public.
        sky_at_zero: the sky counts as measured with disparity 0 (inverse depth zero, after Kendall et al. 2018); needs
            `semantics`.

    Raises:
        DataError: a folder or file is missing; of an item: whatever is wrong with its files.
        ValueError: `sky_at_zero` without `semantics`.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | os.PathLike[str] = "train",
        *,
        right: bool = False,
        semantics: bool = False,
        sky_at_zero: bool = False,
    ) -> None:
        if sky_at_zero and not semantics:
            raise DataError(
                "sky_at_zero: found True without semantics, expected semantics=True, which say where the sky is"
            )
        top = require_folder(root, "Cityscapes, with folders such as leftImg8bit and disparity")
        self.sky_at_zero = sky_at_zero
        if str(split).endswith(".txt"):
            lines = [line.split()[-1] for line in read_text(Path(split)).splitlines() if line.strip()]
            stems = [Path(line).name.removesuffix(".png").removesuffix("_leftImg8bit") for line in lines]
            parts = {
                path.name.removesuffix("_leftImg8bit.png"): path.parents[1].name
                for path in (top / "leftImg8bit").glob("*/*/*_leftImg8bit.png")
            }
            if absent := [stem for stem in stems if stem not in parts]:
                raise DataError(f"{split}: found no image of {absent[0]}, expected one below {top / 'leftImg8bit'}")
            frames = [(parts[stem], stem) for stem in stems]
        else:
            folder = require_folder(
                top / "leftImg8bit" / str(split), "a folder for each city (splits: train, val, test)"
            )
            images = sorted(folder.glob("*/*_leftImg8bit.png"))
            frames = [(str(split), path.name.removesuffix("_leftImg8bit.png")) for path in images]
        kinds = {
            "image": ("leftImg8bit", "leftImg8bit.png"),
            "disparity": ("disparity", "disparity.png"),
            "camera": ("camera", "camera.json"),
        }
        kinds |= {"right": ("rightImg8bit", "rightImg8bit.png")} if right else {}
        kinds |= {"semantics": ("gtFine", "gtFine_labelIds.png")} if semantics else {}
        entries = [
            {key: top / kind / part / stem.split("_")[0] / f"{stem}_{end}" for key, (kind, end) in kinds.items()}
            for part, stem in frames
        ]
        super().__init__(top, str(split), entries, f"leftImg8bit, split {split}")

    def read(self, entry: dict[str, Path]) -> dict[str, Any]:
        image = read_image(entry["image"])
        size = (image.shape[1], image.shape[2])
        K, baseline = read_camera(entry["camera"])
        disparity, known = read_disparity(entry["disparity"], size)
        depth = metres_from_disparity(disparity, float(K[0, 0]), baseline)
        valid = depth > 0
        middle = float(depth[valid].median()) if bool(valid.any()) else 0.0
        if not MEDIAN_DEPTH[0] < middle < MEDIAN_DEPTH[1]:
            wanted = f"{MEDIAN_DEPTH[0]:g} to {MEDIAN_DEPTH[1]:g} m: another scale, or the camera of another image"
            raise DataError(f"{entry['disparity']}: found a median depth of {middle:g} m, expected {wanted}")
        item: dict[str, Any] = {
            "image": image,
            "K": K,
            "baseline": torch.tensor(baseline, dtype=torch.float32),
            "disparity": disparity,
            "disparity_valid": known,
            "depth": depth,
            "valid": valid,
            "name": entry["image"].stem.removesuffix("_leftImg8bit"),
        }
        if "right" in entry:
            item["right"] = read_image(entry["right"], size)
        if "semantics" in entry:
            item["semantics"] = train_ids(read_png(entry["semantics"], 8, size), entry["semantics"])
        if self.sky_at_zero:
            sky = (item["semantics"] == SKY)[None]
            item["disparity"] = torch.where(sky, 0.0, disparity)
            item["disparity_valid"] = known | sky
            item["depth"], item["valid"] = torch.where(sky, 0.0, depth), valid & ~sky
        return item
