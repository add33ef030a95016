"""Inverse warping: an image seen from another camera, by depth and pose or by stereo disparity.

Bilinear sampling with border padding and align_corners=True, because pixel centres lie at integers: with
align_corners=False an identity warp would shift the image. Every function raises TypeError for an argument that is not
a floating tensor, and ValueError for a wrong shape or batch sizes that do not agree.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.geometry.camera import MIN_DEPTH, pixel_grid, separable_rays
from depthlib.geometry.checks import require_batch, require_intrinsics, require_tensor

VISIBLE_SLACK = 1e-2  # pixels; else float32 rounding would make the border of an identity warp invisible


def reproject(depth_dst: Tensor, K: Tensor, T_src_dst: Tensor, K_src: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Positions in `src` of the points seen by the pixels of `dst`: p' = K_src (R D K^-1 p + t) / z.

    Args:
        depth_dst: [B,1,H,W], metres.
        K: intrinsics of dst, [B,3,3] or [1,3,3], pixels.
        T_src_dst: [B,4,4] or [1,4,4], maps points of dst into src.
        K_src: intrinsics of src; None if they are `K`.

    Returns:
        pixels: [B,2,H,W], positions (u, v) in the image of src.
        z: [B,1,H,W], depth in src, metres; not positive behind that camera.
    """
    depth_dst = require_tensor("depth_dst", depth_dst, (None, 1, None, None), "[B,1,H,W] depth in metres")
    batch, _, height, width = depth_dst.shape
    K = require_intrinsics("K", K, batch)
    K_src = K if K_src is None else require_intrinsics("K_src", K_src, batch)
    T = require_tensor("T_src_dst", T_src_dst, (None, 4, 4), "[B,4,4] pose")
    require_batch("T_src_dst", T, batch)
    # Only the column's and the row's part of the rays are multiplied by 3x3 matrices, not the ray of every pixel.
    across, down = separable_rays(K, height, width)
    rotation, translation = _product(K_src, T[:, :3]).split((3, 1), dim=2)
    rays = _product(rotation, across.squeeze(2)).unsqueeze(2) + _product(rotation, down.squeeze(3)).unsqueeze(3)
    scaled, z = torch.addcmul(translation.unsqueeze(3), rays, depth_dst).split((2, 1), dim=1)
    return scaled / z.clamp(min=MIN_DEPTH), z


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of [B,3,3] and [B,3,N], not rounded under autocast."""
    return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(dim=-2)


def sample_pixels(image: Tensor, pixels: Tensor, mode: str = "bilinear") -> Tensor:
    """`image` [B,C,H,W] sampled at `pixels` [B,2,H',W'] (u, v; centres at integers); outside, the nearest border pixel.

    Args:
        mode: "bilinear" or "nearest".

    Returns:
        [B,C,H',W'].
    """
    image = require_tensor("image", image, (None, None, None, None), "[B,C,H,W] image")
    pixels = require_tensor(
        "pixels", pixels, (image.shape[0], 2, None, None), f"[{image.shape[0]},2,H,W] pixel positions"
    )
    height, width = image.shape[-2:]
    # A size of 1 has no extent to normalise by; every position then samples the only pixel.
    u, v = pixels.unbind(1)
    grid = torch.stack((u * (2 / max(width - 1, 1)) - 1, v * (2 / max(height - 1, 1)) - 1), dim=1).permute(0, 2, 3, 1)
    dtype = torch.promote_types(image.dtype, grid.dtype)  # positions are never rounded to the dtype of the image
    return F.grid_sample(image.to(dtype), grid.to(dtype), mode=mode, padding_mode="border", align_corners=True)


def inside(pixels: Tensor, height: int, width: int) -> Tensor:
    """Whether `pixels` [B,2,H',W'] lie within the outermost pixel centres, up to 0.01 px: bool [B,1,H',W']."""
    u, v = pixels.split(1, dim=1)
    slack = VISIBLE_SLACK
    seen: Tensor = (u >= -slack) & (u <= width - 1 + slack) & (v >= -slack) & (v <= height - 1 + slack)
    return seen


def warp(
    image_src: Tensor, depth_dst: Tensor, K: Tensor, T_src_dst: Tensor, K_src: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The image of `src` as seen from `dst`, Eq. 1 of the dual networks in its homogeneous form (DN-1).

    Peak memory: about 3.4 times `image_src` in the forward pass, 7.7 with backward, for 3 channels.

    Args:
        image_src: [B,C,Hs,Ws]; any channels, so features can be warped with the same coordinates.
        depth_dst: [B,1,H,W], metres; 0 where unknown.
        K: intrinsics of dst, [B,3,3] or [1,3,3], pixels.
        T_src_dst: [B,4,4] or [1,4,4], maps points of dst into src.
        K_src: intrinsics of src; None if they are `K`, which needs images of one size.

    Returns:
        image: [B,C,H,W]; outside the view of src it repeats the border.
        visible: bool [B,1,H,W], true where the depth is known and its point lies in front of src and inside its image.
            Occlusion is not tested, see `depth_agrees`.

    Images of different sizes need `K_src`, else a ValueError is raised.
    """
    image_src = require_tensor("image_src", image_src, (None, None, None, None), "[B,C,H,W] image")
    depth_dst = require_tensor(
        "depth_dst", depth_dst, (image_src.shape[0], 1, None, None), "[B,1,H,W], B as in image_src"
    )
    size, size_src = depth_dst.shape[-2:], image_src.shape[-2:]
    if K_src is None and size != size_src:
        raise ValueError(
            f"K_src: found None for sizes {list(size_src)} (src) and {list(size)} (dst), expected intrinsics of src"
        )
    pixels, z = reproject(depth_dst, K, T_src_dst, K_src)
    visible = (depth_dst > 0) & (z > MIN_DEPTH) & inside(pixels, *size_src)
    return sample_pixels(image_src, pixels), visible


