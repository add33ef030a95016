"""Does a loss help more where the depth tail is longer? A difference of differences, judged like a claim.

The relative gain of a test image is ln(error without / error with); it has no unit, so larger errors in deeper rooms do
not enlarge it. The effect is the gain with the longest tail minus the gain with the shortest; scenes of both have equal
seeds, so images are paired. The interval is that of all claims, see `depthlib.base.stats_paired`. Above 0 for every
metric: supported. Below 0 for one metric, at the level divided by their number: contradicted. Else not resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats import Interval
from depthlib.base.stats_power import detectable
from depthlib.report.claims import LEAST_SEEDS
from depthlib.report.comparison import Comparison, compare
from depthlib.report.decide import CONTRADICTED, SUPPORTED, ways
from depthlib.report.verdicts import UNRESOLVED

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
        mean = float((found[long] - found[short]).mean())
        return Comparison(Interval(mean, nan, nan), 1, found[long].shape[1], 0.0, 0.0, 0.0, None, 0.0)
    effect = compare(found[short], found[long], level=LEVEL, margin=0.0, relative=False)
    return replace(effect, detectable=detectable(effect.paired, LEVEL))


def tail_verdict(effects: Sequence[Comparison]) -> str:
    """The verdict by the rule above, from one effect per metric. With fewer seeds than a claim needs: not resolved."""
    if any(effect.seeds < LEAST_SEEDS for effect in effects):
        return UNRESOLVED
    found = ways(effects)
    return next((answer for answer in (SUPPORTED, CONTRADICTED) if found[answer][0] <= LEVEL), UNRESOLVED)
