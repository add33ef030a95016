"""Floors: depth that never looks at the picture, made from the labels of a training set.

A network that does not beat them has learned nothing about its images, however small its error. They are networks like
any other, so the inference loop and the protocols score them in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from depthlib.geometry import pixel_grid
from depthlib.models.blocks import check_image

MOST_ITEMS = 2048  # of a large set, evenly spaced: medians of so many hardly move any more
MOST_SORTED = 256  # items for `GroundPlane`, which sorts their pixels into `BINS`
BINS = 128
Items = Dataset[dict[str, Any]]


class Constant(nn.Module):
    """One depth for every pixel of every image.

    forward: image [B,3,H,W] -> depth [B,1,H,W] in metres.
    """

    depth: Tensor

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth.reshape(()))

    @classmethod
    def of(cls, dataset: Items) -> Constant:
        """The median of all valid labels, which no other constant beats in mean absolute error.

        Raises ValueError if no label is valid.
        """
        return cls(_median(torch.cat([item["depth"][_known(item)] for item in _items(dataset)])))

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        return self.depth.to(image).expand(len(image), 1, *image.shape[-2:]).clone()


class FixedMap(nn.Module):
    """The same depth map for every image, enlarged or reduced to the image where sizes differ.

    forward: image [B,3,H,W] -> depth [B,1,H,W] in metres.

    Args:
        depth: [1,H,W] metres.
    """

    depth: Tensor

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth)

    @classmethod
    def of(cls, dataset: Items) -> FixedMap:
        """The median of the valid labels at each pixel; the median of all labels where a pixel never has one.

        Raises ValueError if no label is valid, or the items differ in size.
        """
        labels = [torch.where(_known(item), item["depth"], torch.nan) for item in _items(dataset)]
        if len(sizes := {tuple(label.shape) for label in labels}) > 1:
            raise ValueError(f"depth: found items of {len(sizes)} sizes, expected one")
        stacked = torch.stack(labels) if labels else torch.empty(0, 1, 1, 1)
        overall = _median(stacked[stacked.isfinite()])
        return cls(stacked.nanmedian(dim=0).values.nan_to_num(nan=overall.item()))

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        depth, size = self.depth.to(image)[None], image.shape[-2:]
        if depth.shape[-2:] != size:
            depth = F.interpolate(depth, size=size, mode="bilinear", align_corners=False, antialias=True)
        return depth.expand(len(image), -1, -1, -1).clone()


class GroundPlane(nn.Module):
    """Depth from the camera and the ground alone: how far a pixel usually is, given how far below it meets the ground.

    A pixel whose ray meets the ground at depth z has q = 1/z; above the horizon q is negative. The depth of a pixel is
    a function of its q, made from a training set. Where pitch, height and focal length differ between images this floor
    moves the horizon with them, which a `FixedMap` cannot.

    forward: image [B,3,H,W], K [B,3,3] in pixels, ground [B,3] -> depth [B,1,H,W] in metres. `ground` is the plane in
    the camera's frame, ground . X = 1 for its points X in metres: the downward normal divided by the camera's height.

    Args:
        q: [N], rising, 1/m. depth: [N] metres at these; between them it is interpolated, beyond them constant.
    """

    inputs = ("image", "K", "ground")
    q: Tensor
    depth: Tensor

    def __init__(self, q: Tensor, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("q", q)
        self.register_buffer("depth", depth)

    @classmethod
    def of(cls, dataset: Items) -> GroundPlane:
        """Medians of q and of the valid labels in bins of equally many pixels. Items need `K` and `ground`.

        Raises ValueError if there are fewer valid labels than bins.
        """
        pairs = []
        for item in _items(dataset, MOST_SORTED):
            q = ground_inverse_depth(item["K"][None], item["ground"][None], *item["depth"].shape[-2:])[0]
            pairs.append(torch.stack([q[_known(item)], item["depth"][_known(item)]]))
        found = torch.cat(pairs, dim=1) if pairs else torch.empty(2, 0)
        size = found.shape[1] // BINS
        if not size:
            raise ValueError(f"depth: found {found.shape[1]} valid labels, expected at least {BINS}")
        found = found[:, found[0].argsort()][:, : size * BINS]
        return cls(*found.view(2, BINS, size).median(dim=2).values)

    def forward(self, image: Tensor, K: Tensor, ground: Tensor) -> Tensor:
        check_image(image)
        q = ground_inverse_depth(K, ground, *image.shape[-2:]).contiguous()
        right = torch.searchsorted(self.q, q).clamp(1, len(self.q) - 1)
        left = right - 1
        share = ((q - self.q[left]) / (self.q[right] - self.q[left]).clamp_min(1e-9)).clamp(0, 1)
        return torch.lerp(self.depth[left], self.depth[right], share)


def ground_inverse_depth(K: Tensor, ground: Tensor, height: int, width: int) -> Tensor:
    """Inverse depth at which the ray of each pixel meets the ground, [B,1,H,W] in 1/m; see `GroundPlane`."""
    pixels = torch.cat([pixel_grid(height, width), torch.ones(1, 1, height, width)], dim=1)[0].to(K)
    return torch.einsum("bi,bij,jhw->bhw", ground, torch.linalg.inv(K), pixels)[:, None]


def _items(dataset: Items, most: int = MOST_ITEMS) -> Iterator[dict[str, Any]]:
    count = len(dataset)  # type: ignore[arg-type]
    chosen = torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).round().long().unique()
    return (dataset[index] for index in chosen.tolist())


def _known(item: dict[str, Any]) -> Tensor:
    known: Tensor = item["valid"] & (item["depth"] > 0)
    return known


def _median(depths: Tensor) -> Tensor:
    if not depths.numel():
        raise ValueError("depth: found no valid label, expected at least one")
    return depths.median()