def warp_disparity(right: Tensor, disparity: Tensor) -> tuple[Tensor, Tensor]:
    """The left view of a rectified pair from the right one, left(u, v) = right(u - d(u, v), v).

    Args:
        right: [B,C,H,W].
        disparity: of the left view, [B,1,H,W], pixels, positive for points in front of the cameras.

    Returns:
        left: [B,C,H,W]; outside the right image it repeats the border.
        visible: bool [B,1,H,W], true where u - d lies inside the right image.
    """
    right = require_tensor("right", right, (None, None, None, None), "[B,C,H,W] image")
    batch, _, height, width = right.shape
    disparity = require_tensor(
        "disparity", disparity, (batch, 1, height, width), f"[{batch},1,{height},{width}] pixels"
    )
    dtype = torch.promote_types(disparity.dtype, torch.float32)
    u, v = pixel_grid(height, width, dtype=dtype, device=right.device).split(1, dim=1)
    pixels = torch.cat((u - disparity, v.expand_as(disparity)), dim=1)
    return sample_pixels(right, pixels), inside(pixels, height, width)


def depth_agrees(
    depth_src: Tensor,
    depth_dst: Tensor,
    K: Tensor,
    T_src_dst: Tensor,
    K_src: Tensor | None = None,
    *,
    tolerance: float = 0.05,
) -> Tensor:
    """Where both cameras see the same surface: the depth in `src` is that predicted from `dst`, within `tolerance`.

    Args:
        depth_src, depth_dst: [B,1,Hs,Ws] and [B,1,H,W], metres, 0 where unknown.
        K, T_src_dst, K_src: as in `warp`.
        tolerance: largest |difference| / predicted depth.

    Returns:
        bool [B,1,H,W]; false where occluded, out of view or unknown in either map. Depth is sampled at the nearest
        pixel, since a bilinear mean across an edge lies on neither surface.
    """
    depth_src = require_tensor("depth_src", depth_src, (None, 1, None, None), "[B,1,H,W] depth in metres")
    pixels, z = reproject(depth_dst, K, T_src_dst, K_src)
    require_batch("depth_src", depth_src, depth_dst.shape[0])
    seen = sample_pixels(depth_src.expand(depth_dst.shape[0], -1, -1, -1), pixels, mode="nearest")
    known = (depth_dst > 0) & (seen > 0) & (z > MIN_DEPTH) & inside(pixels, *depth_src.shape[-2:])
    return known & ((seen - z).abs() <= tolerance * z)
