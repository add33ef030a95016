"""Rigid motions: `T_dst_src`, [...,4,4], maps points of src into dst. Axis-angle, Euler angles, quaternions.

All functions take any number of leading axes, so a network's [B,N,6] output gives [B,N,4,4]. Rotations are computed per
entry or as elementwise sums: matrix products would run in bfloat16 under automatic mixed precision. Every function
raises TypeError for an argument that is not a floating tensor, and ValueError for a wrong shape.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SMALL = 1e-4  # squared angle below which the Taylor series is used; its error there is below 1e-15


def _require_last(name: str, value: object, shape: tuple[int, ...], meaning: str) -> Tensor:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        found = f"dtype {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name}: found {found}, expected a floating tensor, {meaning}")
    if tuple(value.shape[-len(shape) :]) != shape:
        raise ValueError(f"{name}: found shape {list(value.shape)}, expected {meaning}")
    return value


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in the inputs' own precision, also under autocast."""
    return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2)


def make_pose(rotation: Tensor, translation: Tensor) -> Tensor:
    """[...,4,4] pose of a rotation [...,3,3] and a translation [...,3] in metres: X -> R X + t."""
    rotation = _require_last("rotation", rotation, (3, 3), "[...,3,3]")
    translation = _require_last("translation", translation, (3,), "[...,3] in metres")
    upper = torch.cat((rotation, translation.unsqueeze(-1)), dim=-1)
    # The last row (0, 0, 0, 1), built without a copy from the host.
    lower = torch.cat((torch.zeros_like(upper[..., :1, :3]), torch.ones_like(upper[..., :1, :1])), dim=-1)
    return torch.cat((upper, lower), dim=-2)


def invert_pose(T: Tensor) -> Tensor:
    """T_src_dst of T_dst_src, [...,4,4]: rotation R^T, translation -R^T t. `T` must be rigid."""
    T = _require_last("T", T, (4, 4), "[...,4,4] pose")
    rotation = T[..., :3, :3].transpose(-1, -2)
    return make_pose(rotation, -_matmul(rotation, T[..., :3, 3:]).squeeze(-1))


def compose_poses(*poses: Tensor) -> Tensor:
    """The product of one or more poses [...,4,4], leading axes broadcast: compose_poses(T_c_b, T_b_a) = T_c_a."""
    if not poses:
        raise ValueError("poses: found none, expected at least one [...,4,4] pose")
    result = _require_last("poses[0]", poses[0], (4, 4), "[...,4,4] pose")
    for index, pose in enumerate(poses[1:], start=1):
        result = _matmul(result, _require_last(f"poses[{index}]", pose, (4, 4), "[...,4,4] pose"))
    return result


def axis_angle_to_matrix(vector: Tensor) -> Tensor:
    """Rodrigues' formula, R = I + a K + b K^2 with a = sin t / t, b = (1 - cos t) / t^2, K the cross product's matrix.

    Near zero a and b come from their series, so that the gradient at the zero vector, where a pose network starts, is
    exact and not NaN.

    Args:
        vector: [...,3], axis times angle in radians.

    Returns:
        [...,3,3].
    """
    vector = _require_last("vector", vector, (3,), "[...,3] axis times angle in radians")
    square = (vector * vector).sum(-1)
    small = square < _SMALL
    # Both branches must be finite: the gradient of the one not taken is multiplied by 0, and 0 * inf is NaN.
    angle = torch.where(small, torch.ones_like(square), square).sqrt()
    a = torch.where(small, 1 - square / 6 + square * square / 120, torch.sin(angle) / angle)
    half = torch.sin(angle / 2) / angle  # 2 sin^2(t/2) instead of 1 - cos t, which cancels in float32
    b = torch.where(small, 0.5 - square / 24 + square * square / 720, 2 * half * half)
    x, y, z = vector.unbind(-1)
    cos = 1 - b * square
    rows = (
        (cos + b * x * x, b * x * y - a * z, b * x * z + a * y),
        (b * x * y + a * z, cos + b * y * y, b * y * z - a * x),
        (b * x * z - a * y, b * y * z + a * x, cos + b * z * z),
    )
    return _matrix(rows)


def euler_to_matrix(angles: Tensor) -> Tensor:
    """R = Rx Ry Rz of angles (rx, ry, rz) about the fixed axes, clipped to [-pi, pi]; the order of SfMLearner.

    Args:
        angles: [...,3], radians.

    Returns:
        [...,3,3].
    """
    angles = _require_last("angles", angles, (3,), "[...,3] Euler angles in radians").clamp(-math.pi, math.pi)
    cx, cy, cz = angles.cos().unbind(-1)
    sx, sy, sz = angles.sin().unbind(-1)
    rows = (
        (cy * cz, -cy * sz, sy),
        (cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy),
        (sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy),
    )
    return _matrix(rows)


def pose_from_axis_angle(vector: Tensor) -> Tensor:
    """Pose of (rx, ry, rz, tx, ty, tz): axis-angle first, as monodepth2. [...,6] -> [...,4,4]."""
    vector = _require_last("vector", vector, (6,), "[...,6], axis-angle then translation")
    return make_pose(axis_angle_to_matrix(vector[..., :3]), vector[..., 3:])


def pose_from_euler(vector: Tensor) -> Tensor:
    """Pose of (tx, ty, tz, rx, ry, rz): translation first, Euler angles, as SfMLearner. [...,6] -> [...,4,4].

    SfMLearner's network predicts target-to-source poses, T_src_dst in the names of `warp`.
    """
    vector = _require_last("vector", vector, (6,), "[...,6], translation then Euler angles")
    return make_pose(euler_to_matrix(vector[..., 3:]), vector[..., :3])


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Rotation of a quaternion (x, y, z, w), normalised first. [...,4] -> [...,3,3]."""
    quaternion = _require_last("quaternion", quaternion, (4,), "[...,4] in the order x, y, z, w")
    x, y, z, w = (quaternion / torch.linalg.vector_norm(quaternion, dim=-1, keepdim=True)).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return _matrix(rows)


def matrix_to_quaternion(rotation: Tensor) -> Tensor:
    """Quaternion (x, y, z, w) of a rotation, with w >= 0. [...,3,3] -> [...,4].

    The entries of R give the matrix 4 q q^T, whose row with the largest diagonal entry, normalised, is q up to its
    sign. The norm of that row is at least 1, so the division is stable for every rotation, half turns included.
    """
    rotation = _require_last("rotation", rotation, (3, 3), "[...,3,3]")
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    outer = _matrix(
        (
            (1 + a - e - i, b + d, c + g, h - f),
            (b + d, 1 - a + e - i, f + h, c - g),
            (c + g, f + h, 1 - a - e + i, d - b),
            (h - f, c - g, d - b, 1 + a + e + i),
        )
    )
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*outer.shape[:-2], 1, 4)
    row = outer.gather(-2, best).squeeze(-2)
    quaternion = row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)
    return torch.where(quaternion[..., 3:] < 0, -quaternion, quaternion)


def _matrix(rows: tuple[tuple[Tensor, ...], ...]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
