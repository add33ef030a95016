"""Has a network learned? Its error is compared with that of the strongest floor on the same test.

A floor is a prediction that never looks at the image, see `depthlib.runs.floors`. What networks do that are no better
than it says nothing about a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats_paired import interval_of, paired
from depthlib.report.comparison import errors
from depthlib.report.matching import same_test
from depthlib.runs.floors import FLOORS

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

LEVEL = 0.05  # of the interval that must lie below the floor


def floor_of(records: Sequence[RunRecord], data: str, test: str, metric: str) -> RunRecord | None:
    """The floor with the lowest mean error on a test, of those made from the training set `data`; None without one."""
    found = [
        record
        for record in records
        if record.result["spec"]["variant"] in FLOORS
        and record.result["spec"]["data"] == data
        and metric in record.result["tests"].get(test, {"metrics": ()})["metrics"]
    ]
    return min(found, key=lambda record: errors([record], test, metric).mean(), default=None)


def has_learned(found: np.ndarray, floor: np.ndarray, share: float) -> bool:
    """Whether errors [seeds, frames] average to at most `share` of the floor's [1, frames], with all of their interval
    below it.
    """
    return bool(found.mean() <= share * floor.mean() and interval_of(paired(floor - found), LEVEL).low > 0)


def learned(runs: Sequence[RunRecord], floor: RunRecord, test: str, metric: str, share: float) -> bool:
    """`has_learned` of the runs of a method on a test. Raises ValueError where the floor was scored on other images."""
    same_test([*runs, floor], test)
    return has_learned(errors(runs, test, metric), errors([floor], test, metric), share)
