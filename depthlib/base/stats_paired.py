"""The mean of paired differences over seeds and frames, and how uncertain it is.

Two methods are compared on a table of differences, a row a seed, a column a frame. Seeds and frames are both drawn by
chance, so the table is a two-way layout with random effects and one value a cell,

    difference = mean + seed effect + frame effect + rest,     variances s^2, f^2, e^2 of the three.

The mean over the table has the variance s^2 / S + f^2 / F + e^2 / (S F). The variance of the row means, divided by S,
estimates the first and the last term together, that of the column means, divided by F, the second and the last: their
sum would count the rest twice. So the rest is estimated by itself, with (S - 1)(F - 1) degrees of freedom, and taken
out of the part of the frames. The part of the seeds keeps it, since that part has few degrees of freedom.

An interval of a mean with two such parts has the critical value of Cochran: the quantiles of Student's t for S - 1 and
for F - 1 degrees of freedom, weighted by the parts (Cochran 1964; Snedecor and Cochran 1989, Sec. 6.11). Nothing is
pooled over methods: a method whose seeds differ more than others' would borrow their certainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from depthlib.base.stats import Interval


@dataclass(frozen=True)
class Paired:
    """The mean of a table of differences and the parts of its variance; arrays where there are many tables.

    Attributes:
        mean: of the table.
        seed_part, frame_part: of the variance of the mean, see above.
        rest: e^2, the variance of a single cell beyond the effects of its seed and its frame.
        seeds, frames: size of the table.
    """

    mean: Any
    seed_part: Any
    frame_part: Any
    rest: Any
    seeds: int
    frames: int

    @property
    def error(self) -> Any:
        """Standard error of the mean."""
        return np.sqrt(self.seed_part + self.frame_part)

    @property
    def varies(self) -> Any:
        """Whether there is any variation. A mean without it has no uncertainty that could be measured."""
        return self.seed_part + self.frame_part > 0


def paired(differences: np.ndarray, scale: float | None = None) -> Paired:
    """Mean and variance parts of tables of differences.

    Args:
        differences: [..., seeds, frames].
        scale: size of the values whose differences these are, by default that of the largest difference; a variation
            below 1e-12 of it is rounding and counts as none.
    Raises:
        ValueError: fewer than two seeds or two frames, or values that are not finite.
    """
    table = np.asarray(differences, dtype=np.float64)
    if table.ndim < 2 or min(table.shape[-2:]) < 2 or not np.isfinite(table).all():
        found = f"found shape {list(table.shape)} or not finite"
        raise ValueError(f"differences: {found}, expected finite [..., seeds, frames], two or more of each")
    seeds, frames = table.shape[-2:]
    mean, rows, columns = table.mean(axis=(-2, -1)), table.mean(axis=-1), table.mean(axis=-2)
    rest = table - rows[..., None] - columns[..., None, :] + mean[..., None, None]
    rest = np.square(rest).sum(axis=(-2, -1)) / ((seeds - 1) * (frames - 1))
    seed_part = rows.var(axis=-1, ddof=1) / seeds
    frame_part = np.maximum(0.0, columns.var(axis=-1, ddof=1) / frames - rest / (seeds * frames))
    still = np.ptp(table, axis=(-2, -1)) <= 1e-12 * (np.abs(table).max(axis=(-2, -1)) if scale is None else scale)
    parts = (np.where(still, 0.0, part) for part in (seed_part, frame_part, rest))
    m, s, f, r = (float(x) if np.ndim(x) == 0 else x for x in (mean, *parts))
    return Paired(m, s, f, r, seeds, frames)


def critical(found: Paired, level: float | np.ndarray) -> Any:
    """Cochran's critical value for a two-sided `level`, such as 0.05. NaN where nothing varies."""
    from scipy.special import stdtrit  # the quantile of Student's t, without the checks that make scipy.stats slow

    tail = np.asarray(level) / 2
    seed, frame = (-stdtrit(freedom, tail) for freedom in (found.seeds - 1, found.frames - 1))
    with np.errstate(invalid="ignore"):
        return (found.seed_part * seed + found.frame_part * frame) / (found.seed_part + found.frame_part)


def interval_of(found: Paired, level: float = 0.05) -> Interval:
    """The interval that misses the true mean with probability `level`; the mean alone where nothing varies."""
    half = critical(found, level) * found.error if found.varies else 0.0
    return Interval(float(found.mean), float(found.mean - half), float(found.mean + half))


def level_within(found: Paired, distance: float | np.ndarray) -> Any:
    """The smallest two-sided level whose interval reaches less far than `distance` from the mean; 1 if there is none.

    With the distance to 0 it is the two-sided p-value. It is 1 where nothing varies: that decides nothing.
    """
    steps = np.where(np.asarray(found.varies), np.asarray(distance) / np.where(found.varies, found.error, 1.0), 0.0)
    low, high = np.full(steps.shape, -50.0), np.zeros(steps.shape)  # natural logarithms of the level
    for _ in range(60):
        middle = (low + high) / 2
        wide = critical(found, np.exp(middle)) >= steps
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    level = np.where(steps > 0, np.exp(high), 1.0)
    return float(level) if level.ndim == 0 else level
