"""From comparisons to an answer: the ways in which a claim can be decided, and at which level each of them does.

| answer | when, at a level |
|---|---|
| supported | every comparison has its whole interval on the claimed side |
| contradicted | one has it on the other side, at the level divided by the number of comparisons (Bonferroni) |
| no difference that matters | every comparison has its whole interval within the margin |

The p-value of a claim is the smallest level at which its intervals decide it in any of these ways. An error in one of
them would need a truth under which the others are right or as improbable, so the level bounds all of them together.
Comparisons without any variation are left out; one with a side that has not learned can neither support a claim nor
show that there is no difference, nor does it contradict.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from depthlib.base.stats_paired import level_within
from depthlib.report.comparison import Comparison

DECIDED = SUPPORTED, CONTRADICTED, NO_DIFFERENCE = ("supported", "contradicted", "no difference that matters")


def ways(comparisons: Sequence[Comparison]) -> dict[str, tuple[float, int]]:
    """Answer -> (the smallest level at which the comparisons give it, position of the one on which it hangs)."""
    measured = [i for i, one in enumerate(comparisons) if one.measurable]
    fair = [i for i in measured if not comparisons[i].unlearned]
    if not fair:
        return {answer: (1.0, 0) for answer in DECIDED}

    def level(i: int, distance: float) -> float:
        return level_within(comparisons[i].paired, distance)

    up = {i: level(i, comparisons[i].difference.mean) for i in fair}
    down = {i: level(i, -comparisons[i].difference.mean) for i in fair}
    near = {i: level(i, comparisons[i].margin - abs(comparisons[i].difference.mean)) for i in fair}
    weakest, worst, widest = _highest(up), min(down, key=down.get), _highest(near)
    complete = len(fair) == len(measured)
    return {
        SUPPORTED: (up[weakest] if complete else 1.0, weakest),
        CONTRADICTED: (min(1.0, len(comparisons) * down[worst]), worst),
        NO_DIFFERENCE: (near[widest] if complete else 1.0, widest),
    }


def least_favourable(comparisons: Sequence[Comparison]) -> int | None:
    """Position of the comparison that is farthest from support, in standard errors; None where nothing was compared."""
    steps = [one.difference.mean / one.paired.error if one.measurable else np.inf for one in comparisons]
    return int(np.argmin(steps)) if comparisons else None


def answer(found: dict[str, tuple[float, int]], level: float) -> str | None:
    """The first answer that is given at `level`, or None."""
    return next((one for one in DECIDED if found[one][0] <= level), None)


def _highest(levels: dict[int, float]) -> int:
    return max(levels, key=levels.get)
