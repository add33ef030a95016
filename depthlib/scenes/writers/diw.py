"""Files in the format of DIW from scenes."""

from __future__ import annotations

import os
from pathlib import Path

from depthlib.data.diw import FOLDER, LISTS
from depthlib.scenes.degrade import ordinal_pairs
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, safe_name, save_lines, save_picture


def write_diw(root: str | os.PathLike[str], samples: Samples, split: str = "train", seed: int = 0) -> None:
    """JPEG data in .thumb files, and the split's list with one pair per image, of `ordinal_pairs` with seed + number.
    """
    root = Path(root)
    folder, lines = "DIW_test" if split == "test" else "DIW_train_val", []
    for number, sample in enumerate(each(samples)):
        name = f"./{folder}/{safe_name(sample)}.thumb"
        save_picture(root / name, bytes_of(sample["image"]))
        pairs = ordinal_pairs(sample["depth"], sample["valid"], seed + number)
        points = [int(value[0]) + 1 for value in (pairs.y1, pairs.x1, pairs.y2, pairs.x2)]
        height, width = sample["image"].shape[-2:]
        lines += [name, ",".join(map(str, [*points, ">" if int(pairs.relation[0]) > 0 else "<", width, height]))]
    save_lines(root / FOLDER / LISTS[split], lines)
