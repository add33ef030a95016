"""Sequences in the format of 7-Scenes from scenes."""

from __future__ import annotations

import os
from pathlib import Path

from depthlib.data.sevenscenes import LISTS
from depthlib.scenes.writers.pictures import Samples, bytes_of, each, numbers, save_lines, save_picture, stored16
from depthlib.scenes.writers.video import as_frames


def write_sevenscenes(root: str | os.PathLike[str], samples: Samples, split: str = "train", scene: str = "chess") -> None:
    """One sequence a sample (see `as_frames`) and the split's list; the other list is left as it is."""
    root = Path(root)
    lines = []
    first = 1 if split == "train" else 501          # sequences of the two lists do not share folders
    for sequence, sample in enumerate(each(samples), first):
        for number, (image, depth, pose) in enumerate(as_frames(sample)):
            stem = root / scene / f"seq-{sequence:02d}" / f"frame-{number:06d}"
            save_picture(stem.with_suffix(".color.png"), bytes_of(image))
            save_picture(stem.with_suffix(".depth.png"), stored16(depth, 1000))
            save_lines(stem.with_suffix(".pose.txt"), (numbers(row, 17) for row in pose))
        lines.append(f"sequence{sequence}")
    save_lines(root / scene / LISTS[split], lines)
