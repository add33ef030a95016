"""Differences of differences: does a loss help more where the tail is longer, and which step of a table is larger?

The relative gain of a test image is ln(error without / error with); it has no unit, so larger errors in deeper rooms do
not enlarge it. The effect of the tail is the gain with the longest tail minus the gain with the shortest, each network
tested on rooms with the tail that it learned from; scenes of both have equal seeds, so images are paired. What the
claims of the paper ask is another thing: the gain on the same rooms after training with each tail.

Intervals are those of all claims, see `depthlib.base.stats_paired`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats import Interval
from depthlib.base.stats_power import detectable
from depthlib.report.comparison import Comparison, compare, errors

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

METRICS, LEVEL = ("abs_rel", "rmse"), 0.05
Pairs = Mapping[str, tuple[Sequence["RunRecord"], Sequence["RunRecord"]]]


def log_errors(records: Sequence[RunRecord], test: str, metric: str) -> np.ndarray:
    """ln of the error of each image: [seeds, images]."""
    return np.log(np.array([record.per_image(test, metric) for record in records]))


def gains(pairs: Pairs, metric: str) -> dict[str, np.ndarray]:
    """Relative gain [seeds, images] on each data set: ln(error without / error with).

    Args:
        pairs: data set, which is also the name of the test -> (records without the loss, records with it), seeds in one
            order.
    """
    return {
        data: log_errors(plain, data, metric) - log_errors(aware, data, metric)
        for data, (plain, aware) in pairs.items()
    }


def tail_effect(pairs: Pairs, short: str, long: str, metric: str) -> Comparison:
    """Gain with the long minus with the short tail; without an interval where there is a single seed.

    Raises ValueError unless both were tested on the same scenes.
    """
    tested = [pairs[data][0][0].result["tests"][data]["images"] for data in (short, long)]
    names = [[image.rpartition("/")[2] for image in images] for images in tested]
    if names[0] != names[1]:
        raise ValueError(f"{short}, {long}: found different test scenes, expected the same numbers in the same order")
    found = gains(pairs, metric)
    if len(found[long]) < 2:
        return _alone(found[short], found[long])
    effect = compare(found[short], found[long], level=LEVEL, margin=0.0, relative=False)
    return replace(effect, detectable=detectable(effect.paired, LEVEL))


def step_effect(
    before: Sequence[RunRecord], between: Sequence[RunRecord], after: Sequence[RunRecord], test: str, metric: str
) -> Comparison:
    """How much more the first of two steps of a table lowers the error than the second: above 0 where it does.

    Args:
        before, between, after: records of the three rows, seeds in one order.
    """
    tables = [errors(records, test, metric) for records in (before, between, after)]
    if len(tables[0]) < 2:
        return _alone(tables[1] - tables[2], tables[0] - tables[1])
    effect = compare(tables[1] - tables[2], tables[0] - tables[1], level=LEVEL, margin=0.0, relative=False)
    return replace(effect, detectable=detectable(effect.paired, LEVEL))


def _alone(better: np.ndarray, rival: np.ndarray) -> Comparison:
    """The difference of a single training, which has no interval."""
    mean = float((rival - better).mean())
    return Comparison(Interval(mean, nan, nan), 1, rival.shape[1], 0.0, 0.0, 0.0, None, 0.0)
