"""What the sets of the mobile paper need besides the transforms of `depthlib.data.transforms`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from depthlib.data.transforms import Transform, resize
from depthlib.data.transforms.draws import Draw
from depthlib.data.transforms.fields import Sample


@dataclass(frozen=True)
class ShortSide(Transform):
    """Resize so that the shorter side has `length` pixels; pictures of any size can be cropped alike afterwards.

    Raises ValueError for a length below 1.
    """

    length: int

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length: found {self.length}, expected at least 1 pixel")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        height, width = batch["image"].shape[-2:]
        scale = self.length / min(height, width)
        return resize(batch, (max(self.length, round(scale * height)), max(self.length, round(scale * width))))


@dataclass(frozen=True)
class Apart(Transform):
    """Pairs whose points fell into one pixel: the first point goes up by one, at the upper border down (DIW's code).

    For `pairs` [P,5] alone, since a loss on them does not read `pairs_valid`, which is dropped.

    Raises ValueError for pictures of a single row.
    """

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        if batch["image"].shape[-2] < 2:
            raise ValueError("image: found a single row, expected at least two, so that two points can lie apart")
        pairs = batch["pairs"].clone()
        together = (pairs[..., :2] == pairs[..., 2:4]).all(dim=-1)
        step = torch.where(pairs[..., 0] > 0, -1, 1)
        pairs[..., 0] += torch.where(together, step, 0)
        return {key: value for key, value in batch.items() if key != "pairs_valid"} | {"pairs": pairs}
