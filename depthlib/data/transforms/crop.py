"""Crops of the image, at its own scale or enlarged. All views of a sample get the same window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import Draw, between
from depthlib.data.transforms.fields import CAMERAS, GRID, Sample, is_pose, per_image, with_lost_points, within
from depthlib.data.transforms.resize import resize
from depthlib.geometry import crop_intrinsics
from depthlib.geometry.checks import require_size

Size = tuple[int, int]


@dataclass(frozen=True)
class RandomCrop(Transform):
    """A window of `size` (height, width) anywhere in the image (DACNN: 256 x 512, the same in both views of a pair).

    Pairs of which a point is cropped keep their position in the list, with `pairs_valid` [P] false. Points whose flow
    ends outside the window are occluded.

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
        _require_scale(self.scale)

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        height, width = batch["image"].shape[-2:]
        numbers = draw(4)
        factors = between(numbers[:, :2], *self.scale)
        if not self.independent:
            factors = factors[:, :1].expand(-1, 2)
        sizes = [(round(height * fy), round(width * fx)) for fy, fx in factors.tolist()]
        return _enlarged(batch, sizes, numbers[:, 2:])


@dataclass(frozen=True)
class RandomScaleDepth(Transform):
    """Enlarge by a random factor s, crop to the original size and divide depth by s (FastDepth): nearer, same camera.

    `RandomScaleCrop` shows the same points through a longer lens: the focal length grows and depth keeps its values.
    Here the focal length keeps its value and a point (x, y, z) becomes (x, y, z / s): the scene is compressed along the
    axis. So `baseline` stays, disparity grows by s, and normals become (nx, ny, s nz), normalised. The principal point
    follows the crop. s is rounded to a whole number of columns.

    No rigid motion turns a camera in a compressed scene: D R D^-1, D = diag(1, 1, 1 / s), is no rotation. So neighbours
    in time are refused; the partner of a rectified pair, which is only shifted, is not.

    Args:
        scale: lowest and highest factor, at least 1.

    Raises:
        ValueError: another range; a sample with `previous`, `next` or a pose other than T_right_current.
    """

    scale: tuple[float, float] = (1.0, 1.5)

    def __post_init__(self) -> None:
        _require_scale(self.scale)

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        for key in batch:
            if key in ("previous", "next") or (is_pose(key) and key != "T_right_current"):
                raise ValueError(
                    f"{key}: found a neighbour in time, whose motion is not rigid in a scene compressed "
                    "along the axis, expected a sample without it (take it out with Drop)"
                )
        height, width = batch["image"].shape[-2:]
        numbers = draw(3)
        sizes = [(round(height * s), round(width * s)) for s in between(numbers[:, 0], *self.scale).tolist()]
        large = _enlarged(batch, sizes, numbers[:, 1:])
        return per_image(large, lambda one, i: _nearer(one, sizes[i][1] / width))


def crop(batch: Sample, top: int, left: int, size: Size) -> Sample:
    """The window of `size` (height, width) of a batch from pixel (`top`, `left`), with its camera and pairs."""
    out, (height, width) = dict(batch), size
    for key, value in batch.items():
        if key in GRID:
            out[key] = value[..., top : top + height, left : left + width]
        elif key in CAMERAS:
            out[key] = crop_intrinsics(value, left, top)
        elif key == "pairs":
            out |= within(batch, value[..., :4] - value.new_tensor([top, left, top, left]), size)
    return with_lost_points(out)


def _enlarged(batch: Sample, sizes: list[Size], numbers: torch.Tensor) -> Sample:
    """Each image at its size, then the crop to the original one at an offset of `numbers` [B,2]."""
    size = tuple(batch["image"].shape[-2:])

    def change(one: Sample, i: int) -> Sample:
        large = resize(one, sizes[i])
        (offset,) = _offsets(numbers[i : i + 1], _slack(large, size))
        return crop(large, *offset, size)

    return per_image(batch, change)


def _nearer(batch: Sample, s: float) -> Sample:
    """The scene compressed along the axis, seen by a camera whose focal length is divided by `s`: the images stay."""
    out = dict(batch)
    for key, value in batch.items():
        if key in ("depth", "depth_true"):
            out[key] = value / s
        elif key == "normals":
            out[key] = F.normalize(value * value.new_tensor([1, 1, s]).view(3, 1, 1), dim=1)
        elif key in CAMERAS:
            out[key] = value / value.new_tensor([[s, s, 1], [s, s, 1], [1, 1, 1]])
        elif key == "T_right_current":  # the shift of rectified cameras may have a few millimetres along the axis
            out[key] = value / value.new_tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, s], [1, 1, 1, 1]])
    return out


def _require_scale(scale: tuple[float, float]) -> None:
    if not 1 <= scale[0] <= scale[1] < float("inf"):
        raise ValueError(f"scale: found {scale!r}, expected (low, high) with 1 <= low <= high")


def _slack(batch: Sample, size: Size) -> Size:
    """Rows and columns by which the image exceeds the window."""
    height, width = batch["image"].shape[-2:]
    if size[0] > height or size[1] > width:
        raise ValueError(
            f"size: found a window of {size[0]} x {size[1]} for images of {height} x {width}, expected no larger"
        )
    return height - size[0], width - size[1]


def _offsets(numbers: torch.Tensor, slack: Size) -> list[tuple[int, int]]:
    """Uniform offsets (top, left), 0 to slack, of numbers [B,2] in [0, 1)."""
    return [(int(y * (slack[0] + 1)), int(x * (slack[1] + 1))) for y, x in numbers.tolist()]
