"""Several source images warped into one target. Raises TypeError and ValueError as `geometry.warp` does."""

from __future__ import annotations

from torch import Tensor

from depthlib.geometry.checks import require_tensor
from depthlib.geometry.warp import reproject, sample_pixels


def project_into_sources(depth: Tensor, K: Tensor, poses: Tensor) -> Tensor:
    """Positions of the target's pixels in sources with the same intrinsics, Eq. 1 of the dual networks.

    Args:
        depth: of the target, [B,1,H,W], metres.
        K: [B,3,3] or [1,3,3], pixels.
        poses: T_source_target, [B,S,4,4].

    Returns:
        pixels (u, v), [B,S,2,H,W].
    """
    poses = require_tensor("poses", poses, (len(depth), None, 4, 4), f"[{len(depth)},S,4,4] poses T_source_target")
    count = poses.shape[1]
    K = K.expand(len(depth), -1, -1).repeat_interleave(count, 0)
    flat, _ = reproject(depth.repeat_interleave(count, 0), K, poses.flatten(0, 1))
    pixels: Tensor = flat.unflatten(0, (len(depth), count))
    return pixels


def sample_sources(sources: Tensor, pixels: Tensor) -> Tensor:
    """Sources [B,S,C,H,W] sampled at pixels [B,S,2,H',W'], bilinearly, borders repeated: [B,S,C,H',W']."""
    sources = require_tensor("sources", sources, (None,) * 5, "[B,S,C,H,W] images or features")
    batch, count = sources.shape[:2]
    pixels = require_tensor("pixels", pixels, (batch, count, 2, None, None), f"[{batch},{count},2,H,W] pixel positions")
    sampled: Tensor = sample_pixels(sources.flatten(0, 1), pixels.flatten(0, 1)).unflatten(0, (batch, count))
    return sampled
