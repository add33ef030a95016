"""What other numbers of seeds and frames would have seen of a comparison, and what pairing is worth in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats_paired import Paired, paired
from depthlib.base.stats_power import detectable, redesigned

if TYPE_CHECKING:
    import pandas as pd


def unpaired(better: np.ndarray, rival: np.ndarray) -> Paired:
    """The difference of two tables of errors [seeds, frames] as if nothing in them belonged together.

    The variances of the two means are added. (Those of `paired(rival - better)` lack twice the covariance, which is
    what
    the tables have in common: data order, frames that are hard for both.)
    """
    one, other = paired(better), paired(rival)
    parts = (getattr(one, name) + getattr(other, name) for name in ("seed_part", "frame_part", "rest"))
    return Paired(other.mean - one.mean, *parts, one.seeds, one.frames)


def spreads(found: Paired) -> tuple[float, float, float]:
    """Standard deviations of a difference from seed to seed, from frame to frame, and of the rest, s, f and e of
    `depthlib.base.stats_paired`.
    """
    of_seed = max(0.0, found.seed_part * found.seeds - found.rest / found.frames)
    return of_seed**0.5, (found.frame_part * found.frames) ** 0.5, found.rest**0.5


def smallest_found(found: Paired, seeds: int, frames: int, level: float) -> float:
    """The smallest true difference that so many seeds and frames find with 80 % probability, at a two-sided `level`.

    The variance parts of `found` are taken for the true ones; with few seeds they are themselves poorly known. Infinite
    where nothing varies.
    """
    return detectable(redesigned(found, seeds, frames), level)


def power_table(found: Paired, seeds: Sequence[int], frames: Sequence[int], level: float, scale: float) -> pd.DataFrame:
    """`smallest_found` as a share of `scale`, in per cent: a row a number of seeds, a column a number of frames."""
    import pandas as pd

    table = {
        f"{some} frames": {many: 100 * smallest_found(found, many, some, level) / scale for many in seeds}
        for some in frames
    }
    return pd.DataFrame(table).rename_axis("seeds")
