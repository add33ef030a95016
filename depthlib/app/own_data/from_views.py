"""Learning from other views: the frames around one of a video, or the second picture of a stereo camera."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.app.own_data.network import DepthAndMotion
from depthlib.geometry.sources import project_into_sources, sample_sources
from depthlib.losses.photometric import photometric_error
from depthlib.papers.dual.disparity_normalisation import normalise_disparity
from depthlib.papers.dual.loss import video_loss
from depthlib.protocols.inference import Batch, Measure
from depthlib.training.tasks import BaseTask

WEIGHTS = {"photometric": 1.0, "smoothness": 0.01}
SCALES = 4  # halvings: coarse scales find large motions
SHALLOWEST = 1e-3  # keeps the inverse of a depth finite
MOTION_RATE = 1e-3


class FromViews(BaseTask):
    """`video_loss` with the network's own depth at several sizes.

    Items with `held` true (see `AllMotion`) teach the motion alone.

    Args:
        alone: steps at the beginning in which only the pose network learns; wrong motions would mislead the depth.
    """

    def __init__(self, alone: int) -> None:
        self.alone, self.step = alone, 0

    def parameter_groups(self, model: nn.Module) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = [{"params": list(model.depth.parameters())}]  # type: ignore[union-attr]
        if model.motion is not None:
            groups.append({"params": list(model.motion.parameters()), "lr": MOTION_RATE})  # type: ignore[union-attr]
        return groups

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        depth = model(batch["image"]).float()
        moves = model.motion is not None
        if moves:
            fixed = batch["held"] if self.step >= self.alone else torch.ones_like(batch["held"])
            depth = torch.where(fixed.view(-1, 1, 1, 1), depth.detach(), depth)
        self.step += 1
        disparities = [1 / depth.clamp_min(SHALLOWEST)]
        while len(disparities) < SCALES and min(disparities[-1].shape[-2:]) % 2 == 0:
            disparities.append(F.avg_pool2d(disparities[-1], 2))
        sources = views(batch)
        return video_loss(
            disparities,
            batch["image"],
            sources,
            batch["K"],
            poses(model, batch, sources),
            weights=WEIGHTS,
            rule="per_scale",
            normalise=moves,
            automask=moves,
        )

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


class AllMotion(Dataset):
    """Items of a video to train on, and those held out, marked `held`: of these only the camera's motion is learned.

    The error of a depth map is measured by what it makes of the neighbours, so their motion must be known. A pose
    network that never saw these frames guesses it; then the error would tell of the motion instead of the depth.
    """

    def __init__(self, train: Dataset, held: Dataset) -> None:
        self.train, self.held = train, held

    def __len__(self) -> int:
        return len(self.train) + len(self.held)  # type: ignore[arg-type]

    def __getitem__(self, position: int) -> dict[str, Any]:
        count = len(self.train)  # type: ignore[arg-type]
        item = self.train[position] if position < count else self.held[position - count]
        return item | {"held": torch.tensor(position >= count)}


def views(batch: Batch) -> Tensor:
    """The other pictures of a batch, [B,S,3,H,W]."""
    names = ("right",) if "right" in batch else ("previous", "next")
    return torch.stack([batch[name] for name in names], dim=1)


def poses(model: nn.Module, batch: Batch, sources: Tensor) -> Tensor:
    """T_source_target [B,S,4,4]: of the rig, or as the pose network sees them."""
    if "T_right_current" in batch:
        return batch["T_right_current"][:, None]
    return model.motion(batch["image"], sources)  # type: ignore[no-any-return, operator]


class ViewError(Measure):
    """`photometric_error` of the picture against its other views, seen through depth and motion; the least of them.

    Args:
        moving: whose pose network tells the motion of a video; a rig's is known. Depth maps that are compared have to
            share it.
    """

    title = "photometric error of the other views, brought to the picture by its depth"
    metrics = ("view_error",)

    def __init__(self, moving: DepthAndMotion) -> None:
        self.moving = moving

    def update(self, batch: Batch, prediction: Tensor) -> None:
        image, sources = batch["image"], views(batch)
        motion = poses(self.moving, batch, sources)
        disparity = 1 / prediction.float().clamp_min(SHALLOWEST)
        if self.moving.motion is not None:
            disparity = normalise_disparity(disparity)
        disparity = F.interpolate(disparity, image.shape[-2:], mode="bilinear", align_corners=False)
        seen = sample_sources(sources, project_into_sources(1 / disparity, batch["K"], motion))
        self._add(batch, image, seen)

    def _add(self, batch: Batch, image: Tensor, seen: Tensor) -> None:
        errors = torch.stack([photometric_error(view, image)[:, 0] for view in seen.unbind(1)], dim=1).amin(dim=1)
        for name, error in zip(batch["name"], errors.mean(dim=(1, 2)).tolist(), strict=True):
            self.found.add(name, {"view_error": error})


class UnmovedError(ViewError):
    """The same where the other views are taken as they are: no depth, no motion."""

    def update(self, batch: Batch, prediction: Tensor) -> None:
        self._add(batch, batch["image"], views(batch))


class Predicted(Dataset):
    """The depth that a network gives as labels, so that a fixed map can be made of it."""

    def __init__(self, dataset: Dataset, model: nn.Module) -> None:
        self.dataset, self.model = dataset, model

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    @torch.no_grad()
    def __getitem__(self, position: int) -> dict[str, Any]:
        depth = self.model(self.dataset[position]["image"][None])[0].float()
        return {"depth": depth, "valid": torch.ones_like(depth, dtype=torch.bool)}


@torch.no_grad()
def best_baseline(model: nn.Module, dataset: Dataset, K: Tensor) -> float:
    """The baseline with which the depth of a network explains stereo pairs best, in its own unit of length.

    For pairs whose baseline is not known: depth keeps the scale of the network that the training begins with.

    Args:
        dataset: pairs, of which eight are looked at. K: [3,3] of the frame.
    """
    count = len(dataset)  # type: ignore[arg-type]
    chosen = torch.linspace(0, count - 1, min(8, count)).round().long().unique().tolist()
    items = [dataset[n] for n in chosen]
    image, right = (torch.stack([item[name] for item in items]) for name in ("image", "right"))
    depth = model.eval()(image).float().clamp_min(SHALLOWEST)
    depth = F.interpolate(depth, image.shape[-2:], mode="bilinear", align_corners=False)
    width = image.shape[-1]
    pose, best = torch.eye(4).repeat(len(items), 1, 1, 1), (float("inf"), 1.0)
    for shift in torch.logspace(-8, -2, 25, base=2.0).tolist():  # the median disparity in widths of the picture
        baseline = shift * width * float(depth.median()) / float(K[0, 0])
        pose[:, 0, 0, 3] = -baseline
        seen = sample_sources(right[:, None], project_into_sources(depth, K[None], pose))[:, 0]
        best = min(best, (float(photometric_error(seen, image).mean()), baseline))
    return best[1]
