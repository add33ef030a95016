"""Inspecting a depth-aware network: guidance as colours, and where its kernels mix objects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.papers.dacnn.depth_aware_conv import gaussian_kernel, taps


def shrunk(values: Tensor, size: Sequence[int]) -> Tensor:
    """A map [B,1,H,W] at another size, nearest neighbour: depths and ids must not be averaged across a border."""
    return F.interpolate(values.float(), tuple(size), mode="nearest-exact").to(values.dtype)


def mixing(guidance: Tensor, instances: Tensor, dilation: int = 1) -> Tensor:
    """Share of a 3x3 kernel's weight K that falls on other objects than the pixel's own: [B,1,H,W], 0 to 1.

    Only K is used: all filter weights count as equal. Taps outside the map are ignored.

    Args:
        guidance: [B,G,H,W]; a constant one gives the ordinary convolution.
        instances: ids of objects [B,1,H,W].

    Raises ValueError for sizes that differ.
    """
    if guidance.shape[-2:] != instances.shape[-2:]:
        raise ValueError(
            f"guidance, instances: found {list(guidance.shape)} and {list(instances.shape)}, expected one size"
        )
    kernel = gaussian_kernel(guidance, dilation)
    foreign = torch.zeros_like(kernel[:, :1])
    for tap, p, q in taps(*guidance.shape[-2:], dilation):
        foreign[p] += kernel[:, tap : tap + 1][p] * (instances[p] != instances[q])
    return foreign / kernel.sum(dim=1, keepdim=True)


def guidance_colours(teacher: Tensor, others: Sequence[Tensor] = ()) -> list[Tensor]:
    """Guidance as colours: softmax over channels, then the three directions in which the teacher's varies most.

    Eq. 6 compares the softmax. All maps use the teacher's directions and scale, so equal guidance has equal colours.

    Args:
        teacher: [B,G,h,w], G at least 3; others: of the same shape, of students.

    Returns:
        for the teacher and each other [B,3,h,w] in [0,1].
    """
    maps = [g.double().softmax(dim=1) for g in (teacher, *others)]
    points = maps[0].transpose(0, 1).flatten(1)
    mean = points.mean(dim=1, keepdim=True)
    _, vectors = torch.linalg.eigh((points - mean) @ (points - mean).T)
    axes = vectors[:, -3:].flip(1)
    # the sign of an eigenvector is arbitrary
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    shown = [torch.einsum("bghw,gc->bchw", g - mean.view(1, -1, 1, 1), axes) for g in maps]
    ends = shown[0].transpose(0, 1).flatten(1).quantile(torch.tensor([0.02, 0.98], dtype=torch.float64), dim=1)
    low, high = (end.view(1, 3, 1, 1) for end in ends)
    return [((x - low) / (high - low).clamp(min=1e-12)).clamp(0, 1).float() for x in shown]


def border_pixel(depth: Tensor, instances: Tensor, *, edge: int = 8) -> tuple[int, int]:
    """Row and column of the near side of the deepest step between two neighbours in a row, `edge` pixels off the frame.

    depth [1,H,W] metres and instances [1,H,W]. Raises ValueError where there is no such step.
    """
    near, far = depth[0, :, :-1], depth[0, :, 1:]
    step = (far.clamp(min=1e-3) / near.clamp(min=1e-3)).log()
    known = (near > 0) & (far > 0) & (instances[0, :, :-1] != instances[0, :, 1:])
    step = torch.where(known, step, 0)
    inner = torch.zeros_like(step)
    inner[edge:-edge, edge:-edge] = step[edge:-edge, edge:-edge]
    if inner.max() <= 0:
        raise ValueError("depth: found no step from near to far along a row, expected one")
    place = int(inner.argmax())
    return place // step.shape[1], place % step.shape[1]


def marked(image: Tensor, places: Sequence[tuple[int, int]], colour: Sequence[float] = (1.0, 0.0, 1.0)) -> Tensor:
    """A copy of an image [3,H,W] with a small square of that colour at each (row, column)."""
    image = image.clone()
    for row, column in places:
        image[:, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = torch.tensor(colour).view(3, 1, 1)
    return image
