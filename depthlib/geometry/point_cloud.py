"""A predicted depth map as points, without the curtain that would hang between an object and what is behind it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.geometry.camera import backproject
from depthlib.geometry.checks import require_tensor

# Neighbouring depths of one surface differ by a share of tan(angle) / f, where `angle` lies between the viewing ray and
# the surface's normal and f is the focal length in pixels of the depth map. At f = 100, a map of about 100 x 130
# pixels,
# 7 % is a surface seen at 82 degrees: the floor below a standing person is kept up to 10 m. Of two objects whose edge a
# network blurs over three pixels, 1.07^3, the points between are left out where one is a fifth behind the other.
CURTAIN = 0.07


def curtain(depth: Tensor, size: Sequence[int], share: float = CURTAIN) -> Tensor:
    """Where a depth map, enlarged bilinearly, shows something between two surfaces: bool [H,W].

    Args:
        depth: [h,w], above 0, any unit. size: (H, W), that of the enlarged map.
        share: each enlarged pixel lies between four pixels of the map; it belongs to the curtain where the farthest of
            them is more than 1 + `share` times as far as the nearest.
    """
    depth = require_tensor("depth", depth, (None, None), "[h,w] depth")
    padded = F.pad(depth[None, None], (1, 1, 1, 1), mode="replicate")
    farthest, nearest = F.max_pool2d(padded, 2, 1)[0, 0], -F.max_pool2d(-padded, 2, 1)[0, 0]
    # [h+1,w+1]: between the pixels, and beyond the first and last
    torn = farthest > (1 + share) * nearest
    rows, columns = (
        # (i + 0.5) old / new - 0.5 is where pixel i lies on the map, between the pixels floor of it and the next
        ((torch.arange(new, dtype=torch.float64) + 0.5) * old / new + 0.5).floor().long()
        for new, old in zip(size, depth.shape, strict=True)
    )
    return torn[rows][:, columns]


def points_of(depth: Tensor, K: Tensor, kept: Tensor) -> Tensor:
    """Points [N,3] of the pixels `kept` (bool [H,W]) of a depth map [H,W] and intrinsics [3,3], row by row.

    In the camera's frame and the unit of depth: x to the right, y down, z forward.
    """
    points = backproject(depth[None, None], K.to(depth.dtype)[None])[0]
    return points[:, kept].T
