"""Errors of camera trajectories in NumPy, float64: alignment, absolute (ATE) and relative errors (RPE), snippets.

A trajectory is [N,4,4], camera-to-world, in metres; estimate and truth are paired row by row (see `associate` for files
with time stamps). Four quantities are called "ATE": after rigid, similarity or scale-only alignment of the whole path
(`absolute_errors`), and SfMLearner's mean over short snippets (`snippet_errors`), which is no RMSE. Every function
raises ValueError with the name of the argument, what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Alignment = Literal["none", "rigid", "similarity", "scale"]
Inverse = Literal["matrix", "transpose"]
ALIGNMENTS: tuple[Alignment, ...] = ("none", "rigid", "similarity", "scale")


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation."""

    scale: float
    rotation: Array
    translation: Array

    def points(self, x: Array) -> Array:
        """[...,3] -> [...,3]."""
        return self.scale * x @ self.rotation.T + self.translation

    def poses(self, poses: Array) -> Array:
        """Camera-to-world poses [...,4,4] in the new world frame: positions as `points`, rotations without scale."""
        moved = poses.copy()
        moved[..., :3, :3] = self.rotation @ poses[..., :3, :3]
        moved[..., :3, 3] = self.points(poses[..., :3, 3])
        return moved


@dataclass(frozen=True)
class Statistics:
    """Of the errors of all frames, or of all pairs of frames. `std` is the population's; `sse` the sum of squares."""

    rmse: float
    mean: float
    median: float
    std: float
    min: float
    max: float
    sse: float


def statistics(errors: ArrayLike) -> Statistics:
    """Statistics of [N] errors; ValueError without any error or for a value that is not finite."""
    e = np.asarray(errors, dtype=np.float64)
    if e.ndim != 1 or e.size == 0 or not np.isfinite(e).all():
        raise ValueError(f"errors: found shape {list(e.shape)} or values not finite, expected finite [N]")
    return Statistics(
        *map(float, (np.sqrt(np.mean(e**2)), e.mean(), np.median(e), e.std(), e.min(), e.max(), np.sum(e**2)))
    )


def umeyama(source: ArrayLike, target: ArrayLike, *, scale: bool = True) -> Similarity:
    """The similarity (or rigid motion) of `source` to `target` with the least sum of squared distances.

    Closed form by one singular value decomposition, never a reflection (Umeyama 1991, Eqs. 40 to 42).

    Args:
        source, target: [N,3], paired row by row.
        scale: fit a scale too; else it is 1.

    Raises:
        ValueError: wrong shapes; fewer than 3 points; positions that span no plane (for a straight or resting path the
            rotation about its axis is undetermined: use the alignment "scale").
    """
    x, y = _points("source", source), _points("target", target)
    _paired(x, y)
    if len(x) < 3:
        raise ValueError(f"source: found {len(x)} positions, expected at least 3 to fix a rotation")
    xm, ym = x.mean(axis=0), y.mean(axis=0)
    covariance = (y - ym).T @ (x - xm) / len(x)
    u, d, vt = np.linalg.svd(covariance)
    if not d[1] > 1e-12 * max(d[0], np.finfo(float).tiny):
        raise ValueError("source: found positions on one line, expected a bend (the alignment 'scale' needs none)")
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u * sign @ vt
    factor = float((d * sign).sum() / np.mean(np.sum((x - xm) ** 2, axis=1))) if scale else 1.0
    return Similarity(factor, rotation, ym - factor * rotation @ xm)


def best_scale(source: ArrayLike, target: ArrayLike) -> float:
    """s that minimises sum |s source - target|^2 for points [...,3] that share an origin: sum(s.t) / sum(s.s)."""
    x, y = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.shape != y.shape or not np.sum(x**2) > 0:
        raise ValueError(f"source: found shape {list(x.shape)}, expected {list(y.shape)}, and a path that moves")
    return float(np.sum(x * y) / np.sum(x**2))


def align(estimate: ArrayLike, truth: ArrayLike, alignment: Alignment) -> Array:
    """The poses `estimate` [N,4,4] in the world frame of `truth`.

    Args:
        alignment: "rigid" (6 degrees of freedom) and "similarity" (7) fit all positions by `umeyama`; "scale" makes the
            first poses coincide and fits the scale of the positions alone; "none" changes nothing.
    """
    e, t = poses_of("estimate", estimate), poses_of("truth", truth)
    _paired(e, t)
    if alignment in ("rigid", "similarity"):
        return umeyama(e[:, :3, 3], t[:, :3, 3], scale=alignment == "similarity").poses(e)
    if alignment == "scale":
        own, true = from_first(e), from_first(t)
        own[:, :3, 3] *= best_scale(own[:, :3, 3], true[:, :3, 3])
        moved: Array = t[0] @ own
        return moved
    if alignment == "none":
        return e.copy()
    raise ValueError(f"alignment: found {alignment!r}, expected one of {', '.join(ALIGNMENTS)}")


