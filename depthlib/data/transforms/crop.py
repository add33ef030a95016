"""Crops of the image, at its own scale or enlarged. All views of a sample get the same window."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import Draw, between
from depthlib.data.transforms.fields import CAMERAS, GRID, Sample, per_image
from depthlib.data.transforms.resize import resize
from depthlib.geometry import crop_intrinsics
from depthlib.geometry.checks import require_size

Size = tuple[int, int]


@dataclass(frozen=True)
class RandomCrop(Transform):
    """A window of `size` (height, width) anywhere in the image (DACNN: 256 x 512, the same in both views of a pair).

    Pairs of which a point is cropped keep their position in the list, with `pairs_valid` [P] false.

    Raises:
        ValueError: a size that is not of whole numbers, or larger than the image.
    """

    size: Size

    def __post_init__(self) -> None:
        require_size(*self.size)

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        slack = _slack(batch, self.size)
        offsets = _offsets(draw(2), slack)
        return per_image(batch, lambda one, i: crop(one, *offsets[i], self.size))


@dataclass(frozen=True)
class CenterCrop(Transform):
    """The window of `size` (height, width) in the middle; where the rest is odd, the upper or left border loses less.

    Raises:
        ValueError: as `RandomCrop`.
    """

    size: Size

    def __post_init__(self) -> None:
        require_size(*self.size)

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        rows, columns = _slack(batch, self.size)
        return crop(batch, rows // 2, columns // 2, self.size)


@dataclass(frozen=True)
class RandomScaleCrop(Transform):
    """Enlarge at random, then crop to the original size (SfMLearner; dual networks, Sec. 4.5).

    Depth keeps its values: the focal length grows instead. Images bilinear, depth and labels nearest.

    Args:
        scale: lowest and highest factor, at least 1.
        independent: draw the factors of width and height separately.

    Raises:
        ValueError: another range.
    """

    scale: tuple[float, float] = (1.0, 1.15)
    independent: bool = True

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 1 <= low <= high < float("inf"):
            raise ValueError(f"scale: found {self.scale!r}, expected (low, high) with 1 <= low <= high")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        height, width = batch["image"].shape[-2:]
        numbers = draw(4)
        factors = between(numbers[:, :2], *self.scale)
        if not self.independent:
            factors = factors[:, :1].expand(-1, 2)
        sizes = [(round(height * fy), round(width * fx)) for fy, fx in factors.tolist()]

        def change(one: Sample, i: int) -> Sample:
            large = resize(one, sizes[i])
            (offset,) = _offsets(numbers[i : i + 1, 2:], _slack(large, (height, width)))
            return crop(large, *offset, (height, width))

        return per_image(batch, change)


def crop(batch: Sample, top: int, left: int, size: Size) -> Sample:
    """The window of `size` (height, width) of a batch from pixel (`top`, `left`), with its camera and pairs."""
    out, (height, width) = dict(batch), size
    for key, value in batch.items():
        if key in GRID:
            out[key] = value[..., top : top + height, left : left + width]
        elif key in CAMERAS:
            out[key] = crop_intrinsics(value, left, top)
        elif key == "pairs":
            points = value[..., :4] - value.new_tensor([top, left, top, left])
            last = value.new_tensor([height - 1, width - 1, height - 1, width - 1])
            inside = ((points >= 0) & (points <= last)).all(dim=-1)
            # A pair that lost a point must still index into the image, since depth may be read before masking.
            out[key] = torch.cat((torch.minimum(points.clamp(min=0), last), value[..., 4:]), dim=-1)
            out["pairs_valid"] = inside & batch.get("pairs_valid", torch.ones_like(inside))
    return out


def _slack(batch: Sample, size: Size) -> Size:
    """Rows and columns by which the image exceeds the window."""
    height, width = batch["image"].shape[-2:]
    if size[0] > height or size[1] > width:
        raise ValueError(f"size: found a window of {size[0]} x {size[1]} for images of {height} x {width}, expected no larger")
    return height - size[0], width - size[1]


def _offsets(numbers: torch.Tensor, slack: Size) -> list[tuple[int, int]]:
    """Uniform offsets (top, left), 0 to slack, of numbers [B,2] in [0, 1)."""
    return [(int(y * (slack[0] + 1)), int(x * (slack[1] + 1))) for y, x in numbers.tolist()]
