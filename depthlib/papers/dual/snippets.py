"""Camera motion over short snippets of video: Table 8 of the dual networks."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.metrics.trajectory import snippet_errors
from depthlib.protocols.inference import Batch, Measure
from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes import cache as disk
from depthlib.scenes.batch import pose_between
from depthlib.scenes.frame import canonical_frame
from depthlib.scenes.generate import make_scene
from depthlib.scenes.solids import Scene

FRAMES = (3, 5)


class StreetSnippets(Dataset):
    """Snippets of 3 or 5 frames of test streets: the scenes' triplet, and for 5 one frame more on each side, same
    motion.

    An item: name, frames float32 [N,3,H,W] in [0,1], T_first_frame float64 [N,4,4] (poses in the frame of the first
        camera).

    Args:
        frames: 3 or 5. count: snippets. height, width: pixels. split: of the scenes. first: number of the first one.
    """

    def __init__(self, frames: int, count: int, height: int, width: int, split: str = "test", first: int = 0) -> None:
        if frames not in FRAMES:
            raise ValueError(f"frames: found {frames}, expected 3 or 5")
        distribution = SceneDistribution("streets", height=height, width=width)
        triplets = SceneDataset(distribution, split, count, first=first, views=("current", "previous", "next"))
        self.items, self.frames = [], frames
        for index in range(count):
            item = triplets[index]
            images = [item[view] for view in ("previous", "image", "next")]
            step = [np.asarray(item[f"T_{view}_current"], dtype=np.float64) for view in ("previous", "next")]
            poses = [step[0] @ np.linalg.inv(t) for t in (step[0], np.eye(4), step[1])]  # in the frame of "previous"
            if frames == 5:
                images, poses = _longer(distribution, split, first + index, images)
            self.items.append({"name": item["name"], "frames": torch.stack(images), "T_first_frame": np.stack(poses)})

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.items[index]

    def fingerprint(self) -> str:
        """SHA-256 of all frames and poses (to a micrometre)."""
        digest = hashlib.sha256(f"snippets {self.frames}".encode())
        for item in self.items:
            digest.update((item["frames"] * 255).round().to(torch.uint8).numpy().tobytes())
            digest.update(np.round(item["T_first_frame"] * 1e6).astype("<i8").tobytes())
        return digest.hexdigest()


def _longer(
    distribution: SceneDistribution, split: str, index: int, images: list[Tensor]
) -> tuple[list[Tensor], list[np.ndarray]]:
    """Five frames and their poses: the camera of the scene drives one step more, backwards and forwards."""
    scene = make_scene(distribution, split, index)
    cameras = scene.cameras
    ends = {}
    for name, beside in (("first", "previous"), ("last", "next")):
        here, there = (np.array(cameras[view].position) for view in ("current", beside))
        # one step's turn, made twice
        turned = np.array(cameras[beside].axes) @ np.array(cameras["current"].axes).T
        axes = turned @ np.array(cameras[beside].axes)
        ends[name] = type(cameras["current"])(tuple(2 * there - here), tuple(map(tuple, axes)))
    scene.cameras |= ends
    outer = [_frame(scene, name, distribution, split, index) for name in ends]
    order = ["first", "previous", "current", "next", "last"]
    poses = [pose_between(scene.cameras["first"], scene.cameras[name]) for name in order]
    return [outer[0], *images, outer[1]], poses


def _frame(scene: Scene, view: str, distribution: SceneDistribution, split: str, index: int) -> Tensor:
    """The image of a view [3,H,W], from disk where it is there and sound."""
    path = disk.frame_path(distribution, split, index, view)
    frame = disk.load(path)
    if frame is None:
        frame = canonical_frame(scene, view, distribution)
        disk.save(path, frame)
    return torch.from_numpy(frame.image.astype(np.float32) / 255)


class Trajectory(Measure):
    """SfMLearner's error of each snippet in metres, metric `ate` (see `snippet_errors`: one scale a snippet, no RMSE).

    The network has a method `trajectory`, such as that of `VideoDepth`; the data set is a `StreetSnippets`.
    """

    output, inputs, metrics = "trajectory", ("frames",), ("ate",)

    def begin(self, model: nn.Module, dataset: StreetSnippets) -> None:
        self.title = f"ate over {dataset.frames} frames"
        super().begin(model, dataset)

    def update(self, batch: Batch, prediction: Tensor) -> None:
        truths = batch["T_first_frame"].numpy()
        for name, estimate, truth in zip(batch["name"], prediction.numpy(), truths, strict=True):
            self.found.add(name, {"ate": float(snippet_errors(estimate[None, :, :3, 3], truth[None, :, :3, 3])[0])})
