"""Scenes with the labels of relative-depth data sets: one pair per image, 8-bit maps, depth without a scale.

Each set has weaker labels than the dense metres of the scenes, like the data set that it replaces (the mobile paper,
Sec. 3.2.2). Information that it withholds is not in its items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from depthlib.data.redweb import SKY
from depthlib.data.transforms import Resize
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes.degrade import ordinal_pairs

KEPT = ("image", "depth", "valid", "semantics", "name")


class Frames(Dataset):
    """Frames of several distributions, one after the other, all at one size.

    Items: image [3,H,W], depth [1,H,W] in metres, valid [1,H,W], semantics [H,W], name. Frames of another shape are
    resized, as in the paper DIW to 224 x 448 (Sec. 4.1): images with antialiasing, labels by the nearest pixel.

    Args:
        parts: for each distribution `family`, `first` and `count` of its scenes, and fields of `SceneDistribution`.
            Scenes of one family, split and number are the same scene under all knobs: disjoint sets use different
            numbers.
        split: "train", "val" or "test". size: rows and columns.
    """

    def __init__(self, parts: Sequence[Mapping[str, Any]], split: str, size: Sequence[int]) -> None:
        self.size = (int(size[0]), int(size[1]))
        self.sets = []
        for part in parts:
            knobs = {name: value for name, value in part.items() if name not in ("first", "count")}
            scenes = SceneDataset(SceneDistribution(**knobs), split, part["count"], first=part["first"], progress=True)
            self.sets.append(scenes)
        self.all = ConcatDataset(self.sets)
        self.resize = Resize(self.size)

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = {name: value for name, value in self.all[range(len(self))[index]].items() if name in KEPT}
        return item if item["image"].shape[-2:] == self.size else self.resize(item, None)

    def fingerprint(self) -> str:
        return _digest(f"{self.size}", *(scenes.fingerprint() for scenes in self.sets))


class OrdinalFrames(Dataset):
    """As DIW: only human annotations of which of two points is farther. Items: image, pairs [P,5], name.

    pairs: int64 rows (y1, x1, y2, x2, relation), relation +1 where the first point is farther, -1 where it is nearer.

    Args:
        frames: items with depth and valid. pairs: of each image; 1 in DIW.
        equal_ratio: pairs with a depth ratio below 1 + this are not drawn, since annotators could not order them.
    """

    def __init__(self, frames: Frames, pairs: int = 1, equal_ratio: float = 0.1) -> None:
        self.frames, self.count, self.equal_ratio = frames, pairs, equal_ratio
        self.pairs = [self._draw(frames[index]) for index in range(len(frames))]

    def _draw(self, item: dict[str, Any]) -> Tensor:
        drawn = ordinal_pairs(
            item["depth"], item["valid"], _seed(item["name"]), self.count, equal_ratio=self.equal_ratio
        )
        return torch.stack([drawn.y1, drawn.x1, drawn.y2, drawn.x2, drawn.relation], dim=1)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.frames[index]
        return {"image": item["image"], "pairs": self.pairs[index], "name": item["name"]}

    def fingerprint(self) -> str:
        return _digest(f"{self.count} pairs, apart by {self.equal_ratio}", self.frames.fingerprint())


class RelativeFrames(Dataset):
    """As ReDWeb: inverted disparity in 8 bits, each image from 0, its nearest, to 255, the sky. Items: image, relative,
    valid, name.

    relative: float32 [1,H,W], stored number / 255, larger = farther, as `depthlib.data.redweb.ReDWeb` gives it. All
    pixels are valid.
    """

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.frames[index]
        relative = relative_map(item["depth"], item["valid"])
        return {
            "image": item["image"],
            "relative": relative,
            "valid": torch.ones_like(item["valid"]),
            "name": item["name"],
        }

    def fingerprint(self) -> str:
        return _digest("8-bit relative maps", self.frames.fingerprint())


class ScaleFreeFrames(Dataset):
    """As Mannequin Challenge: dense depth with holes, of unknown scale. Items: image, depth, valid, name.

    depth: divided by its median over the valid pixels, without metric scale; 0 where invalid. Holes are those of the
    frames, see `defect_share` of `SceneDistribution`.
    """

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.frames[index]
        depth, valid = item["depth"], item["valid"]
        return {"image": item["image"], "depth": depth / depth[valid].median(), "valid": valid, "name": item["name"]}

    def fingerprint(self) -> str:
        return _digest("depth up to a scale", self.frames.fingerprint())


def relative_map(depth: Tensor, valid: Tensor) -> Tensor:
    """The contents of a ReDWeb file for a depth map, divided by 255: [...,1,H,W] metres, bool -> float32 in [0,1].

    255 - 255 (1/d - min 1/d) / (max 1/d - min 1/d), rounded; 255 without depth (sky), as in ReDWeb.
    """
    disparity = torch.where(valid, 1 / depth.clamp_min(1e-6), 0)
    farthest, nearest = disparity[valid].min(), disparity[valid].max()
    stored = (SKY * (1 - (disparity - farthest) / (nearest - farthest).clamp_min(1e-12))).round()
    return torch.where(valid, stored, SKY) / SKY


def _seed(name: str) -> int:
    """Seed of the pairs of an image: the same in every set."""
    return int.from_bytes(hashlib.sha256(f"pairs of {name}".encode()).digest()[:7], "big")


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
