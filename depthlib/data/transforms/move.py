"""The picture turned or shifted within its frame: what comes in from outside is not known.

New pixels from outside show the picture reflected at its border, since black wedges do not occur in photographs. They
have no labels: depth 0, `valid` false, semantics 255, flow 0 and occluded. `valid` is a mask of depth, which a loss
between images does not see: in training from video a crop that leaves the wedges out has to follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.crop import crop
from depthlib.data.transforms.draws import Draw, between
from depthlib.data.transforms.fields import (
    CAMERAS,
    FLOWS,
    GRID,
    IMAGES,
    Sample,
    disparity_in_pixels,
    is_pose,
    nothing,
    per_image,
    with_lost_points,
    within,
)
from depthlib.geometry import crop_intrinsics


@dataclass(frozen=True)
class RandomRotate(Transform):
    """Turn the picture about its centre: a roll of the camera about its optical axis (FastDepth: -5 to 5 degrees).

    A point X becomes R X, R a rotation about z, and keeps its depth; normals become R n, poses R T R^-1. Focal lengths
    and skew stay, and the principal point turns with the picture: pixels, and flow with them, move by F R F^-1, F the
    upper left of K, which is a rotation only where fx = fy. Without K pixels count as square. Images bilinear, all
    labels from the nearest pixel. Pairs of which a point leaves the image, or whose points fall together, get
    `pairs_valid` false.

    Args:
        degrees: lowest and highest angle; positive ones turn the picture counter-clockwise.

    Raises:
        ValueError: another range; a sample with `right` or disparity in pixels, since a roll takes the rows apart.
    """

    degrees: tuple[float, float] = (-5.0, 5.0)

    def __post_init__(self) -> None:
        low, high = self.degrees
        if not -180 <= low <= high <= 180:
            raise ValueError(f"degrees: found {self.degrees!r}, expected (low, high) with -180 <= low <= high <= 180")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        return rotate(batch, between(draw(1)[:, 0], *self.degrees))


@dataclass(frozen=True)
class RandomTranslate(Transform):
    """Shift the picture by whole pixels, up to a share of its size to either side. The principal point follows.

    All views shift alike, so poses, disparity and flow stay. Pairs of which a point leaves get `pairs_valid` false.

    Args:
        share: of the height and of the width, 0 to 0.5 each.

    Raises:
        ValueError: another share.
    """

    share: tuple[float, float] = (0.1, 0.1)

    def __post_init__(self) -> None:
        if not all(0 <= share <= 0.5 for share in self.share):
            raise ValueError(f"share: found {self.share!r}, expected shares of height and width, 0 to 0.5")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        largest = torch.tensor(self.share, dtype=torch.float64) * torch.tensor(batch["image"].shape[-2:])
        shifts = (between(draw(2), -1, 1) * largest).round().long().tolist()
        return per_image(batch, lambda one, i: translate(one, *shifts[i]))


def rotate(batch: Sample, degrees: Tensor) -> Sample:
    """Every image of a batch turned counter-clockwise by its `degrees` [B]; see `RandomRotate`."""
    if "right" in batch:
        raise ValueError(
            "right: found a stereo pair, whose rows a rotation takes apart, expected a sample without it "
            "(take it out with Drop)"
        )
    if disparity_in_pixels(batch):
        raise ValueError(
            "disparity: found disparity in pixels, which runs along rows, expected a sample without it "
            "(take it out with Drop)"
        )
    out, (height, width) = dict(batch), batch["image"].shape[-2:]
    # float64, so that a CPU and a GPU round to the same nearest pixels; y points down: counter-clockwise is negative
    angle = -torch.deg2rad(degrees.to(batch["image"].device, torch.float64))
    cos, sin = angle.cos(), angle.sin()
    centre = angle.new_tensor([(width - 1) / 2, (height - 1) / 2])
    back = _pixels(batch.get("K"), cos, -sin)
    column, row = (floor.long() for floor in _affine(back, (width / 2, height / 2), (height, width)).floor_())
    outside = (column < 0) | (column >= width) | (row < 0) | (row >= height)
    index = (row * width + column).masked_fill_(outside, 0)
    # grid_sample counts from -1 to 1 between the outermost centres
    unit = back.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)]).view(2, 1)
    dtype = torch.promote_types(batch["image"].dtype, torch.float32)
    grid = _affine(back * unit, (0.0, 0.0), (height, width), dtype).movedim(0, -1)
    for key, value in batch.items():
        if key in IMAGES:
            seen = F.grid_sample(value.to(grid.dtype), grid, padding_mode="reflection", align_corners=True)
            out[key] = seen.to(value.dtype)
        elif key in GRID:
            axes = (-1, *[1] * (value.ndim - 3))
            where = index.view(*axes, height * width).expand(*value.shape[:-2], -1)
            taken = value.flatten(-2).gather(-1, where).view(value.shape)
            out[key] = taken.masked_fill_(outside.view(*axes, height, width), nothing(key))
        elif key in CAMERAS:
            out[key] = value.clone()
            offset = value[:, :2, 2].double() - centre
            out[key][:, :2, 2] = (torch.einsum("bij,bj->bi", _pixels(value, cos, sin), offset) + centre).to(value.dtype)
        elif is_pose(key):
            roll = _roll(cos, sin, 4)
            out[key] = (roll @ value.double() @ roll.mT).to(value.dtype)
        elif key == "pairs":
            ends = value[..., :4].double().unflatten(-1, (2, 2)).flip(-1) - centre  # [B,P,2,(x, y)]
            ends = torch.einsum("bij,bpej->bpei", _pixels(batch.get("K"), cos, sin), ends) + centre
            points = (ends + 0.5).floor().flip(-1).flatten(-2).to(value.dtype)
            out |= within(batch, points, (height, width))
            out["pairs_valid"] = out["pairs_valid"] & (points[..., :2] != points[..., 2:]).any(dim=-1)
    if "normals" in out:
        normals = out["normals"]
        out["normals"] = torch.einsum("bij,bjhw->bihw", _roll(cos, sin, 3).to(normals.dtype), normals)
    for key in FLOWS:
        if key in out:
            out[key] = torch.einsum("bij,bjhw->bihw", _pixels(batch.get("K"), cos, sin).to(out[key].dtype), out[key])
    return with_lost_points(out)


def translate(batch: Sample, down: int, right: int) -> Sample:
    """A batch whose pictures are shifted by whole pixels, less than their size; see `RandomTranslate`."""
    size = tuple(batch["image"].shape[-2:])
    left, above = max(right, 0), max(down, 0)
    beyond, below = left - right, above - down
    wide = dict(batch)
    for key, value in batch.items():
        border = (left, beyond, above, below)
        if key in IMAGES:
            wide[key] = F.pad(value, border, mode="reflect")
        elif key in GRID:
            wide[key] = F.pad(value, border, value=nothing(key))
        elif key in CAMERAS:
            wide[key] = crop_intrinsics(value, -left, -above)
        elif key == "pairs":
            wide[key] = value + value.new_tensor([above, left, above, left, 0])
    return crop(wide, below, beyond, size)


def _affine(
    A: Tensor, origin: tuple[float, float], size: tuple[int, int], dtype: torch.dtype = torch.float64
) -> Tensor:
    """A (p - c) + origin for every pixel p of an image with centre c, (x, y) [2,B,H,W] of A [B,2,2] float64.

    Sums of a row and a column, far cheaper than a product for each pixel.
    """
    rows, columns = (torch.arange(n, dtype=A.dtype, device=A.device) - (n - 1) / 2 for n in size)
    out = A.new_empty((2, A.shape[0], *size), dtype=dtype)
    for i in (0, 1):
        across = (A[:, i, :1, None] * columns + origin[i]).to(dtype)
        torch.add(across, (A[:, i, 1:, None] * rows[:, None]).to(dtype), out=out[i])
    return out


def _pixels(K: Tensor | None, cos: Tensor, sin: Tensor) -> Tensor:
    """F R F^-1 [B,2,2] float64, F the upper left of K [B,3,3] and R the rotation of x towards y; R where K is None."""
    if K is None:
        return _roll(cos, sin, 2)
    fx, skew, fy = (K[:, i, j].double() for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b, c = skew / fx, (fx + skew * skew / fx) / fy, fy / fx
    return torch.stack((cos + a * sin, -b * sin, c * sin, cos - a * sin), dim=-1).unflatten(-1, (2, 2))


def _roll(cos: Tensor, sin: Tensor, size: int) -> Tensor:
    """Rotations about z, [B,size,size] float64."""
    roll = torch.eye(size, dtype=cos.dtype, device=cos.device).repeat(cos.shape[0], 1, 1)
    roll[:, :2, :2] = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2))
    return roll
