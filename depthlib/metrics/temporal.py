"""Temporal errors of the depth maps of a video: how their scale changes from frame to frame, and how points flicker.

A pixel p of a frame shows a point that another frame shows at p + flow(p). The change of its depth is

    r(p) = ln other(p + flow(p)) - ln depth(p) - expected(p),

where expected(p) is the true ln(z_other / z). Without it r also holds what camera and objects really move. Of all
points that both frames show,

* the median of r is the change of scale of the pair, and its spread over the pairs of a video is the scale drift;
* the mean distance of r from its median is the flicker of the pair.

Published measures of temporal consistency warp one frame's depth into the next, too, and average the difference over
visible pixels: OPW along optical flow (Wang et al. 2023, "Neural Video Depth Stabilizer", after the warping error of
Lai et al. 2018), TAE along poses with the relative error (Yang et al. 2024, "Depth Any Video"). They mix both parts,
and OPW grows with the scale of the depth. Logarithms separate the parts and have no unit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.geometry.camera import pixel_grid
from depthlib.geometry.checks import require_tensor
from depthlib.geometry.warp import inside, sample_pixels

VISIBLE = 0.5  # see `looks_alike`


def log_change(
    depth: Tensor, other: Tensor, flow: Tensor, visible: Tensor | None = None, expected: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The change r of each pixel, and which pixels count. See the top of this file.

    1 / other is interpolated bilinearly: on a plane it is a linear function of the position, so that no error comes of
    a slanted road.

    Args:
        depth, other: [B,1,H,W] above 0, in any unit, the same for both; 0 where unknown.
        flow: [B,2,H,W] pixels to the right and down, from `depth` to `other`.
        visible: bool [B,1,H,W], false where the other frame does not show the point; None: all.
        expected: [B,1,H,W] true change of the logarithm; None: 0.

    Returns:
        change [B,1,H,W], 0 where it does not count; counted, bool [B,1,H,W]: visible, inside of the other frame, and
        known there in all pixels it is interpolated from.

    Raises:
        TypeError, ValueError: not floating tensors of these shapes.
    """
    depth = require_tensor("depth", depth, (None, 1, None, None), "[B,1,H,W] depth")
    batch, _, height, width = depth.shape
    shape = (batch, 1, height, width)
    other = require_tensor("other", other, shape, "[B,1,H,W] as depth")
    flow = require_tensor("flow", flow, (batch, 2, height, width), "[B,2,H,W] pixels, B, H, W as in depth")
    pixels = flow + pixel_grid(height, width, dtype=flow.dtype, device=flow.device)
    known = other > 0
    inverse = sample_pixels(torch.where(known, 1 / other, 0), pixels)
    counted = (depth > 0) & inside(pixels, height, width) & (sample_pixels(known.to(inverse.dtype), pixels) > 1 - 1e-4)
    if visible is not None:
        counted = counted & visible
    change = -torch.log(torch.where(counted, inverse * depth, 1))
    if expected is not None:
        expected = require_tensor("expected", expected, shape, "[B,1,H,W] as depth")
        change = torch.where(counted, change - expected, 0)
    return change, counted


def scale_change(change: Tensor, counted: Tensor) -> Tensor:
    """The median change of each pair, [B]: s where `other` is exp(s) times the true depth and `depth` is true.

    Args:
        change, counted: [B,1,H,W], see `log_change`.

    Raises:
        ValueError: a pair without a pixel that counts, named by its index.
    """
    return torch.stack([values.median() for values in _counted(change, counted)])


def flicker(change: Tensor, counted: Tensor) -> Tensor:
    """Mean |change - scale change| of each pair, [B].

    Independent noise of the logarithm, normal with standard deviation s in both frames, gives 2 s / sqrt(pi) at whole
    pixels. Arguments and errors as in `scale_change`.
    """
    return torch.stack([(values - values.median()).abs().mean() for values in _counted(change, counted)])


def scale_drift(changes: Tensor) -> Tensor:
    """Standard deviation, [], of the scale changes [N] of the consecutive pairs of a video, N at least 1.

    Frames whose scale is wrong by independent factors of standard deviation s (of the logarithm) give sqrt(2) s; a
    steady change, as when a camera drives on along a street, gives 0.
    """
    changes = require_tensor("changes", changes, (None,), "[N] scale changes")
    if not len(changes):
        raise ValueError("changes: found no pair of frames, expected at least one")
    return changes.std(correction=0)


def looks_alike(image: Tensor, other: Tensor, flow: Tensor, sharpness: float = 50.0) -> Tensor:
    """Where both images show the same along a flow: bool [B,1,H,W]. It stands in for the visibility that is not known.

    exp(-sharpness |image(p) - other(p + flow(p))|^2) > 1/2, of RGB in [0, 1], and inside of the other image: the mask
    of Lai et al. 2018, "Learning Blind Video Temporal Consistency", with its sharpness, cut at one half.

    Args:
        image, other: [B,C,H,W]. flow: [B,2,H,W] as in `log_change`.
    """
    image = require_tensor("image", image, (None, None, None, None), "[B,C,H,W] image")
    height, width = image.shape[-2:]
    flow = require_tensor("flow", flow, (len(image), 2, height, width), "[B,2,H,W] pixels, B, H, W as in image")
    pixels = flow + pixel_grid(height, width, dtype=flow.dtype, device=flow.device)
    distance = (image - sample_pixels(other, pixels)).square().sum(dim=1, keepdim=True)
    return (torch.exp(-sharpness * distance) > VISIBLE) & inside(pixels, height, width)


def _counted(change: Tensor, counted: Tensor) -> list[Tensor]:
    values = [one[mask] for one, mask in zip(change, counted, strict=True)]
    if empty := [index for index, one in enumerate(values) if not len(one)]:
        raise ValueError(f"counted: found no pixel in pair(s) {empty}, expected at least one that both frames show")
    return values
