"""Speed of the loaders: `python -m depthlib.bench.loading --images 16`. Images per second of one worker.

Files in the formats and sizes of the real data sets are first written into a temporary folder, with as much detail as
photographs. They are read once before the measurement, so that decoding and checking are timed, not the disk.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from depthlib.bench import MIB, seconds
from depthlib.data.dataset_base import Camera, pinhole
from depthlib.data.kitti.depth import KittiDepth
from depthlib.data.kitti.raw import KittiRaw
from depthlib.data.nyu import CAMERA, NYU48K, NYULabelled, NYURaw
from depthlib.scenes.writers.kitti import write_kitti_raw
from depthlib.scenes.writers.kitti_benchmarks import write_kitti_depth
from depthlib.scenes.writers.nyu import write_nyu, write_nyu48k, write_nyuraw
from depthlib.scenes.writers.pictures import save_lines

SETS = ("kitti-raw", "kitti-depth", "nyu", "nyu48k", "nyuraw")
RETURNS = 0.2       # share of the pixels of a KITTI frame with LiDAR or annotated depth


def samples(count: int, height: int, width: int, camera: Camera, far: float, share: float) -> list[dict[str, Any]]:
    """Noise of several scales as pictures and depth from a tenth of `far` to `far`, at a share of the pixels."""
    generator = torch.Generator().manual_seed(0)

    def field(channels: int, coarsest: int) -> torch.Tensor:
        total = torch.zeros(channels, height, width)
        for cell in (coarsest, 16, 4, 1):
            coarse = torch.rand(1, channels, max(height // cell, 2), max(width // cell, 2), generator=generator)
            total = total + cell ** 0.5 * F.interpolate(coarse, (height, width), mode="bilinear")[0]
        return (total - total.min()) / (total.max() - total.min())

    items = []
    for number in range(count):
        kept = torch.rand(1, height, width, generator=generator) < share
        depth = torch.where(kept, far * (0.1 + 0.9 * field(1, 64)), 0.0)
        items.append({
            "image": field(3, 64), "depth": depth, "valid": depth > 0, "K": pinhole(camera),
            "name": f"made/{number:06d}", "semantics": (13 * field(1, 64)[0]).long().clamp(max=12),
        })
    return items


def make(name: str, root: Path, count: int) -> Dataset:
    """One of `SETS` with `count` images, written into a folder and opened."""
    if name == "kitti-depth":
        write_kitti_depth(root, samples(count, 352, 1216, (721.5, 721.5, 596.6, 149.9), 80.0, RETURNS))
        return KittiDepth(root)
    if name == "kitti-raw":
        items = samples(count, 375, 1242, (721.5, 721.5, 609.6, 172.9), 80.0, RETURNS)
        for item in items:
            item["baseline"], item["right"] = torch.tensor(0.54), item["image"]
        save_lines(root / "frames.txt", write_kitti_raw(root, items))
        return KittiRaw(root, root / "frames.txt")
    items = samples(count, 480, 640, CAMERA, 8.0, 0.8)
    if name == "nyu":
        write_nyu(root, items, items[:1])
        return NYULabelled(root, "train", classes=13)
    write, opened = (write_nyu48k, NYU48K) if name == "nyu48k" else (write_nyuraw, NYURaw)
    write(root, items)
    return opened(root, "train")


def images_per_second(dataset: Dataset, workers: int, repeats: int) -> list[float]:
    """One rate for each pass over the data, after an untimed pass."""
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, persistent_workers=workers > 0)
    return [len(dataset) / time for time in seconds(lambda: sum(1 for _ in loader), repeats + 1)[1:]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="images per second of the loaders, one worker")
    parser.add_argument("sets", nargs="*", metavar="set", help=f"any of {', '.join(SETS)}; all by default")
    parser.add_argument("--images", type=int, default=16, help="images of each set")
    parser.add_argument("--repeats", type=int, default=3, help="timed passes")
    parser.add_argument("--workers", type=int, choices=(0, 1), default=1, help="0 reads in this process")
    options = parser.parse_args(argv)
    if unknown := set(options.sets) - set(SETS):
        parser.error(f"unknown set {sorted(unknown)[0]!r}: expected any of {', '.join(SETS)}")
    if options.images < 1 or options.repeats < 1:
        parser.error("--images and --repeats must be at least 1")
    torch.set_num_threads(1)        # as in a DataLoader's worker
    where = "a worker" if options.workers else "this process"
    print(f"{where}, one thread, median of {options.repeats} passes over {options.images} images (smallest to largest)")
    for name in options.sets or SETS:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            dataset = make(name, root, options.images)
            size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / options.images / MIB
            rates = images_per_second(dataset, options.workers, options.repeats)
            height, width = dataset[0]["image"].shape[-2:]
            print(f"{name:12} {width} x {height}: {median(rates):6.1f} images/s "
                  f"({min(rates):.1f} to {max(rates):.1f}), {size:.2f} MiB an image")


if __name__ == "__main__":
    main()
