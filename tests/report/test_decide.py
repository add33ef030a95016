"""The smallest level that decides, and what decides nothing."""

from dataclasses import replace

import numpy as np
import pytest
from invented_runs import IMAGES, runs
from judging import judged, with_claim

from depthlib.base.stats_paired import interval_of, level_within, paired
from depthlib.report.comparison import Comparison, compare
from depthlib.report.decide import CONTRADICTED, DECIDED, NO_DIFFERENCE, SUPPORTED, least_favourable, ways
from depthlib.report.verdicts import UNRESOLVED


def comparison(mean, error=1.0, margin=0.0, seeds=6, frames=10**6, **kwargs):
    """One whose seeds alone vary, with that standard error."""
    found = replace(paired(np.random.default_rng(0).normal(size=(seeds, 5))), seed_part=error**2, frame_part=0.0)
    interval = interval_of(replace(found, mean=mean, frames=frames))
    return Comparison(interval, seeds, frames, error**2, 0.0, 0.0, 10.0, margin, **kwargs)


def test_the_smallest_level_that_decides():
    """All on the claimed side: the weakest counts. One against: its level times their number. All near: the widest."""

    def p(one, distance):
        return level_within(one.paired, distance)

    up, weak, down = comparison(4.0), comparison(2.0), comparison(-3.0)
    found = ways([up, weak])
    assert found[SUPPORTED] == (pytest.approx(p(weak, 2.0)), 1) and found[CONTRADICTED][0] == 1.0
    found = ways([up, weak, down])
    assert found[SUPPORTED][0] == 1.0 and found[CONTRADICTED] == (pytest.approx(3 * p(down, 3.0)), 2)
    near = [comparison(0.5, margin=5.0), comparison(-1.0, margin=5.0)]
    assert ways(near)[NO_DIFFERENCE] == (pytest.approx(p(near[1], 4.0)), 1)
    assert ways([comparison(5.5, margin=5.0)])[NO_DIFFERENCE][0] == 1.0 and ways([])[SUPPORTED][0] == 1.0


def test_what_does_not_vary_neither_decides_nor_stands_in_the_way():
    still = compare(np.full((4, 8), 1.0), np.full((4, 8), 1.0), level=0.05, margin=0.02)
    worse = compare(np.full((4, 8), 1.0), 0.5, level=0.05, margin=0.02)
    assert not still.measurable and not worse.measurable
    assert ways([still]) == ways([worse]) == {answer: (1.0, 0) for answer in DECIDED}
    strong = comparison(8.0)
    assert ways([still, strong])[SUPPORTED] == (pytest.approx(level_within(strong.paired, 8.0)), 1)
    assert least_favourable([still, strong]) == 1
    records = runs({"d": 0.4, "a": 0.5})
    for one in records:
        if one.result["spec"]["variant"] != "floor-map":
            one.result["tests"]["streets"]["metrics"]["rmse"] = [0.25] * IMAGES
    verdict = judged("both-help", records, with_claim("both-help", metrics=("si_rmse", "rmse")))
    assert verdict.status == SUPPORTED and verdict.compared.endswith("si_rmse on streets")
    assert "1 of 2 not measurable: no variation" in verdict.why
    alone = judged("both-help", records, with_claim("both-help", metrics=("rmse",)))
    assert (alone.status, alone.why) == (UNRESOLVED, "not measurable: no comparison shows any variation")
    assert alone.deciding.detectable == float("inf")


def test_an_unlearned_comparison_supports_nothing_and_contradicts_nothing():
    failed = comparison(-9.0, unlearned=("a",))
    assert ways([comparison(9.0), failed])[SUPPORTED][0] == 1.0 == ways([comparison(9.0), failed])[CONTRADICTED][0]
    assert ways([comparison(-9.0), failed])[CONTRADICTED][0] < 0.001
