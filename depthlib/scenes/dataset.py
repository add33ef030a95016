"""The scenes as a torch dataset."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.base.progress import bar
from depthlib.scenes import cache as disk
from depthlib.scenes.degrade import defective_labels
from depthlib.scenes.distribution import SPLITS, VERSION, SceneDistribution, scene_seed
from depthlib.scenes.frame import NORMAL_SCALE, StoredFrame, canonical_frame, pose
from depthlib.scenes.generate import make_scene
from depthlib.scenes.parallel import in_threads
from depthlib.scenes.renderer import intrinsics

VIEWS = ("current", "right", "previous", "next")
EXTRAS = ("normals", "instances", "disparity")


class SceneDataset(Dataset):
    """Frames of the scenes benchmark, rendered once, kept on disk and held in memory.

    An item is a dictionary:
        image: float32 [3, H, W] in [0, 1]. depth: float32 [1, H, W] metres along z, 0 where invalid.
        valid: bool [1, H, W]. K: float32 [3, 3] pixels. semantics: int64 [H, W]. name: "rooms/train/000012".
        With the view "right": right float32 [3, H, W] and baseline, float32 scalar in metres.
        With "previous", "next": those images, and T_previous_current, T_next_current float32 [4, 4].
        With the extra "normals": float32 [3, H, W] in the camera's frame, 0 on the sky; "instances": int64 [H, W];
        "disparity": float32 [1, H, W], pixels between this image and the right one, 0 where depth_true is invalid.
        With a defect_share above 0: depth and valid lack the defective labels; depth_true float32 [1, H, W] has them,
        and defect, bool [1, H, W], marks them.

    Args:
        distribution: family, size and knobs.
        split: "train", "val" or "test"; splits share no scene.
        count: number of scenes; `first` is the number of the first one.
        views: "current" and any of "right", "previous", "next". Views not named here are not rendered.
        extras: any of "normals", "instances", "disparity".
        cache: keep rendered frames on disk (`depthlib.base.paths.cache_dir()`); damaged ones are rendered again.
        progress: show a bar while frames are rendered.

    Raises:
        TypeError, ValueError: an argument is not of the kind or not one of the values above.
    """

    def __init__(
        self, distribution: SceneDistribution, split: str, count: int, *, first: int = 0, views: Sequence[str] = ("current",),
        extras: Sequence[str] = (), cache: bool = True, progress: bool = False,
    ) -> None:
        if not isinstance(distribution, SceneDistribution):
            raise TypeError(f"distribution: found {type(distribution).__name__}, expected a SceneDistribution")
        if split not in SPLITS:
            raise ValueError(f"split: found {split!r}, expected one of {', '.join(SPLITS)}")
        for name, value in (("count", count), ("first", first)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name}: found {value!r}, expected an integer of at least 0")
        self.distribution, self.split, self.first = distribution, split, first
        self.views = _chosen("views", views, VIEWS)
        self.extras = _chosen("extras", extras, EXTRAS)
        if "current" not in self.views:
            raise ValueError(f"views: found {self.views}, expected 'current' among them")
        self._k = intrinsics(distribution).to(torch.float32)
        order = _rotated(range(first, first + count))
        obtained = in_threads(lambda index: self._obtain(index, cache), order)
        if progress:
            obtained = bar(obtained, total=count, title=f"{VERSION} {distribution.family}/{split}", unit="scene")
        found = dict(zip(order, obtained, strict=True))
        self._scenes = [found[index] for index in range(first, first + count)]

    def _obtain(self, index: int, cache: bool) -> dict[str, StoredFrame]:
        """The requested views of a scene, from disk if their files are valid."""
        scene, frames = None, {}
        for view in self.views:
            path = disk.frame_path(self.distribution, self.split, index, view)
            frame = disk.load(path) if cache else None
            if frame is None or frame.depth.shape != (self.distribution.height, self.distribution.width):
                scene = scene or make_scene(self.distribution, self.split, index)
                frame = canonical_frame(scene, view, self.distribution)
                if cache:
                    disk.save(path, frame)
            frames[view] = frame if view == "current" else _image_only(frame)
        frames["current"] = self._lean(frames["current"])
        return frames

    def _lean(self, frame: StoredFrame) -> StoredFrame:
        """Drop arrays that no item needs, to save memory."""
        nothing = np.empty(0)
        keep = {
            "normals": "normals" in self.extras,
            "instances": "instances" in self.extras,
            "glossy": self.distribution.defect_share > 0,
        }
        return replace(frame, **{name: nothing for name, kept in keep.items() if not kept})

    def __len__(self) -> int:
        return len(self._scenes)

    def name(self, position: int) -> str:
        return f"{self.distribution.family}/{self.split}/{self.first + position:06d}"

    def __getitem__(self, position: int) -> dict[str, Any]:
        position = range(len(self))[position]           # negative numbers count from the end; IndexError beyond
        frames = self._scenes[position]
        current = frames["current"]
        depth = self._metres(current)
        item: dict[str, Any] = {
            "image": _image(current), "depth": depth, "valid": depth > 0, "K": self._k.clone(),
            "semantics": torch.from_numpy(current.semantics.astype(np.int64)), "name": self.name(position),
        }
        if "disparity" in self.extras:
            length = self._k[0, 0] * float(current.baseline)
            item["disparity"] = torch.where(depth > 0, length / depth.clamp(min=1e-6), 0.0)
        if self.distribution.defect_share > 0:
            seed = scene_seed(self.distribution.family, self.split, self.first + position)
            glossy = torch.from_numpy(current.glossy)[None]
            item["depth_true"] = depth
            item["depth"], item["valid"], item["defect"] = defective_labels(
                depth, depth > 0, seed, share=self.distribution.defect_share, glossy=glossy)
        if "right" in frames:
            item["right"] = _image(frames["right"])
            item["baseline"] = torch.tensor(float(current.baseline), dtype=torch.float32)
        for view in ("previous", "next"):
            if view in frames:
                item[view] = _image(frames[view])
                item[f"T_{view}_current"] = torch.from_numpy(pose(frames[view], current).astype(np.float32))
        if "normals" in self.extras:
            item["normals"] = torch.from_numpy(current.normals.astype(np.float32) / NORMAL_SCALE)
        if "instances" in self.extras:
            item["instances"] = torch.from_numpy(current.instances.astype(np.int64))
        return item

    def _metres(self, frame: StoredFrame) -> Tensor:
        return torch.from_numpy((frame.depth / self.distribution.depth_scale).astype(np.float32))[None]

    def fingerprint(self) -> str:
        """SHA-256 of the data in the items: names, pixels, poses, and the share of defective labels."""
        digest = hashlib.sha256(f"{VERSION} {self.views} {self.extras} {self.distribution.defect_share}".encode())
        for position, frames in enumerate(self._scenes):
            digest.update(self.name(position).encode())
            for view in self.views:
                digest.update(frames[view].digest().encode())
                for array in (frames[view].position, frames[view].axes, frames[view].baseline):
                    # micrometres: the last bits of a cosine differ between machines and would change the hash
                    digest.update(np.ascontiguousarray(np.round(np.asarray(array) * 1e6), dtype="<i8").tobytes())
        return digest.hexdigest()


def _chosen(name: str, found: Sequence[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """The choice in the order of `known`, without repeats."""
    if isinstance(found, str):
        raise TypeError(f"{name}: found the string {found!r}, expected several names, for example ({found!r},)")
    for item in found:
        if item not in known:
            raise ValueError(f"{name}: found {item!r}, expected any of {', '.join(known)}")
    return tuple(item for item in known if item in found)


def _rotated(numbers: Sequence[int]) -> list[int]:
    """In order from a start that depends on the process, so that simultaneous runs render different frames first.

    Processes with neighbouring numbers start far apart (golden ratio).
    """
    start = int(os.getpid() * 0.6180339887498949 % 1 * len(numbers))
    return [*numbers[start:], *numbers[:start]]


def _image_only(frame: StoredFrame) -> StoredFrame:
    nothing = np.empty(0)
    return replace(frame, depth=nothing, semantics=nothing, instances=nothing, normals=nothing, glossy=nothing)


def _image(frame: StoredFrame) -> Tensor:
    return torch.from_numpy(frame.image.astype(np.float32) / 255)
