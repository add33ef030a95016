"""Resizing, with labels and cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from depthlib.data.transforms.base import Transform
from depthlib.data.transforms.draws import Draw
from depthlib.data.transforms.fields import (
    CAMERAS,
    FLOWS,
    GRID,
    IMAGES,
    MAPS,
    POINTS,
    Sample,
    disparity_in_pixels,
    with_lost_points,
)
from depthlib.geometry import scale_intrinsics
from depthlib.geometry.checks import require_size

Size = tuple[int, int]
ImageFilter = Literal["bilinear", "area", "nearest"]
DepthFilter = Literal["nearest", "mean"]


@dataclass(frozen=True)
class Resize(Transform):
    """The sample at `size` (height, width), and at further named sizes.

    All sizes are made from the input sample: after random transforms at full size this is "augment, then down-sample"
    (dual networks, Sec. 4.5). `named={"low": (128, 416)}` adds image_low, K_low, depth_low and so on; poses and
    baseline hold for every size. Transforms reject a sample with such keys, so this one comes last.

    Disparity in pixels is scaled with the width, flow with both sides. Labels, normals and flow come from the nearest
    pixel, without averaging. Points of pairs go to the pixel they fall into; pairs that fall into one pixel get
    `pairs_valid` [P] false.

    Args:
        image: "bilinear", antialiased where it shrinks; "area", the mean over the area covered (the dual networks'
            filter); "nearest" (FastDepth).
        depth: "nearest", or "mean" of the valid pixels around, weighted by the antialiased filter; either way a pixel
            is valid where the nearest one is.

    Raises:
        ValueError: another size or name, or an unknown filter.
    """

    size: Size
    named: Mapping[str, Size] = field(default_factory=dict)
    image: ImageFilter = "bilinear"
    depth: DepthFilter = "nearest"

    def __post_init__(self) -> None:
        for size in (self.size, *self.named.values()):
            require_size(*size)
        if wrong := [name for name in self.named if not name.isidentifier()]:
            raise ValueError(f"named: found {wrong[0]!r}, expected names such as 'low', which gives 'image_low'")
        for name, value, known in (("image", self.image, ImageFilter), ("depth", self.depth, DepthFilter)):
            if value not in get_args(known):
                raise ValueError(f"{name}: found {value!r}, expected one of {', '.join(get_args(known))}")

    def apply(self, batch: Sample, draw: Draw) -> Sample:
        out = resize(batch, self.size, image=self.image, depth=self.depth)
        for name, size in self.named.items():
            small = resize(batch, size, image=self.image, depth=self.depth)
            out |= {f"{key}_{name}": value for key, value in small.items() if key in (*GRID, *CAMERAS, *POINTS)}
        return out


def resize(batch: Sample, size: Size, *, image: ImageFilter = "bilinear", depth: DepthFilter = "nearest") -> Sample:
    """A batch at `size` (height, width), with its cameras and pairs; see `Resize`."""
    out, old = dict(batch), tuple(batch["image"].shape[-2:])
    scale_y, scale_x = size[0] / old[0], size[1] / old[1]
    for key, value in batch.items():
        if key in IMAGES:
            out[key] = _resize_image(value, size, image)
        elif key in GRID:
            out[key] = nearest(value, size)
            if key in FLOWS:
                out[key] = out[key] * value.new_tensor([scale_x, scale_y]).view(2, 1, 1)
        elif key in CAMERAS:
            out[key] = scale_intrinsics(value, scale_x, scale_y)
        elif key == "pairs":
            out[key], apart = _resize_pairs(value, old, size)
            out["pairs_valid"] = apart & batch.get("pairs_valid", torch.ones_like(apart))
    if depth == "mean":
        for key in MAPS:
            if key in batch:
                known = _known(batch, key)
                out[key] = torch.where(nearest(known, size), _mean(batch[key], known, size), out[key])
    if disparity_in_pixels(batch):
        out["disparity"] = out["disparity"] * scale_x
    return with_lost_points(out)


def nearest(value: Tensor, size: Size) -> Tensor:
    """[...,H,W] at `size` by the pixel in which each new centre lies, any dtype.

    Whole numbers instead of torchvision's kernel, which takes labels through float32.
    """
    old = value.shape[-2:]
    if tuple(old) == tuple(size):
        return value
    rows, columns = (
        (2 * torch.arange(n, device=value.device) + 1) * was // (2 * n) for was, n in zip(old, size, strict=True)
    )
    return value.index_select(-2, rows).index_select(-1, columns)


def _resize_image(value: Tensor, size: Size, how: ImageFilter) -> Tensor:
    if how == "nearest":
        return nearest(value, size)
    if how == "area":
        return _area(_area(value, -2, size[0]), -1, size[1])
    from torchvision.transforms.v2 import functional

    return functional.resize(value, list(size), antialias=True)


def _area(value: Tensor, axis: int, new: int) -> Tensor:
    """Mean over the interval of an axis that each new pixel covers. PyTorch's "area" counts partly covered pixels
    fully.
    """
    old = value.shape[axis]
    edges = torch.arange(new + 1, dtype=torch.float64, device=value.device) * (old / new)
    first, total = edges[:-1].floor(), torch.zeros((), dtype=value.dtype, device=value.device)
    for tap in range(int(old / new) + 2):  # the pixels that an interval can touch
        pixel = first + tap
        share = (torch.minimum(edges[1:], pixel + 1) - torch.maximum(edges[:-1], pixel)).clamp(min=0) * (new / old)
        share = share.to(value.dtype).view(-1, *[1] * (-1 - axis))
        total = total + share * value.index_select(axis, pixel.long().clamp(max=old - 1))
    return total


def _known(batch: Sample, key: str) -> Tensor:
    """The measured pixels of a map, bool [B,1,H,W]."""
    value = batch[key]
    mask = next((batch[name] for name in _masks(key) if name in batch), torch.ones_like(value, dtype=torch.bool))
    return mask & (value > 0) if key in ("depth", "depth_true") else mask & value.isfinite()


def _masks(key: str) -> tuple[str, ...]:
    """Names of the masks of a map, of which the first in the sample counts; none for `depth_true`."""
    return {"disparity": ("disparity_valid", "valid"), "depth_true": ()}.get(key, ("valid",))


def _mean(value: Tensor, known: Tensor, size: Size) -> Tensor:
    total = _resize_image(torch.where(known, value, 0), size, "bilinear")
    weight = _resize_image(known.to(value.dtype), size, "bilinear")
    return total / weight.clamp(min=1e-6)  # where the nearest pixel is known the weight is far larger


def _resize_pairs(pairs: Tensor, old: Size, new: Size) -> tuple[Tensor, Tensor]:
    """Points in the pixels of the new grid they fall into, and whether both points of a pair are still apart."""
    was, now = (pairs.new_tensor([*side, *side]) for side in (old, new))
    points = (2 * pairs[..., :4] + 1) * now // (2 * was)
    apart = (points[..., :2] != points[..., 2:]).any(dim=-1)
    return torch.cat((points, pairs[..., 4:]), dim=-1), apart
