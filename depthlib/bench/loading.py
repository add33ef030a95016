"""Speed of the loaders: `python -m depthlib.bench.loading --workers 0 2 8`.

Images per second in batches, with the transforms of a supervised training (flip, rotation, crop, colours), and the
cores that a GPU which takes 1,000 images per second would need: the seconds of a core for each image, times 1,000.

Files in the formats and sizes of the real data sets are first written into a temporary folder, with as much detail as
photographs. They are read once before the measurement, so that decoding and checking are timed, not the disk.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from depthlib.bench import MIB, seconds
from depthlib.data.dataset_base import Camera, pinhole
from depthlib.data.kitti.depth import KittiDepth
from depthlib.data.kitti.raw import KittiRaw
from depthlib.data.kitti.splits import RawFrame
from depthlib.data.nyu import CAMERA, NYU48K, NYULabelled, NYURaw
from depthlib.data.transforms import (
    ColourJitter,
    Compose,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    StepSampler,
    Transform,
    Transformed,
    collate,
)
from depthlib.scenes.writers.kitti import write_kitti_raw
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_annotated, write_kitti_depth
from depthlib.scenes.writers.nyu import write_nyu, write_nyu48k, write_nyuraw
from depthlib.scenes.writers.pictures import save_lines, save_picture

SETS = ("kitti-png", "kitti-jpeg", "kitti-raw", "kitti-depth", "nyu", "nyu48k", "nyuraw")
WORKERS = (0, 2, 8)
GPU = 1000  # images per second
BATCH = 8
FILES = 16  # a pass over more images reads them again
RETURNS = 0.2  # share of the pixels of a KITTI frame with LiDAR or annotated depth


def training(size: tuple[int, int]) -> Transform:
    """The augmentation of a supervised training on KITTI or NYU, down to `size`."""
    colours = ColourJitter(brightness=(0.9, 1.1), contrast=(0.9, 1.1), saturation=(0.9, 1.1), p=0.5)
    return Compose((RandomFlip(), RandomRotate((-2.5, 2.5)), RandomCrop(size), colours))


def samples(count: int, height: int, width: int, camera: Camera, far: float, share: float) -> list[dict[str, Any]]:
    """Noise of several scales as pictures and depth from a tenth of `far` to `far`, at a share of the pixels."""
    generator = torch.Generator().manual_seed(0)

    def field(channels: int, coarsest: int) -> torch.Tensor:
        total = torch.zeros(channels, height, width)
        for cell in (coarsest, 16, 4, 1):
            coarse = torch.rand(1, channels, max(height // cell, 2), max(width // cell, 2), generator=generator)
            total = total + cell**0.5 * F.interpolate(coarse, (height, width), mode="bilinear")[0]
        return (total - total.min()) / (total.max() - total.min())

    items = []
    for number in range(count):
        kept = torch.rand(1, height, width, generator=generator) < share
        depth = torch.where(kept, far * (0.1 + 0.9 * field(1, 64)), 0.0)
        items.append(
            {
                "image": field(3, 64),
                "depth": depth,
                "valid": depth > 0,
                "K": pinhole(camera),
                "name": f"made/{number:06d}",
                "semantics": (13 * field(1, 64)[0]).long().clamp(max=12),
            }
        )
    return items


def make(name: str, root: Path, count: int) -> Dataset:
    """One of `SETS` with `count` images, written into a folder and opened."""
    if name == "kitti-depth":
        write_kitti_depth(root, samples(count, 352, 1216, (721.5, 721.5, 596.6, 149.9), 80.0, RETURNS))
        return KittiDepth(root)
    if name.startswith("kitti"):
        items = samples(count, 375, 1242, (721.5, 721.5, 609.6, 172.9), 80.0, RETURNS)
        if name == "kitti-raw":
            for item in items:
                item["baseline"], item["right"] = torch.tensor(0.54), item["image"]
        lines = write_kitti_raw(root, items)
        save_lines(root / "frames.txt", lines)
        if name == "kitti-raw":
            return KittiRaw(root, root / "frames.txt")
        for path in root.glob("*/*/velodyne_points/data/*.bin"):
            path.unlink()
        entries = [line.split() for line in lines]
        frames = [RawFrame(drive.rpartition("/")[2], int(number), side) for drive, number, side in entries]
        write_kitti_annotated(root / "annotated", items, frames)
        if name == "kitti-jpeg":
            for path in root.glob("*/*/image_02/data/*.png"):
                with Image.open(path) as picture:
                    save_picture(path.with_suffix(".jpg"), np.array(picture))
                path.unlink()
        return KittiRaw(root, frames, depth="annotated", annotated=root / "annotated")
    items = samples(count, 480, 640, CAMERA, 8.0, 0.8)
    if name == "nyu":
        write_nyu(root, items, items[:1])
        return NYULabelled(root, "train", classes=13)
    write, opened = (write_nyu48k, NYU48K) if name == "nyu48k" else (write_nyuraw, NYURaw)
    write(root, items)
    return opened(root, "train")


def passes(dataset: Dataset, images: int, workers: int, repeats: int) -> list[float]:
    """Seconds of each pass over `images` images in batches."""
    positions = [number % len(dataset) for number in range(images)]
    batches = StepSampler([positions[first : first + BATCH] for first in range(0, images, BATCH)])
    loader = DataLoader(
        dataset, batch_sampler=batches, num_workers=workers, persistent_workers=workers > 0, collate_fn=collate
    )
    return seconds(lambda: sum(1 for _ in loader), repeats)


def speed(dataset: Dataset, images: int, workers: int, repeats: int) -> tuple[list[float], float]:
    """Images per second of each pass, after an untimed one, and the seconds of a core for an image."""
    before = sum(os.times()[:4])  # user and system time, of this process and of workers that have ended
    times = passes(dataset, images, workers, repeats + 1)
    gc.collect()  # the loader and so its workers have ended
    return [images / time for time in times[1:]], (sum(os.times()[:4]) - before) / (images * len(times))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="images per second of the loaders, and the cores that a GPU needs")
    parser.add_argument("sets", nargs="*", metavar="set", help=f"any of {', '.join(SETS)}; the first two by default")
    parser.add_argument("--images", type=int, default=64, help="images of a pass")
    parser.add_argument("--repeats", type=int, default=5, help="timed passes")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="counts; 0 reads in this process")
    parser.add_argument("--plain", action="store_true", help="read alone, without transforms")
    options = parser.parse_args(argv)
    if unknown := set(options.sets) - set(SETS):
        parser.error(f"unknown set {sorted(unknown)[0]!r}: expected any of {', '.join(SETS)}")
    if options.images < 1 or options.repeats < 1 or min(options.workers) < 0:
        parser.error("--images and --repeats must be at least 1, --workers at least 0")
    torch.set_num_threads(1)  # as in a DataLoader's worker
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores, on purpose
    print(
        f"{os.cpu_count()} cores, one thread a worker, batches of {BATCH}, "
        f"{'read alone' if options.plain else 'with transforms'}; median of {options.repeats} passes over "
        f"{options.images} images (smallest to largest)"
    )
    for name in options.sets or SETS[:2]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            dataset = make(name, root, min(options.images, FILES))
            size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / len(dataset) / MIB
            height, width = dataset[0]["image"].shape[-2:]
            crop = (352, 704) if name.startswith("kitti") else (416, 544)
            read = Transformed(dataset, Compose(()) if options.plain else training(crop), seed=0)
            for workers in options.workers:
                rates, core = speed(read, options.images, workers, options.repeats)
                print(
                    f"{name:12} {width} x {height}, {size:.2f} MiB an image, {workers} workers: "
                    f"{median(rates):6.1f} images/s ({min(rates):.1f} to {max(rates):.1f}); {1000 * core:.1f} ms of "
                    f"a core an image, so {GPU:,} images/s take {math.ceil(GPU * core)} cores",
                    flush=True,
                )


if __name__ == "__main__":
    main()
