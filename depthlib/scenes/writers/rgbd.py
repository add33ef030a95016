"""Files in the formats of sets with metric depth from scenes: DIODE, Mobile AI, Make3D, 7-Scenes, SUN RGB-D, TUM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthlib.data import mai, make3d, sevenscenes, sunrgbd, tum
from depthlib.geometry import backproject, matrix_to_quaternion
from depthlib.scenes.writers.pictures import numbers, save_array, save_lines, save_picture, write_map
from depthlib.scenes.writers.samples import Folder, Samples, each, safe_name

START, STEP, LAG = 1305031452.0, 1 / 30, 0.013  # seconds of TUM's clocks; depth is taken a little after colour


def write_diode(root: Folder, samples: Samples, split: str = "val", kind: str = "indoors") -> None:
    """<split>/<kind>/scene_00000/scan_00000/*.png, *_depth.npy [H,W,1], *_depth_mask.npy, and diode_meta.json."""
    names = []
    folder = Path(root) / split / kind / "scene_00000" / "scan_00000"
    for number, sample in enumerate(each(samples)):
        name = f"00000_00000_{kind}_{10 * number:03d}_000"
        names.append(name)
        save_picture(folder / f"{name}.png", sample["image"])
        save_array(folder / f"{name}_depth.npy", np.save, sample["depth"].permute(1, 2, 0).numpy().astype(np.float32))
        save_array(folder / f"{name}_depth_mask.npy", np.save, sample["valid"][0].numpy().astype(np.float32))
    save_lines(Path(root) / "diode_meta.json", [json.dumps({split: {kind: {"scene_00000": {"scan_00000": names}}}})])


def write_mai(root: Folder, samples: Samples) -> None:
    """train/rgb and train/depth, 00000.png and on; depth in millimetres, so it must be below 65.535 m."""
    for number, sample in enumerate(each(samples)):
        save_picture(Path(root) / f"train/rgb/{number:05d}.png", sample["image"])
        write_map(Path(root) / f"train/depth/{number:05d}.png", sample["depth"], mai.DEPTH)


def write_make3d(root: Folder, samples: Samples, split: str = "test") -> None:
    """Photographs (the sample's centre, 3:4) and 55 x 305 grids of the pixels nearest to their points."""
    from scipy.io import savemat

    for sample in each(samples):
        height, width = sample["image"].shape[-2:]
        columns = min(width, height * 3 // 4)
        left = (width - columns) // 2
        points = backproject(sample["depth"][None].double(), sample["K"][None].double())[0, :, :, left : left + columns]
        sizes = ((height, make3d.GRID[0]), (columns, make3d.GRID[1]))
        rows, cols = (torch.linspace(0, size - 1, count).round().long() for size, count in sizes)
        x, y, z = points[:, rows][:, :, cols]
        grid = torch.stack((y, x, z, torch.sqrt(x * x + y * y + z * z)), dim=-1).numpy()
        image, depth = (Path(root) / folder for folder in make3d.FOLDERS[split])
        save_picture(image / f"img-{safe_name(sample)}.jpg", sample["image"][..., left : left + columns])
        save_array(depth / f"depth_sph_corr-{safe_name(sample)}.mat", savemat, {"Position3DGrid": grid})


def write_sunrgbd(root: Folder, samples: Samples, split: str = "train") -> None:
    """SUNRGBD/kv2/scenes/<name>/{image,depth,depth_bfx,intrinsics.txt} and the split's list.

    Bits of the millimetres are rotated to the left by three, and the principal point counts pixels from 1.
    """
    root, lines = Path(root), []
    for sample in each(samples):
        folder = f"SUNRGBD/kv2/scenes/{safe_name(sample)}"
        save_picture(root / folder / "image/0000001.jpg", sample["image"])
        for name in sunrgbd.FOLDERS.values():
            write_map(root / folder / name / "0000001.png", sample["depth"], sunrgbd.DEPTH)
        K = sample["K"].double() + torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 0]])
        save_lines(root / folder / "intrinsics.txt", (numbers(row) for row in K))
        lines.append(f"{folder}/image/0000001.jpg")
    save_lines(root / sunrgbd.LISTS[split], lines)


def write_sevenscenes(root: Folder, samples: Samples, split: str = "train", scene: str = "chess") -> None:
    """One sequence a sample (see `as_frames`) and the split's list; the other list is left as it is."""
    folder, lines = Path(root) / scene, []
    first = 1 if split == "train" else 501  # sequences of the two lists do not share folders
    for sequence, sample in enumerate(each(samples), first):
        for number, (image, depth, pose) in enumerate(as_frames(sample)):
            stem = folder / f"seq-{sequence:02d}" / f"frame-{number:06d}"
            save_picture(stem.with_suffix(".color.png"), image)
            write_map(stem.with_suffix(".depth.png"), depth, sevenscenes.DEPTH)
            save_lines(stem.with_suffix(".pose.txt"), (numbers(row, 17) for row in pose))
        lines.append(f"sequence{sequence}")
    save_lines(folder / sevenscenes.LISTS[split], lines)


def write_tum(root: Folder, samples: Samples) -> list[str]:
    """One sequence a sample (see `as_frames`); returns their folders' names, the loader's splits."""
    names = []
    for sample in each(samples):
        names.append(f"rgbd_dataset_freiburg1_{safe_name(sample)}")
        folder = Path(root) / names[-1]
        lists = {"rgb": ["# color images"], "depth": ["# depth maps"], "groundtruth": ["# ground truth trajectory"]}
        for number, (image, depth, pose) in enumerate(as_frames(sample)):
            time = START + number * STEP
            colour_file, depth_file = f"rgb/{time:.6f}.png", f"depth/{time + LAG:.6f}.png"
            save_picture(folder / colour_file, image)
            write_map(folder / depth_file, depth, tum.DEPTH)
            lists["rgb"].append(f"{time:.6f} {colour_file}")
            lists["depth"].append(f"{time + LAG:.6f} {depth_file}")
            row = torch.cat((pose[:3, 3], matrix_to_quaternion(pose[:3, :3])))
            lists["groundtruth"].append(f"{time + 0.001:.4f} {numbers(row, 7)}")
        for kind, lines in lists.items():
            save_lines(folder / f"{kind}.txt", lines)
    return names


def as_frames(sample: Mapping[str, Any]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(image, depth [1,H,W], T_world_camera [4,4] float64) of the views that the sample has, in their order in time.

    The world is the current camera's frame. Only the current view has depth; the others get 0 everywhere, no
    measurement, so such a sequence can be read with the views around the middle frame, not frame by frame.
    """
    frames = []
    for view in ("previous", "current", "next"):
        if view == "current":
            frames.append((sample["image"], sample["depth"], torch.eye(4, dtype=torch.float64)))
        elif view in sample:
            pose = torch.linalg.inv(sample[f"T_{view}_current"].double())
            frames.append((sample[view], torch.zeros_like(sample["depth"]), pose))
    return frames
