"""Laser scans and their projection into a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from depthlib.data.errors import DataError
from depthlib.data.files import read_arrays, read_bytes
from depthlib.geometry import MIN_DEPTH, project, transform_points

Along = Literal["velodyne-x", "z"]
Pixels = Literal["matlab", "nearest"]
SCAN_RANGE = 150.0  # metres; the scanner reaches 120


def read_scan(path: Path) -> Tensor:
    """Points of a .bin file, [N, 4] float32: x forward, y left, z up in metres, reflectance in [0, 1].

    Raises:
        DataError: missing, cut off, not finite, or farther than a scanner sees (another unit or another type of
            number).
    """
    data = read_bytes(path)
    if len(data) % 16:
        raise DataError(f"{path}: found {len(data)} bytes, expected a multiple of 16 (four float32 a point): cut off?")
    points = np.frombuffer(data, dtype="<f4").reshape(-1, 4)
    if not np.isfinite(points).all():
        raise DataError(f"{path}: found values that are not finite, expected float32 metres")
    reach = float(np.abs(points[:, :3]).max())
    if not 1 < reach < SCAN_RANGE:
        raise DataError(f"{path}: found coordinates up to {reach:g}, expected float32 metres, 1 to {SCAN_RANGE:g}")
    return torch.from_numpy(points.astype(np.float32))


def project_scan(
    points: Tensor,
    T_camera_velo: Tensor,
    K: Tensor,
    height: int,
    width: int,
    *,
    along: Along = "velodyne-x",
    pixels: Pixels = "matlab",
) -> Tensor:
    """The sparse depth map of a scan; of several points in a pixel, the nearest counts.

    Only points with x >= 0 count. The published evaluations (SfMLearner, monodepth2 and their successors) store the
    laser's forward x as "depth", some 0.27 m more than the camera's z, and place a point at round(u) - 1, the MATLAB
    convention; both are the default, for comparability. They also merge the last column of a row with the first of the
    next; here this is corrected, with differences in columns 0 and W - 1 alone, outside the Garg crop.

    Args:
        points: [N, 3] or [N, 4] metres in the laser's frame.
        T_camera_velo: [4, 4]. K: [3, 3] pixels.
        along: "velodyne-x", or "z" for depth along the camera's axis.
        pixels: "matlab" for round(u) - 1, "nearest" for round(u), the pixel whose centre is nearest if centres lie at
            integers.

    Returns:
        [1, H, W] float32 metres, 0 where no point falls.

    Raises:
        ValueError: a wrong shape, `along` or `pixels`.
    """
    if points.ndim != 2 or points.shape[1] not in (3, 4):
        raise ValueError(f"points: found shape {list(points.shape)}, expected [N, 3] or [N, 4]")
    if along not in ("velodyne-x", "z") or pixels not in ("matlab", "nearest"):
        wanted = "along 'velodyne-x' or 'z', pixels 'matlab' or 'nearest'"
        raise ValueError(f"found along={along!r}, pixels={pixels!r}, expected {wanted}")
    xyz = points[points[:, 0] >= 0, :3].to(K.dtype).T[None]
    seen = transform_points(xyz, T_camera_velo[None])
    uv, z = project(seen, K[None])
    shift = 1 if pixels == "matlab" else 0
    u, v = (uv[0].round().long() - shift).unbind(0)
    depth = xyz[0, 0] if along == "velodyne-x" else z[0, 0]
    keep = (z[0, 0] > MIN_DEPTH) & (depth > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    flat = torch.full((height * width,), torch.inf, dtype=K.dtype, device=points.device)
    flat = flat.scatter_reduce(0, (v * width + u)[keep], depth[keep], "amin")
    return torch.where(torch.isinf(flat), 0, flat).reshape(1, height, width).float()


def read_projected(path: Path) -> Tensor:
    """A stored projection: npz with `velodyne_depth`, [H, W] metres along the camera's z, 0 invalid. Returns [1, H, W]
    float32.

    Raises:
        DataError: missing, damaged, no such array, another shape, or values that are not finite or negative.
    """
    (depth,) = read_arrays(path, "velodyne_depth")
    if depth.ndim != 2 or depth.dtype.kind != "f":
        raise DataError(f"{path}: found {depth.dtype} {list(depth.shape)}, expected [H, W] of floating metres")
    if not np.isfinite(depth).all() or depth.min() < 0:
        raise DataError(
            f"{path}: found values that are negative or not finite, expected metres >= 0 with 0 for invalid"
        )
    return torch.from_numpy(depth.astype(np.float32))[None]
