"""Two methods compared by one metric on one test: the numbers that a verdict is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats import Interval
from depthlib.base.stats_paired import Paired, interval_of, paired
from depthlib.report.error_scale import as_error

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord


@dataclass(frozen=True)
class Comparison:
    """How much lower the error of one method is than that of its rival, paired by seed and by frame.

    Attributes:
        difference: mean over seeds and frames with its interval, above 0 where the claimed side is better.
        seeds, images: size of the table.
        seed_part, frame_part, rest: see `Paired`.
        rival_error: mean; the difference as a share of it is the relative effect. None where that has no meaning.
        margin: a difference that is smaller does not matter.
        printed: the relative effect in print.
        unlearned: the sides that had to learn and have not.
        detectable: the smallest true difference found with 80 % probability at the level at which the claim is asked.
    """

    difference: Interval
    seeds: int
    images: int
    seed_part: float
    frame_part: float
    rest: float
    rival_error: float | None
    margin: float
    printed: float | None = None
    unlearned: tuple[str, ...] = ()
    detectable: float = float("inf")

    @property
    def paired(self) -> Paired:
        return Paired(self.difference.mean, self.seed_part, self.frame_part, self.rest, self.seeds, self.images)

    @property
    def measurable(self) -> bool:
        """Whether there is any variation; a comparison without it decides nothing."""
        return self.seed_part + self.frame_part > 0

    @property
    def relative(self) -> Interval | None:
        """The difference as a share of the rival's error."""
        if self.rival_error is None:
            return None
        ends = (self.difference.mean, self.difference.low, self.difference.high)
        return Interval(*(end / self.rival_error for end in ends))

    @property
    def against_print(self) -> str:
        """Whether the relative effect is "smaller than in print", "larger than in print" or "compatible with print"."""
        if self.relative is None or self.printed is None:
            return ""
        if self.relative.high < self.printed:
            return "smaller than in print"
        return "larger than in print" if self.relative.low > self.printed else "compatible with print"


def errors(records: Sequence[RunRecord], test: str, metric: str) -> np.ndarray:
    """The errors of each frame, [seeds, frames]."""
    return as_error(metric, np.array([record.per_image(test, metric) for record in records], dtype=np.float64))


def slopes(tables: Sequence[np.ndarray], doses: Iterable[float]) -> np.ndarray:
    """The least-squares slope of the errors of each frame over the doses, [seeds, frames]; one table a dose."""
    centred = np.array(list(doses)) - np.mean(list(doses))
    return np.tensordot(centred / (centred**2).sum(), np.stack(tables), axes=1)


def compare(
    better: np.ndarray,
    rival: np.ndarray | float,
    *,
    level: float,
    margin: float,
    relative: bool = True,
    printed: float | None = None,
    unlearned: tuple[str, ...] = (),
) -> Comparison:
    """Compare two tables of errors [seeds, frames]; those of the rival may be a single number.

    Args:
        level: two-sided, of the interval. margin: in units of the error.
        relative: whether a share of the rival's error means anything.
    """
    rival = np.broadcast_to(rival, better.shape)
    found = paired(rival - better, scale=float(max(np.abs(better).max(), np.abs(rival).max())))
    mean = float(rival.mean())
    return Comparison(
        interval_of(found, level),
        found.seeds,
        found.frames,
        found.seed_part,
        found.frame_part,
        found.rest,
        mean if relative and mean > 0 else None,
        margin,
        printed,
        unlearned,
    )
