"""Files in the formats of data sets with relative depth from scenes: DIW, the Mannequin Challenge, ReDWeb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from depthlib.data import diw, mannequin
from depthlib.data.redweb import SKY
from depthlib.scenes.degrade import ordinal_pairs
from depthlib.scenes.writers.pictures import bytes_of, numbers, save_array, save_h5, save_lines, save_picture
from depthlib.scenes.writers.samples import Folder, Samples, each, safe_name

TIME = 10_000_000  # microseconds


def write_diw(root: Folder, samples: Samples, split: str = "train", seed: int = 0) -> None:
    """JPEG data in .thumb files, and the split's list with one pair per image: `ordinal_pairs` with seed + number."""
    folder, lines = "DIW_test" if split == "test" else "DIW_train_val", []
    for number, sample in enumerate(each(samples)):
        name = f"./{folder}/{safe_name(sample)}.thumb"
        save_picture(Path(root) / name, sample["image"])
        pairs = ordinal_pairs(sample["depth"], sample["valid"], seed + number)
        points = [int(value[0]) + 1 for value in (pairs.y1, pairs.x1, pairs.y2, pairs.x2)]
        height, width = sample["image"].shape[-2:]
        lines += [name, ",".join(map(str, [*points, ">" if int(pairs.relation[0]) > 0 else "<", width, height]))]
    save_lines(Path(root) / diw.FOLDER / diw.LISTS[split], lines)


def write_mannequin(
    root: Folder, samples: Samples, split: str = "train", *, suffix: str = ".npz", scale: float = 1.0
) -> None:
    """One clip of one frame per sample: its arrays and cameras; `scale` multiplies depth, which is arbitrary."""
    for sample in each(samples):
        clip = Path(root) / split / safe_name(sample)
        height, width = sample["image"].shape[-2:]
        depth = (sample["depth"][0] * scale).numpy().astype(np.float32)
        arrays = dict(zip(mannequin.KEYS, (bytes_of(sample["image"]), depth, sample["valid"][0].numpy()), strict=True))
        if suffix == ".h5":
            save_h5(clip / f"{TIME}.h5", **arrays)
        else:
            save_array(clip / f"{TIME}{suffix}", np.savez_compressed, **arrays)
        K = sample["K"]
        camera = (K[0, 0] / width, K[1, 1] / height, (K[0, 2] + 0.5) / width, (K[1, 2] + 0.5) / height)
        row = f"{TIME} {numbers(camera)} 0 0 {numbers(np.eye(4)[:3])}"
        save_lines(clip.with_name(f"{clip.name}.txt"), ["https://www.youtube.com/watch?v=none", row])


def write_redweb(root: Folder, samples: Samples) -> None:
    """Imgs/*.jpg and RDs/*.png: 8 bits, disparity scaled to 0 (nearest) to 254 (farthest), 255 without a surface."""
    for sample in each(samples):
        depth, valid = sample["depth"][0].double(), sample["valid"][0]
        inverse = 1 / torch.where(valid, depth, 1.0)
        near, far = inverse[valid].max(), inverse[valid].min()
        stored = torch.where(valid, ((near - inverse) / (near - far) * (SKY - 1)).round(), float(SKY))
        save_picture(Path(root) / f"Imgs/{safe_name(sample)}.jpg", sample["image"])
        save_picture(Path(root) / f"RDs/{safe_name(sample)}.png", stored.byte().numpy())
