"""Files of NYU Depth v2's formats: the labelled set, 48K HDF5 files, synchronised frames, the Kinect's raw files."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthlib.base.paths import atomic_write
from depthlib.data.nyu.classes import IGNORE, LABELS, MAP13
from depthlib.data.nyu.labelled import FILE
from depthlib.data.nyu.raw import DEPTH, LISTS
from depthlib.scenes.writers.pictures import bytes_of, save_array, save_h5, save_lines, save_picture, write_map
from depthlib.scenes.writers.samples import Folder, Samples, each, safe_name

HEADER = b"MATLAB 7.3 MAT-file, written from rendered scenes"
USER_BLOCK = 512  # MATLAB keeps its own header in front of the HDF5 data


def write_nyu(root: Folder, train: Samples, test: Samples) -> None:
    """nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat; image numbers follow on: training, then test.

    Samples must have one size, wider than high. Their `semantics` are the 13 classes of the rooms; each becomes the
    first of the 40 classes that maps to it. `rawDepths` is 0 in the sample's invalid pixels, `depths` their median.
    """
    root = Path(root)
    import h5py
    from scipy.io import savemat

    samples = list(chain(each(train), each(test)))
    count, first = len(samples), samples[0]["image"]
    height, width = first.shape[-2:]
    if height >= width or any(sample["image"].shape != first.shape for sample in samples):
        sizes = sorted({tuple(sample["image"].shape[-2:]) for sample in samples})
        raise ValueError(f"samples: found sizes {sizes}, expected one, wider than high")
    with atomic_write(root / FILE) as temporary:
        with h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
            # MATLAB writes columns first, so every array has its axes reversed.
            images = file.create_dataset("images", (count, 3, width, height), np.uint8)
            arrays = {
                key: file.create_dataset(key, (count, width, height), np.float32) for key in ("depths", "rawDepths")
            }
            labels = file.create_dataset("labels", (count, width, height), np.uint16)
            for number, sample in enumerate(samples):
                images[number] = bytes_of(sample["image"]).transpose(2, 1, 0)
                raw = sample["depth"][0].double()
                arrays["rawDepths"][number] = raw.T.numpy()
                arrays["depths"][number] = torch.where(raw > 0, raw, raw[raw > 0].median()).T.numpy()
                labels[number] = _labels40(sample["semantics"]).T.numpy()
        with open(temporary, "r+b") as file:
            file.write(HEADER.ljust(124) + b"\0\2IM")
    numbers = np.arange(1, count + 1, dtype=np.uint16)[:, None]
    split = {"trainNdxs": numbers[: len(train)], "testNdxs": numbers[len(train) :]}  # type: ignore[arg-type]
    classes = np.where(np.arange(1, LABELS + 1) <= 40, np.arange(1, LABELS + 1), 40).astype(np.uint8)[None]
    save_array(root / "splits.mat", savemat, split)
    save_array(root / "classMapping40.mat", savemat, {"mapClass": classes})


def _labels40(semantics: Tensor) -> Tensor:
    """Labels 1 to 40 of the 13 classes of the rooms; 0 for what is ignored."""
    if bool(((semantics > 12) & (semantics != IGNORE)).any()):
        raise ValueError(
            f"semantics: found {int(semantics[semantics != IGNORE].max())}, expected 13 classes from 0 to 12"
        )
    table = torch.zeros(256, dtype=torch.int64)
    table[:13] = torch.tensor([MAP13.index(number + 1) + 1 for number in range(13)])
    return table[semantics]


def write_nyu48k(root: Folder, samples: Samples, split: str = "train") -> None:
    """One HDF5 file a sample: train/<scene>/00006.h5 and on, or val/official/00001.h5 and on."""
    root = Path(root)
    for number, sample in enumerate(each(samples)):
        train = f"train/{safe_name(sample)}/{5 * number + 6:05d}.h5"
        path = root / (train if split == "train" else f"val/official/{number + 1:05d}.h5")
        depth = sample["depth"][0].numpy().astype(np.float32)
        save_h5(path, rgb=bytes_of(sample["image"]).transpose(2, 0, 1), depth=depth)


def write_nyuraw(root: Folder, samples: Samples, split: str = "train") -> None:
    """Pairs <scene>/rgb_00000.jpg and sync_depth_00000.png in millimetres, and the split's list with focal lengths."""
    root = Path(root)
    lines = []
    for sample in each(samples):
        scene = safe_name(sample)
        save_picture(root / scene / "rgb_00000.jpg", sample["image"])
        write_map(root / scene / "sync_depth_00000.png", sample["depth"], DEPTH)
        lines.append(f"{scene}/rgb_00000.jpg {scene}/sync_depth_00000.png {float(sample['K'][0, 0]):.4f}")
    save_lines(root / LISTS[split], lines)


def write_kinect_pgm(path: Path, depth: Tensor) -> None:
    """Depth [1,H,W] as the raw dump's disparity, little-endian; 2047 where it is 0 or nearer than 0.4 m."""
    metres = depth[0].double().numpy()
    disparity = np.rint(1092.5 - 351.3 / np.maximum(metres, 0.33))
    stored = np.where(metres >= 0.4, disparity, 2047).astype("<u2")
    save_array(path, Path.write_bytes, b"P5\n%d %d\n65535\n" % stored.shape[::-1] + stored.tobytes())
