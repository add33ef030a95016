"""The pinhole camera: pixels to points and back, and the intrinsics after a resize, a crop or a flip.

Pixel centres lie at integers, so an image of width W covers [-0.5, W - 0.5]. The camera looks along +z, x points right
and y down; depth is measured along z. K is upper triangular, [[fx, skew, cx], [0, fy, cy], [0, 0, 1]].

Everything is computed per coordinate instead of as matrix products: automatic mixed precision would run a matrix
product in bfloat16, which shifts a position by several pixels, and the closed form needs no matrix inverse.

Every function raises TypeError for an argument that is not a floating tensor, and ValueError for a wrong shape, batch
sizes that do not agree, or a side of an image that is not a whole number >= 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from depthlib.geometry.checks import require_batch, require_intrinsics, require_size, require_tensor

MIN_DEPTH = 1e-3  # metres; points nearer than this, or behind the camera, are projected as if at this depth


def pixel_grid(
    height: int, width: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """Pixel coordinates (u, v) of every pixel centre, [1,2,H,W]: u = 0..W-1 to the right, v = 0..H-1 downwards."""
    require_size(height, width)
    v, u = torch.meshgrid(
        torch.arange(height, dtype=dtype, device=device), torch.arange(width, dtype=dtype, device=device), indexing="ij"
    )
    return torch.stack((u, v)).unsqueeze(0)


def _entries(K: Tensor, ndim: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """fx, fy, cx, cy, skew of `K`, each shaped [B,1,...] with `ndim` axes so that it broadcasts over pixels."""
    shape = (-1,) + (1,) * (ndim - 1)
    fx, fy, cx, cy, skew = (K[:, i, j].reshape(shape) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2), (0, 1)))
    return fx, fy, cx, cy, skew


def separable_rays(K: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """`viewing_rays` as a sum of one part for the column and one for the row: [B,3,1,W] and [B,3,H,1]."""
    K = require_tensor("K", K, (None, 3, 3), "[B,3,3] intrinsics in pixels")
    K = require_intrinsics("K", K, K.shape[0])
    require_size(height, width)
    fx, fy, cx, cy, skew = _entries(K, 4)
    x = (torch.arange(width, dtype=K.dtype, device=K.device) - cx) / fx
    y = (torch.arange(height, dtype=K.dtype, device=K.device).unsqueeze(1) - cy) / fy
    zero = torch.zeros_like(x)
    return torch.cat((x, zero, zero), dim=1), torch.cat((-skew / fx * y, y, torch.ones_like(y)), dim=1)


def viewing_rays(K: Tensor, height: int, width: int) -> Tensor:
    """K^-1 [u v 1]^T for every pixel: rays with z = 1, [B,3,H,W]."""
    across, down = separable_rays(K, height, width)
    return across + down


def backproject(depth: Tensor, K: Tensor) -> Tensor:
    """Points of a depth map in the camera's frame, X = D(p) K^-1 [u v 1]^T (Eq. 1 of the dual networks).

    Args:
        depth: [B,1,H,W], metres along z. Invalid pixels (0) become the point (0, 0, 0).
        K: [B,3,3] or [1,3,3], pixels.

    Returns:
        [B,3,H,W] points in metres.
    """
    depth = require_tensor("depth", depth, (None, 1, None, None), "[B,1,H,W] depth in metres")
    K = require_intrinsics("K", K, depth.shape[0])
    return depth * viewing_rays(K, depth.shape[-2], depth.shape[-1])


def transform_points(points: Tensor, T: Tensor) -> Tensor:
    """Points mapped by a rigid motion, R X + t.

    Args:
        points: [B,3,...] in metres, in the frame `src`.
        T: T_dst_src, [B,4,4] or [1,4,4].

    Returns:
        [B,3,...] in the frame `dst`.
    """
    points = _require_points(points)
    T = require_tensor("T", T, (None, 4, 4), "[B,4,4] pose")
    require_batch("T", T, points.shape[0])
    columns = T[:, :3].reshape(T.shape[0], 3, 4, *(1,) * (points.ndim - 2)).unbind(2)
    x, y, z = points.split(1, dim=1)
    moved: Tensor = columns[0] * x + columns[1] * y + columns[2] * z + columns[3]
    return moved


def project(points: Tensor, K: Tensor, T: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Projection of points, p = K (R X + t) / z (Eq. 1 of the dual networks, erratum DN-1).

    The division uses max(z, 1e-3 m), so points at or behind the camera get finite pixels and finite gradients; the
    returned z is not clamped.

    Args:
        points: [B,3,H,W] (or [B,3,N]) in metres, in the camera's frame, or in the frame `src` if `T` is given.
        K: [B,3,3] or [1,3,3], pixels.
        T: T_camera_src, [B,4,4] or [1,4,4]; None for the identity.

    Returns:
        pixels: [B,2,H,W], (u, v).
        z: [B,1,H,W], metres along the camera's axis; not positive behind it.
    """
    points = _require_points(points)
    K = require_intrinsics("K", K, points.shape[0])
    if T is not None:
        points = transform_points(points, T)
    x, y, z = points.split(1, dim=1)
    fx, fy, cx, cy, skew = _entries(K, points.ndim)
    z_safe = z.clamp(min=MIN_DEPTH)
    x, y = x / z_safe, y / z_safe
    return torch.cat((fx * x + skew * y + cx, fy * y + cy), dim=1), z