def absolute_errors(estimate: ArrayLike, truth: ArrayLike, alignment: Alignment) -> Array:
    """Distance [N] in metres between the positions of each frame after `align`; its RMSE is the usual ATE."""
    aligned = align(estimate, truth, alignment)
    distances: Array = np.linalg.norm(aligned[:, :3, 3] - poses_of("truth", truth)[:, :3, 3], axis=1)
    return distances


def relative_errors(
    estimate: ArrayLike, truth: ArrayLike, pairs: ArrayLike | None = None, *, inverse: Inverse = "matrix"
) -> tuple[Array, Array]:
    """Errors of the motion between two frames (RPE): metres and radians, [M] each.

    Args:
        pairs: [M,2] rows of both trajectories; None takes each frame with the next. `pairs_by_distance` makes others.
        inverse: "matrix", as kitti-odom-eval, or "transpose" of the rotation, as evo. Rotations in a file are
            orthogonal to a few digits only, and only so many digits agree between the two.

    E = (T_i^-1 T_j)^-1 (Q_i^-1 Q_j), T the truth and Q the estimate: length of its translation, angle of its rotation.
    Published averages differ (mean in kitti-odom-eval, RMSE in the tools of TUM): see `statistics`.
    """
    e, t = poses_of("estimate", estimate), poses_of("truth", truth)
    _paired(e, t)
    if pairs is None:
        pairs = np.stack((np.arange(len(t) - 1), np.arange(1, len(t))), axis=1)
    index = np.asarray(pairs)
    if index.ndim != 2 or index.shape[1] != 2 or len(index) == 0 or index.min() < 0 or index.max() >= len(t):
        raise ValueError(f"pairs: found shape {list(index.shape)}, expected [M,2] rows below {len(t)}, at least one")
    i, j = index.T
    invert = _INVERSES[inverse]
    error = invert(invert(t[i]) @ t[j]) @ (invert(e[i]) @ e[j])
    return np.linalg.norm(error[:, :3, 3], axis=1), rotation_angle(error)


def pairs_by_distance(truth: ArrayLike, metres: float) -> NDArray[np.int64]:
    """[M,2] rows of consecutive segments of at least `metres` along the path; the first starts after that distance."""
    along = path_length(poses_of("truth", truth))
    if not metres > 0:
        raise ValueError(f"metres: found {metres}, expected a positive length")
    ends = [0]
    while (following := int(np.searchsorted(along, along[ends[-1]] + metres))) < len(along):
        ends.append(following)
    if len(ends) < 3:
        raise ValueError(f"truth: found a path of {along[-1]:.1f} m, expected at least two segments of {metres:g} m")
    return np.stack((ends[1:-1], ends[2:]), axis=1)


def snippets(poses: ArrayLike, length: int) -> Array:
    """All overlapping snippets, each in the frame of its first camera: [N,4,4] -> [N-length+1, length, 4, 4]."""
    p = poses_of("poses", poses)
    if not 2 <= length <= len(p):
        raise ValueError(f"length: found {length}, expected 2 to {len(p)} frames")
    index = np.arange(len(p) - length + 1)[:, None] + np.arange(length)
    found: Array = np.linalg.inv(p[index[:, :1]]) @ p[index]
    return found


