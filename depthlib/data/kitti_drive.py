"""One real drive of the samples, cut for networks that halve the frame six times: 2011_09_26 drive 0001 in SfMLearner's format.

The small frames come without depth. Two of them have KITTI's official semi-dense depth, at full size: they are the test.
"""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from depthlib.data.errors import DataError
from depthlib.data.images import read_depth_png
from depthlib.data.kitti import KittiFormatted
from depthlib.data.transforms import CenterCrop
from depthlib.paths import samples_dir

FOLDER, DRIVE = "kitti/sfmlearner_format/test", "2011_09_26_drive_0001_sync_02"
DEPTH = "kitti/depth_annotated_drive_0001/depth"
SIZE, WHOLE = (128, 384), 416       # pixels; frames of 128 x 416 lose 16 columns on each side
TESTED = ("0000000005", "0000000050")


class Drive(Dataset):
    """`part` "train": triplets whose middle frame is not in the test, without depth. "test": the two frames that have depth.

    An item: image float32 [3,128,384], K, name; in training previous and next; in the test depth [1,H,W] metres and valid, at
    the size of KITTI's own frames and cut to the same view.

    Raises DataError where the samples are absent, ValueError for another part.
    """

    def __init__(self, part: str) -> None:
        if part not in ("train", "test"):
            raise ValueError(f"part must be train or test, got {part!r}")
        root = samples_dir()
        if root is None:
            raise DataError("DEPTHLIB_SAMPLES names no folder of real samples, expected one with " + FOLDER)
        views = ("current", "previous", "next") if part == "train" else ("current",)
        self.root, self.part, self.cut = root, part, CenterCrop(SIZE)
        self.frames = KittiFormatted(root / FOLDER, [DRIVE], views=views)
        stems = [entry["current"].stem for entry in self.frames.entries]
        self.rows = [row for row, stem in enumerate(stems) if (stem in TESTED) == (part == "test")]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.cut(self.frames[self.rows[index]])
        if self.part == "test":
            depth = read_depth_png(self.root / DEPTH / f"{item['name'].rpartition('/')[2]}.png", scale=256)
            columns = depth.shape[-1]
            lost = round(columns * (WHOLE - SIZE[1]) / 2 / WHOLE)
            item["depth"] = depth[None, :, lost : columns - lost].contiguous()
            item["valid"] = item["depth"] > 0
        return item

    def fingerprint(self) -> str:
        return f"{self.frames.fingerprint()} {self.part} {SIZE} {TESTED}"


def drive(part: str) -> Drive:
    """See `Drive`."""
    return Drive(part)
