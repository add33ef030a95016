"""KITTI's odometry errors: drift in per cent and degrees over segments of 100 to 800 m, and readers of pose files.

Definitions of the benchmark (Geiger 2012) as kitti-odom-eval applies them to trajectories of unknown scale. Details
that decide the printed digits: segments start at every 10th frame of the *full* truth; one is skipped if its first or
last frame has no estimate; it ends at the first frame beyond its length; error = estimate^-1 truth, by matrix inverse.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from depthlib.base.paths import atomic_write
from depthlib.base.text import one_line
from depthlib.metrics.trajectory import (
    Alignment,
    Array,
    absolute_errors,
    align,
    from_first,
    path_length,
    poses_of,
    relative_errors,
    rotation_angle,
)

LENGTHS = (100, 200, 300, 400, 500, 600, 700, 800)
STEP = 10


@dataclass(frozen=True)
class Segments:
    """Errors of all segments, [M]: first frame, length in metres, metres per metre, radians per metre."""

    first: NDArray[np.int64]
    length: Array
    translation: Array
    rotation: Array


@dataclass(frozen=True)
class Odometry:
    """The errors of one sequence, as in published tables.

    Attributes:
        t_err: per cent. r_err: degrees per 100 m. Means over all segments; NaN where the path is shorter than 100 m.
        ate: RMSE of the positions, metres. rpe_metres, rpe_degrees: means over consecutive frames.
        frames: number of frames with an estimate. segments: number of segments.
    """

    t_err: float
    r_err: float
    ate: float
    rpe_metres: float
    rpe_degrees: float
    frames: int
    segments: int


def segment_errors(estimate: ArrayLike, truth: ArrayLike, frames: ArrayLike | None = None) -> Segments:
    """Errors of every segment.

    Args:
        estimate: [M,4,4], already aligned if its scale is unknown. truth: [N,4,4], all frames of the sequence.
        frames: [M] ascending frame numbers of the estimates, rows of `truth`; None: M = N.
    """
    e, t, rows = _by_frame(estimate, truth, frames)
    along = path_length(t)
    place = np.full(len(t), -1)
    place[rows] = np.arange(len(rows))
    starts = np.arange(0, len(t), STEP)
    first, length = np.repeat(starts, len(LENGTHS)), np.tile(np.array(LENGTHS, float), len(starts))
    last = np.searchsorted(along, along[first] + length, side="right")
    last_row = np.minimum(last, len(t) - 1)
    keep = (last < len(t)) & (place[first] >= 0) & (place[last_row] >= 0)
    first, length, last_row = first[keep], length[keep], last_row[keep]
    i, j, inverse = place[first], place[last_row], np.linalg.inv
    error = inverse(inverse(e[i]) @ e[j]) @ (inverse(t[first]) @ t[last_row])
    return Segments(first, length, np.linalg.norm(error[:, :3, 3], axis=1) / length, rotation_angle(error) / length)


def odometry_errors(
    estimate: ArrayLike, truth: ArrayLike, frames: ArrayLike | None = None, *, alignment: Alignment = "similarity"
) -> Odometry:
    """All errors of a sequence, after the first poses were brought together and the paths aligned.

    Args:
        estimate, truth, frames: as in `segment_errors`.
        alignment: "similarity" for networks trained on monocular video, "rigid" or "none" where the scale is known.

    Raises:
        ValueError: wrong shapes, frames out of range or order, a path that cannot be aligned.
    """
    e, t, rows = _by_frame(estimate, truth, frames)
    t = np.linalg.inv(t[rows[0]]) @ t
    e = align(from_first(e), t[rows], alignment)
    segments = segment_errors(e, t, rows)
    found = len(segments.first)
    drift = [100 * x.mean() if found else np.nan for x in (segments.translation, segments.rotation)]
    consecutive = np.flatnonzero(np.diff(rows) == 1)
    metres, radians = relative_errors(e, t[rows], np.stack((consecutive, consecutive + 1), axis=1))
    rmse = np.sqrt(np.mean(absolute_errors(e, t[rows], "none") ** 2))
    means = (drift[0], np.degrees(drift[1]), rmse, metres.mean(), np.degrees(radians.mean()))
    t_err, r_err, ate, rpe_metres, rpe_degrees = map(float, means)
    return Odometry(t_err, r_err, ate, rpe_metres, rpe_degrees, len(rows), found)


def read_kitti_poses(path: str | os.PathLike[str]) -> tuple[NDArray[np.int64], Array]:
    """Read a file with 12 numbers a line, the upper rows of a camera-to-world pose, optionally after a frame number.

    Returns:
        frames [N] (0, 1, ... where the file has none) and poses [N,4,4].
    Raises:
        ValueError: the file has another format, holds NaN, or matrices that are no rotations (determinant far from 1).
    """
    table = _table(path, (12, 13), "12 numbers a line, or a frame number and 12")
    frames = table[:, 0].astype(np.int64) if table.shape[1] == 13 else np.arange(len(table))
    if (np.diff(frames) <= 0).any():
        raise ValueError(f"{path}: found frame numbers that do not ascend, expected each frame once, in order")
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3] = table[:, -12:].reshape(-1, 3, 4)
    turned = np.linalg.det(poses[:, :3, :3])
    line = int(np.abs(turned - 1).argmax())
    if abs(turned[line] - 1) > 1e-2:
        raise ValueError(f"{path}: found determinant {turned[line]:.3f} in line {line + 1}, expected 1")
    return frames, poses


def write_kitti_poses(path: str | os.PathLike[str], poses: ArrayLike) -> None:
    """Write poses [N,4,4] as `read_kitti_poses` reads them, with 17 digits, without frame numbers; atomic."""
    with atomic_write(path) as temporary:
        np.savetxt(temporary, poses_of("poses", poses)[:, :3].reshape(-1, 12), fmt="%.17g")


def read_tum_trajectory(path: str | os.PathLike[str]) -> tuple[Array, Array]:
    """Read a text file with lines "seconds x y z qx qy qz qw", # for comments (TUM RGB-D).

    Returns:
        stamps [N] in seconds and camera-to-world poses [N,4,4].
    """
    table = _table(path, (8,), "8 numbers a line: seconds x y z qx qy qz qw")
    return table[:, 0], poses_from_quaternions(table[:, 1:4], table[:, 4:])


def poses_from_quaternions(position: ArrayLike, quaternion: ArrayLike) -> Array:
    """[N,4,4] of positions [N,3] and quaternions [N,4] in the order x, y, z, w, normalised first."""
    xyz, q = np.asarray(position, dtype=np.float64), np.asarray(quaternion, dtype=np.float64)
    if xyz.shape[1:] != (3,) or q.shape != (len(xyz), 4) or not q.any(axis=-1).all():
        raise ValueError(f"position, quaternion: found {xyz.shape}, {q.shape}, expected [N,3], [N,4], none of length 0")
    poses = np.tile(np.eye(4), (len(xyz), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = Rotation.from_quat(q).as_matrix(), xyz
    return poses


def _table(path: str | os.PathLike[str], columns: tuple[int, ...], expected: str) -> Array:
    try:
        table = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as numbers ({one_line(error)}), expected {expected}") from error
    if table.shape[1] not in columns or len(table) < 2:
        raise ValueError(f"{path}: found {len(table)} lines of {table.shape[1]} numbers, expected > 1, {expected}")
    if (bad := ~np.isfinite(table).all(axis=1)).any():
        raise ValueError(f"{path}: found {bad.sum()} lines with NaN, first line {bad.argmax() + 1}, expected numbers")
    return table


def _by_frame(
    estimate: ArrayLike, truth: ArrayLike, frames: ArrayLike | None
) -> tuple[Array, Array, NDArray[np.int64]]:
    e, t = poses_of("estimate", estimate), poses_of("truth", truth)
    rows = np.arange(len(t)) if frames is None else np.asarray(frames, dtype=np.int64)
    if rows.shape != (len(e),) or (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= len(t):
        raise ValueError(f"frames: found {rows.shape} for {len(e)} estimates, expected ascending numbers < {len(t)}")
    return e, t, rows
