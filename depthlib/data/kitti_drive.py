"""Two KITTI drives of the samples, cropped for networks that halve the frame six times.

Drive 0001 of 2011_09_26 in SfMLearner's format is the training set: small frames without depth. The test set is its two
frames with KITTI's semi-dense depth at full size. The seven frames of drive 0023, raw with projected LiDAR depth, are
resized in the same way: a second test set from a drive that is not trained on.
"""

from __future__ import annotations

from typing import Any

from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from depthlib.base.paths import samples_dir
from depthlib.data.depth_png import read_depth_png
from depthlib.data.errors import DataError
from depthlib.data.kitti import KittiFormatted, KittiRaw, drive_frames
from depthlib.data.transforms import CenterCrop

FOLDER, DRIVE = "kitti/sfmlearner_format/test", "2011_09_26_drive_0001_sync_02"
DEPTH = "kitti/depth_annotated_drive_0001/depth"
OTHER, OTHER_DRIVE = "kitti/raw_drive_0023_packnet", "2011_09_26_drive_0023_sync"
SIZE, WHOLE = (128, 384), (128, 416)  # pixels; frames of 128 x 416 lose 16 columns on each side
TESTED = ("0000000005", "0000000050")
PARTS = ("train", "test", "other")


class Drive(Dataset):
    """`part` "train": triplets of drive 0001 without depth, whose middle frame is not in the test set. "test": its two
    frames with depth. "other": the frames of drive 0023.

    An item: image float32 [3,128,384], name; in training also K, previous and next; else depth [1,H,W] metres and
    valid, at the size of KITTI's own frames and cut to the same view.

    Raises DataError where the samples are absent, ValueError for another part.
    """

    def __init__(self, part: str) -> None:
        if part not in PARTS:
            raise ValueError(f"part: found {part!r}, expected one of {', '.join(PARTS)}")
        root = samples_dir()
        if root is None:
            raise DataError(f"DEPTHLIB_SAMPLES: found no folder of real samples, expected one with {FOLDER}")
        self.root, self.part, self.cut = root, part, CenterCrop(SIZE)
        if part == "other":
            self.frames: KittiRaw | KittiFormatted = KittiRaw(
                root / OTHER, drive_frames(root / OTHER, OTHER_DRIVE), depth="projected"
            )
            self.rows = list(range(len(self.frames)))
            return
        views = ("current", "previous", "next") if part == "train" else ("current",)
        self.frames = KittiFormatted(root / FOLDER, [DRIVE], views=views)
        stems = [entry["current"].stem for entry in self.frames.entries]
        self.rows = [row for row, stem in enumerate(stems) if (stem in TESTED) == (part == "test")]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.frames[self.rows[index]]
        if self.part == "train":
            return self.cut(item)
        if self.part == "test":
            depth = read_depth_png(self.root / DEPTH / f"{item['name'].rpartition('/')[2]}.png", scale=256)[None]
        else:
            depth = item["depth"]
        image = interpolate(item["image"][None], WHOLE, mode="bilinear", antialias=True, align_corners=False)[0]
        lost = round(depth.shape[-1] * (WHOLE[1] - SIZE[1]) / 2 / WHOLE[1])
        depth = depth[..., lost : depth.shape[-1] - lost].contiguous()
        return self.cut({"image": image, "name": item["name"]}) | {"depth": depth, "valid": depth > 0}

    def fingerprint(self) -> str:
        return f"{self.frames.fingerprint()} {self.part} {SIZE} {TESTED}"


def drive(part: str) -> Drive:
    """See `Drive`."""
    return Drive(part)
