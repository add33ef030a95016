"""The scenes as a torch dataset."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.base.progress import bar
from depthlib.geometry.camera import pixel_grid
from depthlib.scenes import cache as disk
from depthlib.scenes.degrade import defective_labels
from depthlib.scenes.distribution import SEEDS, SPLITS, VERSION, SceneDistribution, scene_seed
from depthlib.scenes.flow import displaced, occluded
from depthlib.scenes.frame import NORMAL_SCALE, StoredFrame, StoredOcclusion, canonical_frame, pose
from depthlib.scenes.generate import make_scene
from depthlib.scenes.motion import Motion
from depthlib.scenes.parallel import in_threads
from depthlib.scenes.sensor import sensed, sensor_seed
from depthlib.scenes.solids import Camera

VIEWS = ("current", "right", "previous", "next")
FLOWS = {"flow_next": "next", "flow_previous": "previous"}
OCCLUSIONS = {"occluded_next": "next", "occluded_previous": "previous"}
EXTRAS = ("normals", "instances", "disparity", *FLOWS, *OCCLUSIONS, "moving")


class SceneDataset(Dataset):
    """Frames of the scenes benchmark, rendered once, kept on disk and held in memory.

    An item is a dictionary:
        image: float32 [3, H, W] in [0, 1]. depth: float32 [1, H, W] metres along z, 0 where invalid.
        valid: bool [1, H, W]. K: float32 [3, 3] pixels, the same in all views of a scene; with a `field_of_view` it
        differs between scenes. semantics: int64 [H, W]. name: "rooms/train/000012".
        With the view "right": right float32 [3, H, W] and baseline, float32 scalar in metres.
        With "previous", "next": those images, and T_previous_current, T_next_current float32 [4, 4].
        With the extra "normals": float32 [3, H, W] in the camera's frame, 0 on the sky; "instances": int64 [H, W];
        "disparity": float32 [1, H, W], pixels between this image and the right one, 0 where depth_true is invalid.
        With "flow_next", "flow_previous": float32 [2, H, W], pixels to the right and down from here to where the point
        is in that view; the sky is infinitely far. "occluded_next", "occluded_previous": bool [1, H, W], the point is
        outside of that image or hidden in it. "moving": bool [1, H, W], the point is on an object that moves. None of
        them needs the view itself.
        With a defect_share above 0: depth and valid lack the defective labels; depth_true float32 [1, H, W] has them,
        and defect, bool [1, H, W], marks them.

    Args:
        distribution: family, size and knobs.
        split: "train", "val" or "test"; splits share no scene.
        count: number of scenes; `first` is the number of the first one.
        views: "current" and any of "right", "previous", "next". Views not named here are not rendered.
        extras: any of those above.
        cache: keep rendered frames on disk (`depthlib.base.paths.cache_dir()`); damaged ones are rendered again.
        progress: show a bar while frames are rendered.

    Raises:
        TypeError, ValueError: an argument is not of the kind or not one of the values above.
    """

    def __init__(
        self,
        distribution: SceneDistribution,
        split: str,
        count: int,
        *,
        first: int = 0,
        views: Sequence[str] = ("current",),
        extras: Sequence[str] = (),
        cache: bool = True,
        progress: bool = False,
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
        order = _rotated(range(first, first + count))
        obtained = in_threads(lambda index: self._obtain(index, cache), order)
        if progress:
            obtained = bar(obtained, total=count, title=f"{VERSION} {distribution.family}/{split}", unit="scene")
        found = dict(zip(order, obtained, strict=True))
        self._scenes = [found[index] for index in range(first, first + count)]

    def _obtain(self, index: int, cache: bool) -> _Obtained:
        """The requested views of a scene, from disk if their files are valid."""
        scene = None
        found = _Obtained({}, {}, {}, {})
        size = (self.distribution.height, self.distribution.width)
        for view in self.views:
            path = disk.frame_path(self.distribution, self.split, index, view)
            frame = disk.load(path) if cache else None
            if frame is None or frame.depth.shape != size:
                scene = scene or make_scene(self.distribution, self.split, index)
                frame = canonical_frame(scene, view, self.distribution)
                if cache:
                    disk.save(path, frame)
            frame = self._sensed(frame, index, view)
            found.frames[view] = self._lean(frame) if view == "current" else _image_only(frame)
        for name in self._asked_for(OCCLUSIONS):
            path = disk.frame_path(self.distribution, self.split, index, name)
            occlusion = disk.load(path, StoredOcclusion) if cache else None
            if occlusion is None or occlusion.mask.shape != size:
                scene = scene or make_scene(self.distribution, self.split, index)
                occlusion = StoredOcclusion(occluded(scene, OCCLUSIONS[name], self.distribution).numpy())
                if cache:
                    disk.save(path, occlusion)
            found.occlusions[name] = occlusion
        if self._needs_motions:
            scene = scene or make_scene(self.distribution, self.split, index)
            found.motions.update(scene.motions)
            found.cameras.update(scene.cameras)
        return found

    def _asked_for(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are among the extras."""
        return [name for name in names if name in self.extras]

    @property
    def _needs_motions(self) -> bool:
        return bool(self._asked_for((*FLOWS, "moving")))

    def _sensed(self, frame: StoredFrame, index: int, view: str) -> StoredFrame:
        """With the noise and the blur of the distribution, which are not on disk."""
        distribution = self.distribution
        if distribution.noise == distribution.blur == 0:
            return frame
        seed = sensor_seed(scene_seed(distribution.family, self.split, index), view)
        image = sensed(torch.from_numpy(frame.image / 255)[None], [seed], distribution.noise, distribution.blur)
        return replace(frame, image=(image[0] * 255).round().numpy().astype(np.uint8))

    def _lean(self, frame: StoredFrame) -> StoredFrame:
        """Drop arrays that no item needs, to save memory."""
        nothing = np.empty(0)
        keep = {
            "normals": "normals" in self.extras,
            "instances": "instances" in self.extras or self._needs_motions,
            "glossy": self.distribution.defect_share > 0,
        }
        return replace(frame, **{name: nothing for name, kept in keep.items() if not kept})

    def __len__(self) -> int:
        return len(self._scenes)

    def name(self, position: int) -> str:
        return f"{self.distribution.family}/{self.split}/{self.first + position:06d}"

    def __getitem__(self, position: int) -> dict[str, Any]:
        position = range(len(self))[position]  # negative numbers count from the end; IndexError beyond
        frames = self._scenes[position].frames
        current = frames["current"]
        depth, K = self._metres(current), torch.from_numpy(current.K.astype(np.float32))
        item: dict[str, Any] = {
            "image": _image(current),
            "depth": depth,
            "valid": depth > 0,
            "K": K,
            "semantics": torch.from_numpy(current.semantics.astype(np.int64)),
            "name": self.name(position),
        }
        if "disparity" in self.extras:
            length = K[0, 0] * float(current.baseline)
            item["disparity"] = torch.where(depth > 0, length / depth.clamp(min=1e-6), 0.0)
        if self.distribution.defect_share > 0:
            seed = scene_seed(self.distribution.family, self.split, self.first + position)
            glossy = torch.from_numpy(current.glossy)[None]
            item["depth_true"] = depth
            item["depth"], item["valid"], item["defect"] = defective_labels(
                depth, depth > 0, seed, share=self.distribution.defect_share, glossy=glossy
            )
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
        return item | self._motion(self._scenes[position], depth[0])

    def _motion(self, scene: _Obtained, depth: Tensor) -> dict[str, Tensor]:
        """The flows and masks among the extras."""
        current, found = scene.frames["current"], {}
        instances = torch.from_numpy(current.instances.astype(np.int64))
        for name in self._asked_for(FLOWS):
            camera, other = (scene.cameras[view] for view in ("current", FLOWS[name]))
            pixels, _ = displaced(depth, instances, scene.motions, camera, other, torch.from_numpy(current.K))
            found[name] = (pixels - pixel_grid(*depth.shape, dtype=torch.float64)[0]).float()
        for name, occlusion in scene.occlusions.items():
            found[name] = torch.from_numpy(occlusion.mask)[None]
        if "moving" in self.extras:
            found["moving"] = torch.isin(instances, torch.tensor(list(scene.motions), dtype=torch.int64))[None]
        return found

    def _metres(self, frame: StoredFrame) -> Tensor:
        return torch.from_numpy((frame.depth / self.distribution.depth_scale).astype(np.float32))[None]

    def fingerprint(self) -> str:
        """SHA-256 of the data in the items: names, pixels, poses, motions, and the share of defective labels.

        That of items which version 1 could make is that of version 1.
        """
        digest = hashlib.sha256(f"{SEEDS} {self.views} {self.extras} {self.distribution.defect_share}".encode())

        def add(*arrays: np.ndarray) -> None:
            for array in arrays:
                # micrometres: the last bits of a cosine differ between machines and would change the hash
                digest.update(np.ascontiguousarray(np.round(np.asarray(array) * 1e6), dtype="<i8").tobytes())

        for position, scene in enumerate(self._scenes):
            digest.update(self.name(position).encode())
            for view in self.views:
                digest.update(scene.frames[view].digest().encode())
                add(scene.frames[view].position, scene.frames[view].axes, scene.frames[view].baseline)
            if self.distribution.field_of_view is not None:
                add(scene.frames["current"].K)
            add(*(occlusion.mask for occlusion in scene.occlusions.values()))
            for instance, motion in scene.motions.items():
                add(instance, motion.pose(1.0))
            add(*(array for camera in scene.cameras.values() for array in (camera.position, camera.axes)))
        return digest.hexdigest()


@dataclass(frozen=True)
class _Obtained:
    """What is kept of a scene. Cameras and motions only if an extra needs them."""

    frames: dict[str, StoredFrame]
    occlusions: dict[str, StoredOcclusion]
    cameras: dict[str, Camera]
    motions: dict[int, Motion]


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
