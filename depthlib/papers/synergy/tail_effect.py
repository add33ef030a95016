"""Does a loss help more where the depth tail is longer? A difference of differences, judged like a claim.

The rule was fixed with the claims, before the runs. The relative gain of a test image is ln(error without / error
with); it has no unit, so larger errors in deeper rooms do not enlarge it. The effect is the gain with the longest tail
minus the gain with the shortest; scenes of both have equal seeds, so images are paired. The interval is the wider of
the bootstrap over seeds and images and Student's t with the variance over seeds, pooled over both methods and all
tails, with four trainings to a difference. Above 0 for every metric: supported. Below 0 for one metric: contradicted.
Else not resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from depthlib.base.stats import Comparison, compare
from depthlib.report.verdicts import CONTRADICTED, SUPPORTED, UNRESOLVED, widen

if TYPE_CHECKING:
    from depthlib.runs.store import RunRecord

METRICS, LEVEL, DRAWS = ("abs_rel", "rmse"), 0.95, 4000
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
    return {data: log_errors(plain, data, metric) - log_errors(aware, data, metric) for data, (plain, aware) in pairs.items()}


def tail_effect(pairs: Pairs, short: str, long: str, metric: str) -> Comparison:
    """Gain with the long minus with the short tail. Raises ValueError unless both were tested on the same scenes."""
    names = [[image.rpartition("/")[2] for image in pairs[data][0][0].result["tests"][data]["images"]] for data in (short, long)]
    if names[0] != names[1]:
        raise ValueError(f"{short}, {long}: found different test scenes, expected the same numbers in the same order")
    found = gains(pairs, metric)
    means = [log_errors(records, data, metric).mean(axis=1) for data, both in pairs.items() for records in both]
    freedom = sum(len(values) - 1 for values in means)
    variance = sum(float(np.square(values - values.mean()).sum()) for values in means) / max(1, freedom)
    comparison = compare(found[long], found[short], level=LEVEL, draws=DRAWS)
    return widen(comparison, found[long] - found[short], 4 * variance / len(found[long]), freedom, LEVEL)


def tail_verdict(effects: Sequence[Comparison]) -> str:
    """The verdict by the rule above, from one effect per metric. With one seed: not resolved."""
    if any(effect.seeds < 2 for effect in effects):
        return UNRESOLVED
    if all(effect.difference.low > 0 for effect in effects):
        return SUPPORTED
    return CONTRADICTED if any(effect.difference.high < 0 for effect in effects) else UNRESOLVED