def _require_points(points: Tensor) -> Tensor:
    rank = points.ndim if isinstance(points, Tensor) else 4
    if rank < 3:
        raise ValueError(f"points: found shape {list(points.shape)}, expected [B,3,H,W] or [B,3,N] points in metres")
    return require_tensor("points", points, (None, 3) + (None,) * (rank - 2), "[B,3,H,W] or [B,3,N] points in metres")


def scale_intrinsics(K: Tensor, scale_x: float, scale_y: float) -> Tensor:
    """Intrinsics of an image resized by `scale_x` = new width / old width and `scale_y` = new height / old height.

    With pixel centres at integers the image covers [-0.5, W - 0.5], and a resize (align_corners=False, or an area
    mean) keeps its edges: cx' = (cx + 0.5) s - 0.5. SfMLearner and monodepth2 have cx' = s cx (K / 2^s), off by
    (s - 1)/2 pixels: a quarter pixel at half size.

    Args:
        K: [B,3,3], pixels.

    Returns:
        [B,3,3], pixels of the new image. Raises ValueError for a scale that is not positive.
    """
    K = require_tensor("K", K, (None, 3, 3), "[B,3,3] intrinsics in pixels")
    for name, scale in (("scale_x", scale_x), ("scale_y", scale_y)):
        if not scale > 0:
            raise ValueError(f"{name}: found {scale}, expected a positive factor (new size / old size)")
    factor = K.new_tensor([[scale_x], [scale_y], [1.0]])
    shift = K.new_tensor([[0, 0, 0.5 * (scale_x - 1)], [0, 0, 0.5 * (scale_y - 1)], [0, 0, 0]])
    return K * factor + shift


def crop_intrinsics(K: Tensor, left: float, top: float) -> Tensor:
    """Intrinsics of the crop whose first pixel is (left, top) of the old image; negative numbers pad. [B,3,3]."""
    K = require_tensor("K", K, (None, 3, 3), "[B,3,3] intrinsics in pixels")
    return K - K.new_tensor([[0, 0, left], [0, 0, top], [0, 0, 0]])


def flip_intrinsics(K: Tensor, width: int) -> Tensor:
    """Intrinsics of the horizontally flipped image, as of a camera in a mirrored world. [B,3,3].

    Pixel u goes to W - 1 - u (centres at integers), so cx' = W - 1 - cx; the skew changes sign. Poses of a flipped
    sequence are M T M with M = diag(-1, 1, 1, 1).
    """
    K = require_tensor("K", K, (None, 3, 3), "[B,3,3] intrinsics in pixels")
    require_size(1, width)
    sign = K.new_tensor([[1, -1, -1], [1, 1, 1], [1, 1, 1]])
    return K * sign + K.new_tensor([[0, 0, width - 1], [0, 0, 0], [0, 0, 0]])


def normals_from_depth(depth: Tensor, K: Tensor) -> Tensor:
    """Unit surface normals in the camera's frame, facing the camera: a fronto-parallel wall has (0, 0, -1).

    The normal is dX/dv x dX/du of the back-projected points; differences are central inside and one-sided at the
    border. Where the pixel or a neighbour used is invalid (depth 0), the normal is (0, 0, 0).

    Args:
        depth: [B,1,H,W], metres; H and W at least 2.
        K: [B,3,3] or [1,3,3], pixels.

    Returns:
        [B,3,H,W].
    """
    points = backproject(depth, K)
    if min(depth.shape[-2:]) < 2:
        raise ValueError(f"depth: found shape {list(depth.shape)}, expected at least 2 x 2 pixels for differences")
    padded = F.pad(points, (1, 1, 1, 1), mode="replicate")
    du = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    dv = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    known = F.pad((depth > 0).to(points.dtype), (1, 1, 1, 1), mode="replicate")
    row, column = known[:, :, 1:-1], known[..., 1:-1]
    whole = row[..., 1:-1] * row[..., 2:] * row[..., :-2] * column[:, :, 2:] * column[:, :, :-2]
    return F.normalize(torch.linalg.cross(dv, du, dim=1), dim=1) * whole
