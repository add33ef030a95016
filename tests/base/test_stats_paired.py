"""Variance parts, intervals and levels against closed forms."""

import numpy as np
import pytest
from error_tables import table
from scipy import stats

from depthlib.base.stats_paired import Paired, critical, interval_of, level_within, paired
from depthlib.base.stats_power import detectable


def test_seeds_alone_give_students_interval():
    """Every frame of a seed has one value: the interval is that of a one-sample t test over the seeds."""
    rows = np.array([0.3, -0.1, 0.4, 0.2, 0.25])
    found, expected = paired(np.repeat(rows[:, None], 40, axis=1)), stats.ttest_1samp(rows, 0.0)
    ends = expected.confidence_interval(0.95)
    assert found.frame_part == pytest.approx(0, abs=1e-15) and found.rest == pytest.approx(0, abs=1e-15)
    assert interval_of(found).low == pytest.approx(ends.low) and interval_of(found).high == pytest.approx(ends.high)
    assert level_within(found, abs(found.mean)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_frames_alone_give_students_interval():
    columns = np.random.default_rng(1).normal(0.1, 0.3, 25)
    found, expected = paired(np.repeat(columns[None], 4, axis=0)), stats.ttest_1samp(columns, 0.0)
    ends = expected.confidence_interval(0.95)
    assert found.seed_part == pytest.approx(0, abs=1e-15)
    assert interval_of(found).low == pytest.approx(ends.low) and interval_of(found).high == pytest.approx(ends.high)
    assert level_within(found, abs(found.mean)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_the_rest_is_not_counted_twice():
    """The mean of the estimated variances is the variance of the means, which the plain sum of both parts exceeds."""
    seeds, frames, sd = 4, 12, (0.0, 0.0, 1.0)
    many = paired(table(seeds, frames, *sd, count=(20_000,)))
    true = 1 / (seeds * frames)
    assert many.mean.var() == pytest.approx(true, rel=0.03)
    assert (many.error**2).mean() == pytest.approx(true, rel=0.2)  # a part below 0 counts as 0, so a little above
    assert many.rest.mean() == pytest.approx(1, rel=0.01)
    mixed = paired(table(6, 40, 0.1, 0.5, 1.0, count=(5000,), seed=2))
    assert (mixed.error**2).mean() == pytest.approx(0.1**2 / 6 + 0.5**2 / 40 + 1 / 240, rel=0.03)
    assert mixed.seed_part.mean() == pytest.approx(0.1**2 / 6 + 1 / 240, rel=0.03)
    assert mixed.frame_part.mean() == pytest.approx(0.5**2 / 40, rel=0.05)


def test_cochran_by_his_definition():
    found = Paired(0.0, 0.03, 0.01, 0.0, seeds=6, frames=20)
    assert critical(found, 0.05) == pytest.approx(0.75 * stats.t.ppf(0.975, 5) + 0.25 * stats.t.ppf(0.975, 19))


@pytest.mark.parametrize("level", [0.2, 0.05, 0.003, 1e-6])
def test_the_level_of_a_distance_inverts_the_interval(level):
    found = paired(table(5, 30, 0.2, 0.3, 0.5))
    assert level_within(found, critical(found, level) * found.error) == pytest.approx(level, rel=1e-6)
    assert level_within(found, 0.0) == level_within(found, -1.0) == 1.0


def test_many_tables_at_once_are_each_by_itself():
    tables = table(4, 9, 0.3, 0.2, 0.5, count=(7,))
    many, single = paired(tables), [paired(one) for one in tables]
    levels = level_within(many, np.abs(many.mean))
    assert levels == pytest.approx([level_within(one, abs(one.mean)) for one in single])


def test_what_does_not_vary_decides_nothing():
    for value in (0.0, 0.1 + 0.2):
        found = paired(np.full((4, 8), value) + np.array([0, 1e-17])[[0, 1, 0, 1], None], scale=1.0)
        assert not found.varies and level_within(found, 1.0) == 1.0 and detectable(found, 0.05) == float("inf")
        assert interval_of(found).low == interval_of(found).high == found.mean


def test_pairing_removes_what_both_methods_share():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 10, size=(1, 200)) + rng.normal(0, 5, size=(4, 1))
    a, b = difficulty + rng.normal(0.5, 0.1, (4, 200)), difficulty + rng.normal(0.0, 0.1, (4, 200))
    found = interval_of(paired(a - b))
    assert found.low > 0.4 and found.high < 0.6


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((1, 9)), np.zeros((4, 1)), np.full((4, 4), np.nan)])
def test_bad_tables(bad):
    with pytest.raises(ValueError, match="differences: found shape"):
        paired(bad)
