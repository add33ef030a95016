"""Frames of the scenes benchmark as files of KITTI's depth and stereo 2015 benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.data.cityscapes import LABEL_IDS
from depthlib.data.kitti.depth import ANNOTATED, SPLITS
from depthlib.data.kitti.splits import RawFrame
from depthlib.data.kitti.stereo2015 import DISPARITY
from depthlib.scenes.classes import STREET_CLASSES
from depthlib.scenes.writers.kitti import write_cameras
from depthlib.scenes.writers.pictures import numbers, save_lines, save_picture, write_map
from depthlib.scenes.writers.samples import Folder, Samples, each

_CITY_NAMES = {
    "road": 7,
    "walk": 8,
    "building": 11,
    "vegetation": 21,
    "pole": 17,
    "vehicle": 26,
    "person": 24,
    "sky": 23,
}
CITYSCAPES_OF_STREETS = np.array([_CITY_NAMES[name] for name in STREET_CLASSES], dtype=np.uint8)
assert set(_CITY_NAMES.values()) <= set(LABEL_IDS)


def write_kitti_annotated(root: Folder, samples: Samples, frames: Sequence[RawFrame], part: str = "train") -> None:
    """Write annotated maps, <part>/<drive>/proj_depth/groundtruth/image_02/<number>.png, value = metres * 256."""
    for sample, frame in zip(each(samples), frames, strict=True):
        folder = Path(root) / part / frame.drive / "proj_depth" / "groundtruth" / f"image_{frame.camera:02d}"
        write_map(folder / f"{frame.number:010d}.png", sample["depth"], ANNOTATED)


def write_kitti_depth(root: Folder, samples: Samples, split: str = "val") -> list[str]:
    """Write samples as "depth_selection": images, intrinsics and, for "val", truth. Returns the names.

    Raises:
        ValueError: a split other than "val" and "test".
    """
    if split not in SPLITS:
        raise ValueError(f"split: found {split!r}, expected 'val' or 'test'")
    folder = Path(root) / SPLITS[split]
    names = []
    for number, sample in enumerate(each(samples)):
        name = (
            f"{number:010d}" if split == "test" else f"2011_09_26_drive_{number + 1:04d}_sync_image_{1:010d}_image_02"
        )
        save_picture(folder / "image" / f"{name}.png", sample["image"])
        save_lines(folder / "intrinsics" / f"{name}.txt", [numbers(sample["K"])])
        if split == "val":
            truth = name.replace("_image_", "_groundtruth_depth_", 1)
            write_map(folder / "groundtruth_depth" / f"{truth}.png", sample["depth"], ANNOTATED)
        names.append(name)
    return names


def write_kitti_stereo2015(root: Folder, samples: Samples) -> list[str]:
    """Write samples with right, baseline and disparity, and semantics of streets if present. Returns the names."""
    folder = Path(root) / "training"
    names = []
    for number, sample in enumerate(each(samples)):
        name = f"{number:06d}_10"
        save_picture(folder / "image_2" / f"{name}.png", sample["image"])
        save_picture(folder / "image_3" / f"{name}.png", sample["right"])
        write_map(folder / "disp_occ_0" / f"{name}.png", sample["disparity"], DISPARITY)
        write_map(folder / "disp_noc_0" / f"{name}.png", _seen_by_both(sample["disparity"]), DISPARITY)
        height, width = sample["image"].shape[-2:]
        calibration = folder / "calib_cam_to_cam" / f"{name[:6]}.txt"
        write_cameras(calibration, sample["K"].double(), float(sample["baseline"]), (height, width))
        if "semantics" in sample:
            save_picture(folder / "semantic" / f"{name}.png", CITYSCAPES_OF_STREETS[sample["semantics"].numpy()])
        names.append(name)
    return names


def _seen_by_both(disparity: Tensor) -> Tensor:
    """[1, H, W] without the pixels whose partner lies left of the right image; other occlusions stay."""
    columns = torch.arange(disparity.shape[-1], dtype=disparity.dtype)
    return torch.where(columns >= disparity, disparity, 0)