def snippet_errors(estimate: ArrayLike, truth: ArrayLike) -> Array:
    """SfMLearner's "ATE" of each snippet, metres: sqrt(sum |s estimate - truth|^2) / frames, [M].

    First poses coincide, one scale per snippet, no rotation fitted. It is RMSE / sqrt(frames) and includes the first
    frame, whose error is 0, so 3-frame and 5-frame values cannot be compared (DN-11).

    Args:
        estimate, truth: positions [M,frames,3] with the first frame at the origin, as `snippets(...)[..., :3, 3]`.

    Raises:
        ValueError: wrong shapes, a snippet that does not start at the origin, an estimate without motion.
    """
    e, t = np.asarray(estimate, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    for name, x in (("estimate", e), ("truth", t)):
        if x.ndim != 3 or x.shape[1:] != t.shape[1:] or x.shape[-1] != 3 or x.shape[1] < 2 or len(x) not in (1, len(t)):
            raise ValueError(f"{name}: found shape {list(x.shape)}, expected [M,frames,3], frames >= 2, both alike")
        if np.abs(x[:, 0]).max() > 1e-6:
            raise ValueError(f"{name}: found a first position off the origin, expected it at the origin (`snippets`)")
    energy = np.sum(e**2, axis=(1, 2))
    if not (energy > 0).all():
        raise ValueError(f"estimate: found {(energy == 0).sum()} snippets without motion, expected some in each")
    scale = np.sum(e * t, axis=(1, 2)) / energy
    errors: Array = np.sqrt(np.sum((scale[:, None, None] * e - t) ** 2, axis=(1, 2))) / t.shape[1]
    return errors


def associate(
    stamps: ArrayLike, reference: ArrayLike, tolerance: float = 0.02, *, one_to_one: bool = True
) -> NDArray[np.int64]:
    """Rows of two files paired by time: [M,2], in the order of `stamps`.

    Each stamp is paired with the nearest one of `reference`, if not farther than `tolerance` seconds; of two with the
    same partner, the nearer keeps it; without `one_to_one` both do.
    """
    a, b = (np.asarray(s, dtype=np.float64) for s in (stamps, reference))
    if a.ndim != 1 or b.ndim != 1 or len(a) == 0 or len(b) < 2 or (np.diff(b) < 0).any():
        raise ValueError(f"stamps: found shapes {a.shape} and {b.shape}, expected [N] and ascending [M] seconds")
    after = np.clip(np.searchsorted(b, a), 1, len(b) - 1)
    nearest = np.where(a - b[after - 1] <= b[after] - a, after - 1, after)
    gap = np.abs(a - b[nearest])
    order = np.lexsort((gap, nearest))  # by partner, the nearest first
    first = np.concatenate(([True], np.diff(nearest[order]) > 0)) | (not one_to_one)
    rows = np.sort(order[first & (gap[order] <= tolerance)])
    if len(rows) == 0:
        raise ValueError(f"stamps: found none within {tolerance} s of reference, expected one clock for both")
    return np.stack((rows, nearest[rows]), axis=1)


def path_length(poses: Array) -> Array:
    """Metres travelled up to each frame, [N]."""
    return np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1))))


def from_first(poses: Array) -> Array:
    """Poses [N,4,4] in the frame of the first camera."""
    return np.linalg.inv(poses[0]) @ poses


def _transposed(poses: Array) -> Array:
    """The inverse of rigid [N,4,4]."""
    inverse = np.zeros_like(poses)
    inverse[:, :3, :3] = poses[:, :3, :3].transpose(0, 2, 1)
    inverse[:, :3, 3:] = -inverse[:, :3, :3] @ poses[:, :3, 3:]
    inverse[:, 3, 3] = 1
    return inverse


_INVERSES: dict[Inverse, Callable[[Array], NDArray[Any]]] = {"matrix": np.linalg.inv, "transpose": _transposed}


def rotation_angle(poses: Array) -> Array:
    """Angle in radians of [...,4,4] or [...,3,3], arccos((trace - 1) / 2) as in the published tools."""
    trace = np.trace(poses[..., :3, :3], axis1=-2, axis2=-1)
    angle: Array = np.arccos(np.clip((trace - 1) / 2, -1.0, 1.0))
    return angle


def poses_of(name: str, value: ArrayLike) -> Array:
    """`value` as float64 [N,4,4]; ValueError for another shape, values that are not finite, or fewer than 2 frames."""
    poses = np.asarray(value, dtype=np.float64)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) < 2:
        raise ValueError(f"{name}: found shape {list(poses.shape)}, expected [N,4,4] camera-to-world poses, N >= 2")
    if not np.isfinite(poses).all():
        bad = int((~np.isfinite(poses)).any(axis=(1, 2)).sum())
        raise ValueError(f"{name}: found {bad} poses with NaN, expected finite numbers")
    return poses


def _points(name: str, value: ArrayLike) -> Array:
    points = np.asarray(value, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"{name}: found shape {list(points.shape)}, expected finite [N,3]")
    return points


def _paired(a: Array, b: Array) -> None:
    if len(a) != len(b):
        raise ValueError(f"estimate and truth: found {len(a)} and {len(b)} frames, expected the same frames in both")
