"""Self-supervised training on video: three frames of a moving camera, no labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.data.transforms import RandomScaleCrop
from depthlib.geometry import scale_intrinsics
from depthlib.papers.dual.loss import WEIGHTS, cell_means, video_loss
from depthlib.training.tasks import BaseTask

NEIGHBOURS = ("previous", "next")
ORDERS = ("augment first", "shrink first")
MOTIONS = ("learned", "direction", "known")
UNIT = 11.0  # metres; the inverse of the mean inverse depth of a street, which normalisation maps to 1


class FromVideo(BaseTask):
    """The loss of `depthlib.papers.dual.loss` on a triplet, Eq. 9 of the dual networks; depth is not used.

    The triplet is scaled and cropped at random, then down-sampled to the input size of the network (`model.ratio`). The
    paper uses this order, since a crop of a small image has lost its details already (Sec. 4.5); "shrink first" is the
    other one.

    Args:
        weights: see `video_loss`. Without "features" the two extra passes over the neighbours are skipped (HR-Net).
        crop: lowest and highest factor of the random enlargement, or None for none.
        order: one of `ORDERS`.
        motion: "learned", the paper: depth and pose network are trained by one loss. "known": depth is trained with the
            true motion, in units of `UNIT`; the pose network is trained separately with the current depth (term
            "pose"). For runs too short for a pose network: before it has learned the rotations, wrong warps mislead the
            depth. "direction": the true rotation and direction, and the length that the pose network says. For depth
            that is normalised an image at a time, which has no length that a true motion could fit.
        options: further keyword arguments of `video_loss`: rule, normalise, smooth_on, automask, detach_features,
            over_sources.

    Raises ValueError for another order or motion.
    """

    def __init__(
        self,
        *,
        weights: Mapping[str, float] = WEIGHTS,
        crop: Sequence[float] | None = (1.0, 1.15),
        order: str = ORDERS[0],
        motion: str = MOTIONS[0],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if order not in ORDERS:
            raise ValueError(f"order: found {order!r}, expected one of {', '.join(map(repr, ORDERS))}")
        if motion not in MOTIONS:
            raise ValueError(f"motion: found {motion!r}, expected one of {', '.join(MOTIONS)}")
        self.weights, self.order, self.motion, self.options = dict(weights), order, motion, dict(options or {})
        self.crop = RandomScaleCrop(tuple(crop)) if crop else None

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        frames = self.frames(batch, model.ratio)
        target, sources = frames["image"], torch.stack([frames[view] for view in NEIGHBOURS], dim=1)
        prediction = model.predict(target)
        disparities = [disparity.float() for disparity in prediction.disparities]
        guessed = model.poses(target, sources)
        poses = guessed if self.motion == "learned" else true_poses(batch)
        if self.motion == "direction":
            poses = with_length_of(guessed, poses)
        loss, terms = video_loss(
            disparities,
            target,
            sources,
            frames["K"],
            poses,
            features=self.features(model, prediction.features, sources),
            weights=self.weights,
            **self.options,
        )
        if self.motion == "known":
            half = [disparities[1].detach()]  # half the size, a quarter of the cost
            pose, _ = video_loss(
                half, target, sources, frames["K"], guessed, weights={"photometric": 1.0}, rule="per_scale"
            )
            loss, terms = loss + pose, terms | {"pose": pose.detach()}
        return loss, terms

    def frames(self, batch: dict[str, Any], ratio: int) -> dict[str, Tensor]:
        """Image, neighbours and K as the network gets them: cropped and down-sampled, in the chosen order."""
        frames = {name: batch[name] for name in ("image", *NEIGHBOURS, "K")}
        if self.order == "augment first":
            return shrink(self.cropped(frames), ratio)
        return self.cropped(shrink(frames, ratio))

    def cropped(self, frames: dict[str, Tensor]) -> dict[str, Tensor]:
        """Randomly scaled and cropped, drawn from torch's default generator, whose state is part of a checkpoint."""
        if self.crop is None:
            return frames
        seeds = torch.randint(2**62, (len(frames["image"]),)).tolist()
        return self.crop(frames, [torch.Generator().manual_seed(seed) for seed in seeds])

    def features(self, model: nn.Module, target: Tensor, sources: Tensor) -> tuple[Tensor, Tensor] | None:
        """f of Eq. 8 of the target [B,C,H,W] and of the neighbours [B,S,C,H,W]; None if the loss has no such term."""
        if not self.weights.get("features"):
            return None
        with torch.set_grad_enabled(not self.options.get("detach_features", True)):
            own = model.predict(sources.flatten(0, 1)).features
        return target.float(), own.float().unflatten(0, sources.shape[:2])


def shrink(frames: dict[str, Tensor], ratio: int) -> dict[str, Tensor]:
    """Means over cells of ratio x ratio pixels of all images, and K of the new pixels."""
    if ratio == 1:
        return frames
    small = {name: cell_means(value, ratio) for name, value in frames.items() if name != "K"}
    return small | {"K": scale_intrinsics(frames["K"], 1 / ratio, 1 / ratio)}


def true_poses(batch: dict[str, Any]) -> Tensor:
    """T_neighbour_current [B,2,4,4] of a batch of the scenes, its translations in units of `UNIT` instead of metres."""
    poses = torch.stack([batch[f"T_{view}_current"] for view in NEIGHBOURS], dim=1).clone()
    poses[..., :3, 3] /= UNIT
    return poses


def with_length_of(guessed: Tensor, true: Tensor) -> Tensor:
    """The rotation and direction of the `true` poses [...,4,4], as far as the guessed ones went in that direction."""
    direction = F.normalize(true[..., :3, 3], dim=-1)
    length = (guessed[..., :3, 3] * direction).sum(dim=-1, keepdim=True)
    poses = true.clone()
    poses[..., :3, 3] = length * direction
    return poses
