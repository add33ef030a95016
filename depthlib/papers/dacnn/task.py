"""Training a stereo teacher, and a student of one image that learns from labels and from the teacher. DACNN Sec. 3.4 and 4.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from depthlib.papers.dacnn.loss import WEIGHTS, dacnn_loss, pixel_loss
from depthlib.scenes.degrade import lidar_like
from depthlib.training.tasks import BaseTask

MAPS = ("image", "right", "depth", "valid")       # what a crop cuts


def random_crop(batch: dict[str, Any], size: Sequence[int] | None) -> dict[str, Any]:
    """The same window of `size` (rows, columns) of everything in a batch, at a random place; None leaves the batch as it is.

    One window for both views of a stereo pair: a match then keeps its displacement, or falls outside (erratum D18). The place
    comes from torch's own generator, whose state travels in checkpoints.

    Raises ValueError for a window that is larger than the images.
    """
    if size is None:
        return batch
    height, width = batch["image"].shape[-2:]
    rows, columns = size
    if rows > height or columns > width:
        raise ValueError(f"crop: found {rows}x{columns}, expected at most the size of the images, {height}x{width}")
    y, x = (int(torch.randint(free + 1, ())) for free in (height - rows, width - columns))
    return batch | {name: batch[name][..., y : y + rows, x : x + columns] for name in MAPS if name in batch}


class StereoTeacher(BaseTask):
    """The labels alone, seen from two views: DACNN Eq. 3. The network is called with `image` and `right`.

    Args:
        crop: rows and columns of the random window that is trained on, see `random_crop`.
    """

    def __init__(self, crop: Sequence[int] | None = None) -> None:
        self.crop = crop

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        batch = random_crop(batch, self.crop)
        depth = model(batch["image"], batch["right"]).float()      # losses in float32 also under autocast
        return pixel_loss(depth, batch["depth"], batch["valid"]), {}


class Distillation(BaseTask):
    """The student's loss, DACNN Eq. 7. The student sees `image`, the finished teacher `image` and `right`.

    Args:
        teacher: a trained `DACNNTeacher`; None where no term of the loss asks for it.
        weights: of the terms, as in `dacnn_loss`; terms that are missing are not computed.
        crop: as in `StereoTeacher`.
        axis, reduction: of the guidance term, see `guidance_loss`.
    """

    def __init__(
        self, teacher: nn.Module | None = None, weights: dict[str, float] | None = None, crop: Sequence[int] | None = None,
        axis: str = "channel", reduction: str = "element",
    ) -> None:
        self.weights = dict(WEIGHTS if weights is None else weights)
        if teacher is None and (self.weights.get("proxy") or self.weights.get("guidance")):
            raise ValueError("teacher: found none, but the terms proxy and guidance compare with its output")
        self.teacher, self.crop, self.options = teacher, crop, {"axis": axis, "reduction": reduction}

    def prepare(self, model: nn.Module, dataset: Dataset) -> None:
        """The teacher goes to where the student is and learns no more: in evaluation its answer to an image is always the same."""
        if self.teacher is not None:
            device = next(model.parameters()).device
            self.teacher.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        batch = random_crop(batch, self.crop)
        image = batch["image"]
        taught: dict[str, Any] = {}
        if self.teacher is not None:
            with torch.no_grad():
                lesson = self.teacher.estimate(image, batch["right"])
            taught = {"teacher_depth": lesson.depth.float(), "teacher_guidance": [g.float() for g in lesson.guidance]}
        own = model.estimate(image)
        guidance = [g.float() for g in own.guidance]
        return dacnn_loss(
            own.depth.float(), batch["depth"], batch["valid"], image,
            guidance=guidance, weights=self.weights, **taught, **self.options,
        )


class LidarLabels(Dataset):
    """The same frames with the labels of a rotating laser scanner: most pixels have none, and nothing high up has.

    Each frame has the same lost returns on every visit. Nothing of the full depth is left in an item, so that what is scored
    on such a set is scored at the labels.

    Args:
        dataset: items with `depth` and `K`. beams: scan lines, see `lidar_like`.
    """

    def __init__(self, dataset: Dataset, beams: int) -> None:
        self.dataset, self.beams = dataset, beams
        self.labels = [lidar_like(item["depth"], item["K"], seed, beams) for seed, item in enumerate(dataset)]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.dataset[index]
        depth, valid = self.labels[index]
        return item | {"depth": depth, "valid": valid}

    def fingerprint(self) -> str:
        return f"{self.beams} beams of {self.dataset.fingerprint()}"
