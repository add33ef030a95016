"""Power, what can be detected, and other designs, against closed forms."""

import numpy as np
import pytest
from error_tables import table
from scipy import stats

from depthlib.base.stats_paired import Paired, paired
from depthlib.base.stats_power import POWER, detectable, enough, power, redesigned


def test_power_of_seeds_alone_is_that_of_a_t_test():
    """The non-central t of statsmodels' and every textbook's one-sample test, worked out here by simulation."""
    found = Paired(0.0, 1 / 6, 0.0, 0.0, seeds=6, frames=100)
    draws = np.random.default_rng(0).normal(1.3, 1.0, (100_000, 6))
    hit = stats.ttest_1samp(draws, 0.0, axis=1)
    assert power(found, 1.3, 0.05) == pytest.approx(((hit.pvalue < 0.05) & (hit.statistic > 0)).mean(), abs=0.005)


def test_detectable_is_where_power_is_eighty_per_cent():
    found = paired(table(6, 64, 0.1, 0.3, 0.5))
    for level in (0.05, 0.01, 0.005):
        assert power(found, detectable(found, level), level) == pytest.approx(POWER, abs=1e-6)
    assert detectable(found, 0.01) > detectable(found, 0.05)
    normal = Paired(0.0, 0.0, 1.0, 0.0, seeds=6, frames=10**6)
    assert detectable(normal, 0.05) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8), abs=1e-3)


def test_another_design_has_the_variance_that_its_size_gives():
    found = Paired(0.0, 0.1**2 / 6 + 1 / 240, 0.5**2 / 40, 1.0, seeds=6, frames=40)
    larger = redesigned(found, 12, 160)
    assert larger.seed_part == pytest.approx(0.1**2 / 12 + 1 / (12 * 160)) and larger.frame_part == pytest.approx(
        0.5**2 / 160
    )
    same = redesigned(found, 6, 40)
    assert (same.seed_part, same.frame_part) == (pytest.approx(found.seed_part), pytest.approx(found.frame_part))


def test_the_design_that_would_do_does_and_a_seed_less_does_not():
    found = Paired(0.0, 0.1**2 / 6 + 1 / 240, 0.5**2 / 40, 1.0, seeds=6, frames=40)
    seeds, frames = enough(found, 0.12, 0.05, least=4)
    assert (
        power(redesigned(found, seeds, frames), 0.12, 0.05)
        >= POWER
        > power(redesigned(found, seeds - 1, frames), 0.12, 0.05)
    )
    assert frames > 40 and seeds >= 4 and enough(found, 1e-4, 0.05, least=4) is None
    assert enough(found, 10.0, 0.05, least=4) == (4, 40)
